import type { PacketInput } from '../packet/fields.js'
import { packetTypes } from '../packet/packet-types.js'
import { decode, encode } from '../spec-support/codec.js'
import { difference, FakeTransport, packets } from './index.js'

const types = packetTypes.filter((cmd) => cmd !== undefined)

describe('packets', () => {
  test('one for each of the fifteen types', () => {
    expect(Object.keys(packets).sort()).toEqual([...types].sort())
    for (const cmd of types) expect(packets[cmd]().cmd).toBe(cmd)
  })

  test.each([3, 4, 5] as const)('level %i: what is built without a field can be sent, and is what arrives', (level) => {
    for (const cmd of types) {
      if (cmd === 'auth' && level < 5) continue
      const packet: PacketInput = packets[cmd]()
      const transport = new FakeTransport(() => 0, level)
      const chunks: Uint8Array[] = []
      transport.bytes$.subscribe((chunk) => chunks.push(chunk))
      transport.receive(packet.cmd === 'connect' ? { ...packet, protocolVersion: level } : packet)
      const [parsed, ...others] = decode(level, ...chunks)
      expect([cmd, difference(parsed, packet), others]).toEqual([cmd, undefined, []])
    }
  })

  test('fields take the place of defaults; a message id comes with the QoS', () => {
    expect(packets.publish({ topic: 'a', qos: 2 })).toEqual({ cmd: 'publish', topic: 'a', qos: 2, messageId: 1 })
    expect(packets.publish({ qos: 0 })).not.toHaveProperty('messageId')
    expect(packets.suback({ messageId: 9, granted: [1, 0x87] })).toEqual({
      cmd: 'suback',
      messageId: 9,
      granted: [1, 0x87],
    })
    expect(encode(5, packets.auth({ reasonCode: 0x18, properties: { authenticationMethod: 'm' } }))[2]).toBe(0x18)
  })
})
