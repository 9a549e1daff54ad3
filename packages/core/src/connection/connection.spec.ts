import { memoryPair } from '@rxmqtt/transports/memory'
import { map, type Observable } from 'rxjs'
import { ofType } from '../operators/of-type.js'
import type { PacketInput } from '../packet/fields.js'
import type { Packet, PacketType, ProtocolVersion } from '../packet/packet.js'
import { decode, encode } from '../spec-support/codec.js'
import { allTypes, packetOf } from '../spec-support/packets.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { FakeTransport } from '../testing/fake-transport.js'
import { flat, marbles } from '../testing/marbles.js'
import { join, wire } from '../testing/wire.js'
import { Connection } from './connection.js'
import type { ConnectionOptions } from './options.js'

expectNoUnhandled()

const versions = [3, 4, 5] as const
const names = { 3: 'MQTT 3.1', 4: 'MQTT 3.1.1', 5: 'MQTT 5' } as const
const typesOf = (version: ProtocolVersion): readonly PacketType[] =>
  version === 5 ? allTypes : allTypes.filter((cmd) => cmd !== 'auth')

/** Calls the writer method of a packet's type. */
function call(connection: Connection, { cmd, ...fields }: PacketInput): boolean {
  return (connection[cmd] as (fields: object) => boolean)(fields)
}

/** The stream of a packet type. */
function streamOf(connection: Connection, cmd: PacketType): Observable<Packet> {
  return connection[`${cmd}$`]
}

function collect<T>(source$: Observable<T>): T[] {
  const values: T[] = []
  source$.subscribe((value) => values.push(value))
  return values
}

/** What left; how the sink ended is not looked at here. */
function left(transport: FakeTransport): Uint8Array[] {
  const chunks: Uint8Array[] = []
  transport.sent$.subscribe({ next: (chunk) => chunks.push(chunk), error: () => undefined })
  return chunks
}

/** Two ends of one link in memory; what is told of each is kept. */
function joined(
  version: ProtocolVersion,
  options: ConnectionOptions = {},
  chunkSize?: number,
): [Connection, Connection] {
  const [near, far] = memoryPair({ chunkSize })
  return [new Connection(near, { ...options, protocolVersion: version }), new Connection(far, options)]
}

async function settle(): Promise<void> {
  for (let i = 0; i < 200; i++) await Promise.resolve()
}

