import type { ConnectPacket, PublishPacket } from '../packet/packet.js'
import { decode, encode } from '../spec-support/codec.js'
import { packetOf } from '../spec-support/conformance/statement.js'
import { toHex } from '../testing/wire.js'

/** A PUBLISH that comes in on one connection and goes out on another. */
function forward(bytes: Uint8Array): PublishPacket {
  const [packet] = decode(5, bytes)
  expect(toHex(encode(5, packet as PublishPacket))).toBe(toHex(bytes))
  const { cmd, topic, payload, properties } = packet as PublishPacket
  const fields = properties === undefined ? {} : { properties: { ...properties } }
  expect(toHex(encode(5, { cmd, topic, payload, ...fields }))).toBe(toHex(bytes))
  return packet as PublishPacket
}

const user = (name: string, value: string): string => `26 0001 "${name}" 0001 "${value}"`

/** Group P: what a message says is not altered on its way through. */
const statements: Readonly<Record<string, () => void>> = {
  '3.1.3-10': () => {
    const will = [user('b', '1'), user('a', '2'), user('b', '3')].join(' ')
    const bytes = packetOf(`10: 0004 "MQTT" 05 06 0000 00 0001 "c" 15 ${will} 0001 "w" 0001 "p"`)
    const connect = decode(5, bytes)[0] as ConnectPacket
    expect(toHex(encode(5, connect))).toBe(toHex(bytes))
    const { topic, payload, properties } = connect.will!
    const published = encode(5, { cmd: 'publish', topic, payload, properties: { ...properties } })
    expect(toHex(published)).toBe(toHex(packetOf(`30: 0001 "w" 15 ${will} "p"`)))
  },
  '3.3.2-4': () => {
    expect(forward(packetOf('30: 0001 "t" 02 01 01 "p"')).properties).toEqual({ payloadFormatIndicator: true })
    expect(forward(packetOf('30: 0001 "t" 02 01 00 "p"')).properties).toEqual({ payloadFormatIndicator: false })
  },
  '3.3.2-15': () => {
    expect(forward(packetOf('30: 0001 "t" 07 08 0004 efbbbf "r"')).properties).toEqual({ responseTopic: '\ufeffr' })
  },
  '3.3.2-16': () => {
    const { properties } = forward(packetOf('30: 0001 "t" 07 09 0004 00ff80c0'))
    expect(toHex(properties!.correlationData!)).toBe('00ff80c0')
    expect(forward(packetOf('30: 0001 "t" 03 09 0000')).properties!.correlationData).toHaveLength(0)
  },
  '3.3.2-17': () => {
    const { properties } = forward(packetOf(`30: 0001 "t" 0c ${user('a', '1')} 26 0000 0000`))
    expect(Object.entries(properties!.userProperties!)).toEqual([
      ['a', '1'],
      ['', ''],
    ])
  },
  '3.3.2-18': () => {
    const orders = [
      ['a1', 'b2', 'a3'],
      ['b1', 'a1', 'b1', 'a1'],
      ['21', '11', '22'],
      ['_1', 'a2', '_3'],
    ]
    for (const order of orders) {
      const pairs = order.map(([name, value]) => user(name!, value!)).join(' ')
      forward(packetOf(`30: 0001 "t" ${(order.length * 7).toString(16).padStart(2, '0')} ${pairs}`))
    }
    forward(packetOf(`30: 0001 "t" 16 26 0009 "__proto__" 0001 "1" 26 0001 "a" 0001 "2"`))
    forward(packetOf(`30: 0001 "t" 12 ${user('2', 'x')} ${user('1', 'y')} 03 0001 "c"`))
  },
  '3.3.2-20': () => {
    expect(forward(packetOf('30: 0001 "t" 06 03 0003 "a/b"')).properties).toEqual({ contentType: 'a/b' })
    expect(forward(packetOf('30: 0001 "t" 03 03 0000')).properties).toEqual({ contentType: '' })
  },
}

const groupP = '3.1.3-10 3.3.2-4 3.3.2-15 3.3.2-16 3.3.2-17 3.3.2-18 3.3.2-20'

test('every statement of group P has its test', () => {
  expect(Object.keys(statements)).toEqual(groupP.split(' '))
})

test.each(Object.entries(statements))('MQTT5 [MQTT-%s] passes through unaltered', (_, run) => run())

test('a changed object of user properties is written as it is now', () => {
  const pairs = [user('b', '1'), user('a', '2'), user('b', '3')].join(' ')
  const { topic, properties } = decode(5, packetOf(`30: 0001 "t" 15 ${pairs}`))[0] as PublishPacket
  const changed = properties!.userProperties as Record<string, string | string[]>
  changed['a'] = '9'
  const bytes = encode(5, { cmd: 'publish', topic, properties: { userProperties: changed } })
  expect(toHex(bytes)).toBe(toHex(packetOf(`30: 0001 "t" 15 ${user('b', '1')} ${user('b', '3')} ${user('a', '9')}`)))
})
