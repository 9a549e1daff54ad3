import type { PacketInput } from '../packet/fields.js'
import type { PacketType } from '../packet/packet.js'
import { encode, failure } from '../spec-support/codec.js'
import { packetOf } from '../spec-support/packets.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { FakeTransport } from '../testing/fake-transport.js'
import { flat } from '../testing/flat.js'
import { join, toHex, wire } from '../testing/wire.js'
import { Connection } from './connection.js'
import type { ConnectionOptions, Role } from './options.js'

expectNoUnhandled()

const tooLarge = { code: 'invalid-packet', reasonCode: 0x95 }
const limit = 100
/** The packets that can be padded, and by what. */
type Padding = 'reasonString' | 'userProperties' | 'payload' | 'topic'

const opened: Connection[] = []
afterEach(() => {
  for (const connection of opened.splice(0)) connection.destroy()
})

/** One end of an MQTT 5 conversation with the test as its peer. */
interface End {
  readonly connection: Connection
  readonly transport: FakeTransport
  /** How `closed$` ended. */
  readonly ends: unknown[]
  /** What left since the conversation began, in hex. */
  left(): Promise<string>
}

function start(options: ConnectionOptions): End {
  const transport = new FakeTransport()
  const connection = new Connection(transport, { protocolVersion: 5, ...options })
  opened.push(connection)
  const chunks: Uint8Array[] = []
  const ends: unknown[] = []
  connection.packets$.subscribe()
  connection.closed$.subscribe({
    complete: () => ends.push('complete'),
    error: (error: unknown) => ends.push(flat(error)),
  })
  transport.sent$.subscribe({ next: (chunk) => chunks.push(chunk), error: () => undefined })
  const left = async (): Promise<string> => {
    for (let i = 0; i < 5; i++) await Promise.resolve()
    return toHex(join(...chunks.splice(0)))
  }
  return { connection, transport, ends, left }
}

/** An end that has had the peer's CONNECT or CONNACK, with these properties of it. */
async function reach(
  role: Role | undefined,
  properties: object | undefined,
  phase: 'connecting' | 'accepted' = 'accepted',
  options: ConnectionOptions = {},
): Promise<End> {
  const end = start({ role, ...options })
  const { connection, transport } = end
  if (role === 'client') {
    connection.connect({ clientId: 'me' })
    if (phase === 'accepted') transport.receive(encode(5, { cmd: 'connack', properties }))
  } else {
    transport.receive(encode(5, { cmd: 'connect', protocolVersion: 5, clientId: 'me', properties }))
    if (phase === 'accepted') connection.connack()
  }
  await end.left()
  return end
}

/** A packet of exactly `size` bytes. */
function padded(cmd: PacketType, padding: Padding, size: number): PacketInput {
  const make = (length: number): PacketInput => {
    const text = 'x'.repeat(length)
    const packet: object = packetOf(cmd, 5)
    if (padding === 'payload') return { ...packet, payload: text } as PacketInput
    if (padding === 'topic') {
      const entries = cmd === 'subscribe' ? { subscriptions: [{ topic: text, qos: 0 }] } : { unsubscriptions: [text] }
      return { ...packet, ...entries } as unknown as PacketInput
    }
    const properties = padding === 'reasonString' ? { reasonString: text } : { userProperties: { k: text } }
    // AUTH has no properties without a method.
    const method = cmd === 'auth' ? { authenticationMethod: 'm' } : {}
    return { ...packet, properties: { ...method, ...properties } } as unknown as PacketInput
  }
  let packet = make(1)
  // Twice: the length field may grow on the way.
  for (let i = 0; i < 2; i++) packet = make(lengthOf(packet, padding) + size - encode(5, packet).length)
  expect(encode(5, packet)).toHaveLength(size)
  return packet
}

function lengthOf(packet: object, padding: Padding): number {
  const found = JSON.stringify(packet).match(/x+/g) ?? ['']
  return padding === 'payload' && !found[0] ? 0 : found[0].length
}

/** Statements that are about one packet type: its reason string, its user properties. */
const ofType: readonly (readonly [
  cmd: PacketType,
  sender: Role | 'both',
  reasonString: string,
  userProperties: string,
])[] = [
  ['connack', 'server', '3.2.2-19', '3.2.2-20'],
  ['puback', 'both', '3.4.2-2', '3.4.2-3'],
  ['pubrec', 'both', '3.5.2-2', '3.5.2-3'],
  ['pubrel', 'both', '3.6.2-2', '3.6.2-3'],
  ['pubcomp', 'both', '3.7.2-2', '3.7.2-3'],
  ['suback', 'server', '3.9.2-1', '3.9.2-2'],
  ['unsuback', 'server', '3.11.2-1', '3.11.2-2'],
  ['disconnect', 'both', '3.14.2-3', '3.14.2-4'],
  ['auth', 'both', '3.15.2-2', '3.15.2-3'],
]