describe.each(versions)('both ends, level %i', (version) => {
  const packets = typesOf(version)
    .filter((cmd) => cmd !== 'connect')
    .map((cmd) => packetOf(cmd, version))
  const connect = packetOf('connect', version)

  test.each([
    ['whole chunks', undefined],
    ['chunks of one byte', 1],
    ['chunks of three bytes', 3],
  ])(`${names[version]}: each of the fifteen, client to server and back, in %s`, async (_, chunkSize) => {
    const [client, server] = joined(version, {}, chunkSize)
    const expected = decode(version, encode(version, connect, ...packets))
    const back = expected.slice(1)
    const all = { client: collect(client.packets$), server: collect(server.packets$) }
    const received = { client: collect(client.received$), server: collect(server.received$) }
    const sent = { client: collect(client.sent$), server: collect(server.sent$) }
    const own = allTypes.map((cmd) => collect(streamOf(server, cmd)))
    const filtered = allTypes.map((cmd) => collect(server.packets$.pipe(ofType(cmd))))
    for (const packet of [connect, ...packets]) expect(call(client, packet)).toBe(true)
    await settle()
    // The other direction by write.
    for (const packet of packets) expect(server.write(packet)).toBe(true)
    await settle()
    expect(flat(all)).toEqual(flat({ client: back, server: expected }))
    expect(flat(received)).toEqual(flat(all))
    expect(flat(sent)).toEqual(flat({ client: expected, server: back }))
    expect(flat(own)).toEqual(flat(filtered))
    expect(own.map(({ length }) => length)).toEqual(allTypes.map((cmd) => (cmd === 'auth' && version < 5 ? 0 : 1)))
    expect([client.protocol.version, server.protocol.version]).toEqual([version, version])
    client.end()
    server.end()
    await settle()
  })

  test(`${names[version]}: with roles, a whole conversation, and both ends end cleanly`, async () => {
    const [near, far] = memoryPair()
    const client = new Connection(near, { role: 'client', protocolVersion: version })
    const server = new Connection(far, { role: 'server' })
    const ends: string[] = []
    for (const [name, { closed$ }] of [
      ['client', client],
      ['server', server],
    ] as const) {
      closed$.subscribe({ complete: () => ends.push(name), error: (error: unknown) => ends.push(String(error)) })
    }
    const seen = collect(client.packets$.pipe(map(({ cmd }) => cmd)))
    server.connect$.subscribe(() => server.connack())
    server.subscribe$.subscribe(({ messageId }) => server.suback({ messageId, granted: [0] }))
    server.publish$.subscribe(({ topic, payload }) => server.publish({ topic, payload }))
    server.pingreq$.subscribe(() => server.pingresp())
    client.connack$.subscribe(() => client.subscribe({ messageId: 1, subscriptions: [{ topic: 'a', qos: 0 }] }))
    client.suback$.subscribe(() => client.publish({ topic: 'a', payload: 'hi' }))
    client.publish$.subscribe(() => client.pingreq())
    client.pingresp$.subscribe(() => client.disconnect())
    client.connect({ clientId: 'me' })
    await settle()
    expect(seen).toEqual(['connack', 'suback', 'publish', 'pingresp'])
    expect(ends.sort()).toEqual(['client', 'server'])
  })
})

describe('law 4: the version follows the CONNECT, in place, in both directions, in the middle of a chunk', () => {
  const goodbye: PacketInput = { cmd: 'disconnect', reasonCode: 4 }
  const connect5: PacketInput = { cmd: 'connect', clientId: 'me', protocolVersion: 5 }

  test('incoming: what follows in the chunk, and what is answered, has the new version', async () => {
    const transport = new FakeTransport()
    const connection = new Connection(transport)
    const seen = collect(connection.packets$)
    const sent = left(transport)
    connection.connect$.subscribe(() => connection.connack())
    transport.receive(encode(5, connect5, goodbye))
    await settle()
    expect(seen).toMatchObject([{ protocolVersion: 5 }, { reasonCode: 4 }])
    expect(flat(join(...sent))).toBe('2003000000')
    connection.destroy()
  })

  test('outgoing: what follows in the turn, and what is then read, has the new version', async () => {
    const transport = new FakeTransport()
    const connection = new Connection(transport)
    const seen = collect(connection.packets$)
    const sent = left(transport)
    connection.write(connect5)
    connection.write(goodbye)
    await settle()
    expect(flat(join(...sent))).toBe(flat(encode(5, connect5, goodbye)))
    transport.receive(wire('20 03 00 87 00'))
    expect(seen).toMatchObject([{ cmd: 'connack', reasonCode: 0x87 }])
    connection.destroy()
  })

  test('connect() without a version uses the option, 4 by default', async () => {
    for (const [option, level] of [
      [undefined, 4],
      [3, 3],
      [4, 4],
      [5, 5],
    ] as const) {
      const transport = new FakeTransport()
      const connection = new Connection(transport, { protocolVersion: option })
      const sent = left(transport)
      expect(connection.protocol.version).toBe(level)
      connection.connect({ clientId: 'me' })
      await settle()
      expect(decode(level, ...sent)).toMatchObject([{ cmd: 'connect', protocolVersion: level }])
      connection.destroy()
    }
  })

  test('only the first: a later CONNECT, or one that was refused, changes nothing', () => {
    const transport = new FakeTransport()
    const connection = new Connection(transport)
    connection.packets$.subscribe()
    transport.receive(encode(5, connect5))
    transport.receive(encode(4, { cmd: 'connect', clientId: 'me' }))
    expect(connection.protocol.version).toBe(5)
    expect(() => connection.connect({ protocolVersion: 7 as never })).toThrow()
    connection.connect({ clientId: 'me', protocolVersion: 3 })
    expect(connection.protocol.version).toBe(5)
    connection.destroy()
    const other = new Connection(new FakeTransport())
    expect(() => other.connect({ clientId: '', clean: false })).toThrow()
    expect([other.protocol.version, other.protocol.settled]).toEqual([4, false])
    other.destroy()
  })
})

