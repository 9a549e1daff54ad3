import { Decoder, type PublishPacket } from '@rxmqtt/core'
import { digest, pattern, until } from '../helpers.js'
import { connect, tcp } from '../links.js'
import { encode, expectAllClosed, joined, watch } from './support.js'

expectAllClosed()

const LIMIT = 16_777_216
const HEAD = 1 + 4 + 3 + 1
/** The payload that makes an MQTT 5 PUBLISH to a one-letter topic `size` bytes long. */
const payloadOf = (size: number): Buffer => pattern(size - HEAD)

describe('a packet at the limit, over TCP', () => {
  test.each([LIMIT - 1, LIMIT])('%i bytes arrive whole, at the default limit of 16 MiB', async (size) => {
    const options = { protocolVersion: 5, maximumBuffered: 2 * LIMIT } as const
    const { client, server } = joined(await connect(tcp), { client: options, server: options })
    const [atServer, atClient] = [watch(server), watch(client)]
    const payload = payloadOf(size)
    const expected = digest(payload)
    expect(encode(5, { cmd: 'publish', topic: 't', payload }).length).toBe(size)
    for (const [from, to] of [
      [client, atServer],
      [server, atClient],
    ] as const) {
      from.publish({ topic: 't', payload: Buffer.from(payload) })
      await until(() => to.packets.length === 1, 'the packet', 10_000)
      expect(digest((to.packets[0] as PublishPacket).payload)).toBe(expected)
    }
    expect([...atServer.ends, ...atClient.ends]).toEqual([])
  })

  test('one byte more is refused at the call, by name, and the connection stays usable', async () => {
    const { client, server } = joined(await connect(tcp), {
      client: { protocolVersion: 5 },
      server: { protocolVersion: 5 },
    })
    const { packets, ends } = watch(server)
    expect(() => client.publish({ topic: 't', payload: payloadOf(LIMIT + 1) })).toThrow(
      expect.objectContaining({ code: 'invalid-packet', reasonCode: 0x95 }) as Error,
    )
    client.publish({ topic: 't', payload: 'small' })
    await until(() => packets.length === 1, 'the next packet')
    expect((packets[0] as PublishPacket).payload.length).toBe(5)
    expect(ends).toEqual([])
  })

  test('one byte more from a peer that may send it is refused at its header, and MQTT 5 is told 0x95', async () => {
    const { client, server } = joined(await connect(tcp), {
      client: { maximumPacketSize: 2 * LIMIT, maximumBuffered: 4 * LIMIT },
      server: { role: 'server' },
    })
    server.connect$.subscribe(() => server.connack())
    const [atServer, atClient] = [watch(server), watch(client)]
    client.connect({ protocolVersion: 5, clientId: 'c' })
    await until(() => atClient.packets.length === 1, 'CONNACK')
    client.publish({ topic: 't', payload: payloadOf(LIMIT + 1) })
    await until(() => atServer.ends.length > 0 && atClient.packets.length === 2, 'the refusal', 10_000)
    expect(atClient.packets[1]).toMatchObject({ cmd: 'disconnect', reasonCode: 0x95 })
    await until(() => atServer.ends.length > 0, 'the end')
    expect(atServer.ends).toEqual([{ code: 'packet-too-large', reasonCode: 0x95 }])
    expect(atServer.packets.map(({ cmd }) => cmd)).toEqual(['connect'])
  })
})

test.each([-1, 0, 1])('the limit of a decoder counts the fixed header: %i bytes beside it', (difference) => {
  const bytes = encode(4, { cmd: 'publish', topic: 't', payload: pattern(1_000) })
  const decoder = new Decoder({ maximumPacketSize: bytes.length + difference })
  decoder.push(bytes)
  if (difference < 0) expect(() => decoder.read()).toThrow('maximumPacketSize')
  else expect(decoder.read()).toMatchObject({ cmd: 'publish' })
})