/** Every other way for a packet to be too large. */
const others: readonly (readonly [cmd: PacketType, sender: Role | 'both', padding: Padding])[] = [
  ['publish', 'both', 'payload'],
  ['publish', 'both', 'userProperties'],
  ['subscribe', 'client', 'topic'],
  ['subscribe', 'client', 'userProperties'],
  ['unsubscribe', 'client', 'topic'],
  ['unsubscribe', 'client', 'userProperties'],
]

const cases = [
  ...ofType.flatMap(([cmd, sender, ofReason, ofUser]) => [
    { cmd, sender, padding: 'reasonString', id: `[MQTT-${ofReason}]` } as const,
    { cmd, sender, padding: 'userProperties', id: `[MQTT-${ofUser}]` } as const,
  ]),
  ...others.map(([cmd, sender, padding]) => ({ cmd, sender, padding, id: '' })),
].flatMap((each) => {
  const roles: readonly Role[] = each.sender === 'both' ? ['client', 'server'] : [each.sender]
  return roles.map((role) => ({
    ...each,
    role,
    id: `${each.id} [MQTT-${role === 'server' ? '3.1.2-24' : '3.2.2-15'}]`.trim(),
  }))
})

describe("group E: the peer's Maximum Packet Size, n − 1, n and n + 1", () => {
  test.each(cases)('MQTT 5 $id: $cmd of a $role, by its $padding', async ({ cmd, role, padding }) => {
    const phase = cmd === 'connack' ? 'connecting' : 'accepted'
    for (const size of [limit - 1, limit]) {
      const { connection, left } = await reach(role, { maximumPacketSize: limit }, phase)
      const packet = padded(cmd, padding, size)
      expect(failure(() => connection.write(packet))).toBeUndefined()
      expect(await left()).toBe(toHex(encode(5, packet)))
    }
    const { connection, ends, left } = await reach(role, { maximumPacketSize: limit }, phase)
    const before = connection.packetsSent
    expect(failure(() => connection.write(padded(cmd, padding, limit + 1)))).toMatchObject(tooLarge)
    expect([await left(), connection.packetsSent, ends]).toEqual(['', before, []])
    // Nothing has happened: the same without so much in it goes.
    const packet = padded(cmd, padding, limit)
    expect(failure(() => connection.write(packet))).toBeUndefined()
    expect(await left()).toBe(toHex(encode(5, packet)))
  })

  test.each(cases)('without one $cmd of a $role with $padding goes', async ({ cmd, role, padding }) => {
    const { connection, left } = await reach(role, undefined, cmd === 'connack' ? 'connecting' : 'accepted')
    const packet = padded(cmd, padding, 1_000)
    expect(failure(() => connection.write(packet))).toBeUndefined()
    expect(await left()).toBe(toHex(encode(5, packet)))
  })

  test('MQTT 5 [MQTT-3.1.2-24]: the packets of two bytes go where two are the maximum, and nothing else', async () => {
    const { connection, left } = await reach('server', { maximumPacketSize: 2 }, 'connecting')
    expect(failure(() => connection.connack())).toMatchObject(tooLarge)
    expect(await left()).toBe('')
    const client = await reach('client', { maximumPacketSize: 2 })
    client.connection.pingreq()
    expect(failure(() => client.connection.puback({ messageId: 1 }))).toMatchObject(tooLarge)
    client.connection.disconnect()
    expect(await client.left()).toBe('c000e000')
  })

  test('AUTH before CONNACK respects it too', async () => {
    const properties = { maximumPacketSize: limit, authenticationMethod: 'm' }
    for (const size of [limit, limit + 1]) {
      const { connection, left } = await reach('server', properties, 'connecting')
      const packet = { ...padded('auth', 'reasonString', size), reasonCode: 0x18 } as PacketInput
      const failed = failure(() => connection.write(packet))
      if (size === limit) expect(failed).toBeUndefined()
      else expect(failed).toMatchObject(tooLarge)
      expect(await left()).toBe(size === limit ? toHex(encode(5, packet)) : '')
    }
  })

  test('our own maximumPacketSize holds too: the lesser of both', async () => {
    for (const [own, theirs, most] of [
      [80, 100, 80],
      [100, 80, 80],
    ] as const) {
      const { connection } = await reach('client', { maximumPacketSize: theirs }, 'accepted', {
        maximumPacketSize: own,
      })
      expect(failure(() => connection.write(padded('publish', 'payload', most)))).toBeUndefined()
      expect(failure(() => connection.write(padded('publish', 'payload', most + 1)))).toMatchObject(tooLarge)
    }
  })

  test("it binds what is written, not what is read: the peer's packets may be larger", async () => {
    const { connection, transport, ends } = await reach('server', { maximumPacketSize: limit })
    const seen: number[] = []
    connection.publish$.subscribe(({ payload }) => seen.push(payload.length))
    transport.receive(encode(5, { cmd: 'publish', topic: 'a', payload: new Uint8Array(1_000) }))
    expect([seen, ends]).toEqual([[1_000], []])
  })

  test("it is the peer's that counts, not the one we sent", async () => {
    const client = start({ role: 'client' })
    client.connection.connect({ clientId: 'me', properties: { maximumPacketSize: limit } })
    client.transport.receive(encode(5, { cmd: 'connack' }))
    expect(failure(() => client.connection.write(padded('publish', 'payload', limit + 1)))).toBeUndefined()
    const server = await reach('server', undefined, 'connecting')
    server.connection.connack({ properties: { maximumPacketSize: limit } })
    expect(failure(() => server.connection.write(padded('publish', 'payload', limit + 1)))).toBeUndefined()
  })

  test('without a role the conversation is yours', async () => {
    const { connection } = await reach(undefined, { maximumPacketSize: limit })
    expect(failure(() => connection.write(padded('publish', 'payload', limit + 1)))).toBeUndefined()
  })
})