describe('taps', () => {
  test('received$ and sent$ see every packet, when it is read and when it leaves', () => {
    marbles((helpers) => {
      const transport = helpers.transport('-a---b', { a: wire('c0 00'), b: wire('d0 00 d0 00') })
      const connection = new Connection(transport)
      connection.pingreq$.subscribe()
      const types = map(({ cmd }: Packet) => cmd)
      helpers.does('---(ab)', {
        a: () => connection.pingresp(),
        b: () => connection.publish({ topic: 'a', payload: new Uint8Array(5_000) }),
      })
      helpers.expectObservable(connection.received$.pipe(types)).toBe('-a---(bb)', { a: 'pingreq', b: 'pingresp' })
      helpers.expectObservable(connection.sent$.pipe(types)).toBe('---(ab)', { a: 'pingresp', b: 'publish' })
    })
  })

  test('sent$ reads what was written before a CONNECT in the version before it', async () => {
    const [near] = memoryPair()
    const connection = new Connection(near)
    const sent = collect(connection.sent$)
    connection.publish({ topic: 'a', payload: 'x' })
    connection.connect({ protocolVersion: 5, clientId: 'me' })
    connection.publish({ topic: 'a', properties: { contentType: 'b' } })
    await Promise.resolve()
    expect(sent).toMatchObject([
      { cmd: 'publish', payload: Uint8Array.of(0x78) },
      { cmd: 'connect', protocolVersion: 5 },
      { cmd: 'publish', properties: { contentType: 'b' } },
    ])
    connection.destroy()
  })

  test('each stream is one Observable, for those who compare what a template reads', () => {
    const connection = new Connection(memoryPair()[0])
    const keys = ['received$', 'sent$', 'closed$', 'writable$', 'packets$', 'publish$'] as const
    for (const key of keys) expect(connection[key]).toBe(connection[key])
    connection.destroy()
  })

  test('sent$ sees a goodbye and the answer to a bad packet', async () => {
    const transport = new FakeTransport()
    const connection = new Connection(transport)
    const sent = collect(connection.sent$)
    connection.packets$.subscribe()
    transport.receive(encode(5, { cmd: 'connect', clientId: 'me', protocolVersion: 5 }))
    connection.connack()
    transport.receive(wire('00'))
    await settle()
    expect(sent).toMatchObject([
      { cmd: 'connack', reasonCode: 0 },
      { cmd: 'disconnect', reasonCode: 0x81 },
    ])
    connection.destroy()
  })

  test('the same stream each time it is asked for; the transport and the protocol are there', () => {
    const transport = new FakeTransport()
    const connection = new Connection(transport)
    expect(connection.packets$).toBe(connection.packets$)
    expect(connection.publish$).toBe(connection.publish$)
    expect(connection.closed$).toBe(connection.closed$)
    expect([connection.transport, connection.protocol.version]).toEqual([transport, 4])
    connection.destroy()
  })
})

test('writers do not change what they are given', async () => {
  const transport = new FakeTransport()
  const connection = new Connection(transport)
  const properties = Object.freeze({ contentType: 'text' })
  const connect = Object.freeze({ clientId: 'me', protocolVersion: 5, properties: Object.freeze({}) } as const)
  expect(connection.connect(connect)).toBe(true)
  expect(connection.publish(Object.freeze({ topic: 'a', payload: 'hi', properties }))).toBe(true)
  await settle()
  expect(flat(join(...left(transport)))).toContain('610703000474657874')
  connection.destroy()
})