describe('a peer with a Maximum Packet Size that breaks a rule', () => {
  const badPublish = wire('36 00')

  test.each([
    [3, 'e00181'],
    // No room for the reason: nothing is said.
    [2, ''],
  ])('of %i bytes: the connection ends with the reason, and the goodbye respects the size', async (size, goodbye) => {
    const { transport, ends, left } = await reach('client', { maximumPacketSize: size })
    transport.receive(badPublish)
    expect(await left()).toBe(goodbye)
    transport.receiveEnd()
    transport.close()
    expect(ends).toEqual([{ code: 'malformed-packet', reasonCode: 0x81, returnCode: undefined }])
  })

  test.each([
    [5, '2003008200'],
    [4, ''],
  ])('of %i bytes, before its CONNACK: the same', async (size, goodbye) => {
    const { transport, ends, left } = await reach('server', { maximumPacketSize: size }, 'connecting')
    // A second CONNECT [MQTT-3.1.0-2].
    transport.receive(encode(5, { cmd: 'connect', protocolVersion: 5, clientId: 'me' }))
    expect(await left()).toBe(goodbye)
    transport.receiveEnd()
    transport.close()
    expect(ends).toEqual([{ code: 'protocol-error', reasonCode: 0x82, returnCode: undefined }])
  })
})

describe('group E: what a client asks its server for', () => {
  test('MQTT 5 [MQTT-3.1.2-28]: Response Information goes to who asked for it, and to nobody else', async () => {
    for (const [asked, goes] of [
      [true, true],
      [false, false],
      [undefined, false],
    ] as const) {
      const { connection, left } = await reach('server', { requestResponseInformation: asked }, 'connecting')
      const properties = { responseInformation: 'here' }
      const failed = failure(() => connection.connack({ properties }))
      if (goes) expect(failed).toBeUndefined()
      else expect(failed).toMatchObject({ code: 'invalid-packet' })
      expect(await left()).toBe(goes ? toHex(encode(5, { cmd: 'connack', properties })) : '')
      if (!goes) connection.connack()
      expect(await left()).toBe(goes ? '' : toHex(encode(5, { cmd: 'connack' })))
    }
  })

  const answers: readonly PacketType[] = ['puback', 'pubrec', 'pubrel', 'pubcomp', 'suback', 'unsuback', 'auth']
  const always: readonly PacketType[] = ['publish', 'connack', 'disconnect']
  const properties = (cmd: PacketType): Padding[] =>
    cmd === 'publish' ? ['userProperties'] : ['reasonString', 'userProperties']

  test.each(answers)(
    'MQTT 5 [MQTT-3.1.2-29]: a client that wants no problem information gets none in %s',
    async (cmd) => {
      for (const padding of properties(cmd)) {
        for (const wanted of [false, true, undefined]) {
          const { connection, ends, left } = await reach('server', { requestProblemInformation: wanted })
          const packet = padded(cmd, padding, 50)
          const failed = failure(() => connection.write(packet))
          if (wanted === false) expect(failed).toMatchObject({ code: 'invalid-packet' })
          else expect(failed).toBeUndefined()
          expect(await left()).toBe(wanted === false ? '' : toHex(encode(5, packet)))
          expect(ends).toEqual([])
        }
      }
    },
  )

  test.each(answers.filter((cmd) => cmd !== 'suback' && cmd !== 'unsuback'))(
    'MQTT 5 [MQTT-3.1.2-29]: that binds no client in its %s',
    async (cmd) => {
      const { connection, transport, left } = start({ role: 'client' })
      connection.connect({ clientId: 'me', properties: { requestProblemInformation: false } })
      transport.receive(encode(5, { cmd: 'connack' }))
      await left()
      const packet = padded(cmd, 'reasonString', 50)
      expect(failure(() => connection.write(packet))).toBeUndefined()
      expect(await left()).toBe(toHex(encode(5, packet)))
    },
  )

  test.each(always)('MQTT 5 [MQTT-3.1.2-29]: it gets it in %s all the same', async (cmd) => {
    for (const padding of properties(cmd)) {
      const phase = cmd === 'connack' ? 'connecting' : 'accepted'
      const { connection, left } = await reach('server', { requestProblemInformation: false }, phase)
      const packet = padded(cmd, padding, 50)
      expect(failure(() => connection.write(packet))).toBeUndefined()
      expect(await left()).toBe(toHex(encode(5, packet)))
    }
  })
})
