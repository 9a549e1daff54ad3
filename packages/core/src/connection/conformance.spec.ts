import { delay, mergeMap, of, throwError } from 'rxjs'
import type { PacketInput } from '../packet/fields.js'
import type { PacketType, ProtocolVersion } from '../packet/packet.js'
import { decode, encode, failure } from '../spec-support/codec.js'
import { allTypes, packetOf } from '../spec-support/packets.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { FakeTransport } from '../testing/fake-transport.js'
import { flat } from '../testing/marbles.js'
import { join, wire } from '../testing/wire.js'
import { Connection } from './connection.js'
import type { Role } from './options.js'

expectNoUnhandled()

const versions = [3, 4, 5] as const
const names = { 3: 'MQTT 3.1', 4: 'MQTT 3.1.1', 5: 'MQTT 5' } as const
const phases = ['new', 'connecting', 'enhanced', 'accepted', 'over'] as const
type Phase = (typeof phases)[number]

const opened: Connection[] = []
afterEach(() => {
  for (const connection of opened.splice(0)) connection.destroy()
})

/** One end of a conversation with the test as its peer. */
class End {
  readonly transport = new FakeTransport()
  readonly connection: Connection
  readonly types: PacketType[] = []
  /** How `closed$` ended. */
  readonly ends: unknown[] = []
  readonly version: ProtocolVersion

  constructor(role: Role, version: ProtocolVersion) {
    this.version = version
    this.connection = new Connection(this.transport, { role, protocolVersion: version })
    opened.push(this.connection)
    this.connection.packets$.subscribe(({ cmd }) => this.types.push(cmd))
    this.connection.closed$.subscribe({
      complete: () => this.ends.push('complete'),
      error: (error: unknown) => this.ends.push(flat(error)),
    })
  }

  receive(...packets: PacketInput[]): this {
    // Framed one by one, each in the version of the conversation.
    this.transport.receive(join(...packets.map((packet) => encode(this.version, packet))))
    return this
  }

  write(...packets: PacketInput[]): this {
    for (const packet of packets) this.connection.write(packet)
    return this
  }

  /** What left so far, by type; the connection is asked to end for it. */
  async left(): Promise<PacketType[]> {
    return (await this.leftPackets()).map(({ cmd }) => cmd)
  }

  async leftPackets(): Promise<ReturnType<typeof decode>> {
    for (let i = 0; i < 5; i++) await Promise.resolve()
    const chunks: Uint8Array[] = []
    this.transport.sent$.subscribe({ next: (chunk) => chunks.push(chunk), error: () => undefined })
    return decode(this.version, ...chunks)
  }

  /** Whether the sink was completed or destroyed. */
  get isClosed(): boolean {
    let closed = false
    this.transport.sent$.subscribe({ complete: () => (closed = true), error: () => (closed = true) })
    return closed
  }
}

/** An end of a conversation that has come so far; nothing but what is needed for it was said. */
function reach(role: Role, version: ProtocolVersion, phase: Phase): End {
  const end = new End(role, version)
  const say = (side: Role, packet: PacketInput): unknown => (side === role ? end.write(packet) : end.receive(packet))
  if (phase === 'new') return end
  const properties = { authenticationMethod: 'm' }
  say('client', {
    cmd: 'connect',
    clientId: 'me',
    protocolVersion: version,
    ...(phase === 'enhanced' && { properties }),
  })
  if (phase === 'connecting' || phase === 'enhanced') return end
  say('server', { cmd: 'connack' })
  if (phase === 'over') say('client', { cmd: 'disconnect' })
  return end
}

/** What each side may say, as the standards have it, typed here by hand. */
const exchanges: readonly PacketType[] = ['publish', 'puback', 'pubrec', 'pubrel', 'pubcomp']
function allowed(sender: Role, version: ProtocolVersion, phase: Phase): readonly PacketType[] {
  const auth: readonly PacketType[] = version === 5 ? ['auth'] : []
  if (phase === 'over') return []
  if (sender === 'client') {
    if (phase === 'new') return ['connect']
    if (phase === 'enhanced') return ['disconnect', ...auth]
    return [...exchanges, 'subscribe', 'unsubscribe', 'pingreq', 'disconnect', ...auth]
  }
  if (phase === 'new') return []
  if (phase !== 'accepted') return ['connack', ...auth]
  return [...exchanges, 'suback', 'unsuback', 'pingresp', ...(version === 5 ? (['disconnect', 'auth'] as const) : [])]
}

const inOrder = (types: readonly PacketType[]): PacketType[] => allTypes.filter((cmd) => types.includes(cmd))

describe.each(versions)('group B, the matrix of states and packets, level %i', (version) => {
  for (const role of ['server', 'client'] as const) {
    for (const phase of phases.filter((each) => each !== 'enhanced' || version === 5)) {
      const peer = role === 'server' ? 'client' : 'server'

      test(`${names[version]} ${role}, ${phase}: what comes in`, () => {
        const passed: PacketType[] = []
        for (const cmd of allTypes) {
          const end = reach(role, version, phase)
          const before = end.types.length
          // AUTH has no bytes before MQTT 5; its first byte is enough to be refused.
          if (cmd === 'auth' && version < 5) end.transport.receive(wire('f0 00'))
          else end.receive(packetOf(cmd, version))
          if (end.types.length > before) {
            passed.push(cmd)
            expect(end.types.at(-1)).toBe(cmd)
            continue
          }
          if (phase === 'over') continue
          end.transport.receiveEnd()
          const code = cmd === 'auth' && version < 5 ? 'malformed-packet' : 'protocol-error'
          expect([cmd, end.ends]).toEqual([cmd, [{ code, reasonCode: code === 'malformed-packet' ? 0x81 : 0x82 }]])
          expect(end.isClosed).toBe(true)
        }
        expect(passed).toEqual(inOrder(allowed(peer, version, phase)))
      })

      test(`${names[version]} ${role}, ${phase}: what goes out`, async () => {
        const passed: PacketType[] = []
        for (const cmd of allTypes) {
          const end = reach(role, version, phase)
          const before = await end.left()
          let result: boolean | undefined
          const error = failure(() => (result = end.connection.write(packetOf(cmd, version))))
          const after = await end.left()
          if (after.length > before.length) {
            passed.push(cmd)
            expect(after).toEqual([...before, cmd])
            continue
          }
          if (phase === 'over') {
            expect([result, error]).toEqual([false, undefined])
            continue
          }
          expect([cmd, error?.code]).toEqual([cmd, 'invalid-packet'])
          expect(end.ends).toEqual([])
          // The connection stays usable: the next packet that may be said is.
          const next = allowed(role, version, phase)[0]
          if (next !== undefined) expect(await end.write(packetOf(next, version)).left()).toEqual([...before, next])
        }
        expect(passed).toEqual(inOrder(allowed(role, version, phase)))
      })
    }
  }
})

interface Statement {
  readonly version: 4 | 5
  readonly id: string
  readonly says: string
  check(): unknown
}

const protocolError = { code: 'protocol-error', reasonCode: 0x82 }
const ids: string[] = []

function statement({ version, id, says, check }: Statement): void {
  ids.push(`${version} ${id}`)
  test(`${names[version]} [MQTT-${id}] ${says}`, async () => {
    await check()
  })
}

/** A statement that both standards make, each under its own id. */
function both(five: string, four: string, says: string, check: (version: 4 | 5) => unknown): void {
  statement({ version: 5, id: five, says, check: () => check(5) })
  statement({ version: 4, id: four, says, check: () => check(4) })
}

const refusal = { 4: { cmd: 'connack', returnCode: 5 }, 5: { cmd: 'connack', reasonCode: 0x87 } } as const

describe('group B, by id', () => {
  both('3.1.0-1', '3.1.0-1', 'the first packet from a client is CONNECT', async (version) => {
    for (const cmd of allTypes.filter((each) => each !== 'connect' && (each !== 'auth' || version === 5))) {
      const server = new End('server', version).receive(packetOf(cmd, version))
      expect([server.types, server.ends]).toEqual([[], [protocolError]])
      const client = new End('client', version)
      expect(failure(() => client.connection.write(packetOf(cmd, version)))?.code).toBe('invalid-packet')
      expect(await client.left()).toEqual([])
    }
  })

  both('3.1.0-2', '3.1.0-2', 'a second CONNECT is a protocol error', async (version) => {
    for (const phase of ['connecting', 'accepted'] as const) {
      const server = reach('server', version, phase).receive(packetOf('connect', version))
      server.transport.receiveEnd()
      expect([server.types, server.ends, server.isClosed]).toEqual([['connect'], [protocolError], true])
      const client = reach('client', version, phase)
      expect(failure(() => client.connection.connect({ clientId: 'me' }))?.code).toBe('invalid-packet')
      expect(await client.left()).toEqual(['connect'])
    }
  })

  statement({
    version: 5,
    id: '3.1.2-30',
    says: 'with an authentication method, a client sends nothing but AUTH and DISCONNECT before CONNACK',
    check: () => {
      const auth = { cmd: 'auth', reasonCode: 0x18, properties: { authenticationMethod: 'm' } } as const
      const { connection } = reach('client', 5, 'enhanced')
      expect(failure(() => connection.publish({ topic: 'a' }))?.code).toBe('invalid-packet')
      expect(failure(() => connection.write(auth))).toBeUndefined()
      const server = reach('server', 5, 'enhanced').receive(auth, packetOf('publish', 5))
      server.transport.receiveEnd()
      expect([server.types, server.ends]).toEqual([['connect', 'auth'], [protocolError]])
      const accepted = reach('client', 5, 'enhanced').receive({ cmd: 'connack' })
      expect(accepted.connection.publish({ topic: 'a' })).toBe(true)
    },
  })

  statement({
    version: 4,
    id: '3.1.3-8',
    says: 'no client id without clean session is answered by CONNACK 2, and closed',
    check: async () => {
      const server = new End('server', 4)
      server.transport.receive(wire('10 0c 0004 "MQTT" 04 00 0000 0000'))
      expect(await server.leftPackets()).toMatchObject([{ cmd: 'connack', returnCode: 2 }])
      expect([server.types, server.isClosed]).toEqual([[], true])
    },
  })

  statement({
    version: 4,
    id: '3.1.3-9',
    says: 'a server that rejects the client id answers CONNACK 2, and closes',
    check: async () => {
      const server = reach('server', 4, 'connecting').write({ cmd: 'connack', returnCode: 2 })
      expect(await server.leftPackets()).toMatchObject([{ cmd: 'connack', returnCode: 2 }])
      expect(server.isClosed).toBe(true)
    },
  })

  both('3.1.4-5', '3.1.4-4', 'a CONNECT that passes is answered by CONNACK 0 before anything else', async (version) => {
    const server = reach('server', version, 'connecting')
    server.connection.connack()
    expect(await server.leftPackets()).toMatchObject([
      { cmd: 'connack', ...(version === 5 ? { reasonCode: 0 } : { returnCode: 0 }) },
    ])
    expect([server.isClosed, server.ends]).toEqual([false, []])
  })

  both('3.1.4-6', '3.1.4-5', 'what follows a rejected CONNECT is not processed', (version) => {
    const publish = packetOf('publish', version)
    const server = reach('server', version, 'connecting').write(refusal[version]).receive(publish, publish)
    expect(server.types).toEqual(['connect'])
    const inOneChunk = new End('server', version)
    inOneChunk.connection.connect$.subscribe(() => inOneChunk.write(refusal[version]))
    inOneChunk.receive(packetOf('connect', version), publish, publish)
    expect(inOneChunk.types).toEqual(['connect'])
    const byCodec = new End('server', version)
    const bad = version === 5 ? '10 0d 0004 "MQTT" 06 02 0000 0001 "a"' : '10 0c 0004 "MQTT" 04 00 0000 0000'
    byCodec.transport.receive(join(wire(bad), encode(version, publish)))
    expect(byCodec.types).toEqual([])
  })

  both('3.2.0-1', '3.2.0-1', 'the first packet from a server is CONNACK (or AUTH, in MQTT 5)', async (version) => {
    for (const cmd of allTypes.filter((each) => each !== 'connack' && each !== 'auth')) {
      const server = reach('server', version, 'connecting')
      expect(failure(() => server.connection.write(packetOf(cmd, version)))?.code).toBe('invalid-packet')
      expect(await server.left()).toEqual([])
      const client = reach('client', version, 'connecting').receive(packetOf(cmd, version))
      client.transport.receiveEnd()
      expect([client.types, client.ends]).toEqual([[], [protocolError]])
    }
  })

  statement({
    version: 5,
    id: '3.2.0-2',
    says: 'a second CONNACK is a protocol error',
    check: async () => {
      const server = reach('server', 5, 'accepted')
      expect(failure(() => server.connection.connack())?.code).toBe('invalid-packet')
      expect(await server.left()).toEqual(['connack'])
      const client = reach('client', 5, 'accepted').receive({ cmd: 'connack' })
      client.transport.receiveEnd()
      expect([client.types, client.ends]).toEqual([['connack'], [protocolError]])
    },
  })

  both('3.2.2-6', '3.2.2-4', 'a refusing CONNACK has no session present', async (version) => {
    const server = reach('server', version, 'connecting')
    const packet = { ...refusal[version], sessionPresent: true }
    expect(failure(() => server.connection.write(packet))?.code).toBe('invalid-packet')
    expect(await server.left()).toEqual([])
    const client = reach('client', version, 'connecting')
    client.transport.receive(wire(version === 5 ? '20 03 01 87 00' : '20 02 01 05'))
    client.transport.receiveEnd()
    expect([client.types, client.ends]).toEqual([[], [protocolError]])
  })

  both('3.2.2-7', '3.2.2-5', 'after a refusing CONNACK the network connection is closed', async (version) => {
    const server = reach('server', version, 'connecting').write(refusal[version])
    expect([server.isClosed, await server.left()]).toEqual([true, ['connack']])
    const client = reach('client', version, 'connecting').receive(refusal[version])
    expect([client.isClosed, client.types]).toEqual([true, ['connack']])
  })

  statement({
    version: 4,
    id: '3.2.2-6',
    says: 'where no return code fits, a server closes without CONNACK',
    check: async () => {
      for (const bad of ['10 0d 0004 "HTTP" 04 02 0000 0001 "a"', '10 0d 0004 "MQTT" 04 03 0000 0001 "a"', '00 00']) {
        const server = new End('server', 4)
        server.transport.receive(wire(bad))
        expect([server.isClosed, await server.left()]).toEqual([true, []])
      }
      const yours = reach('server', 4, 'connecting')
      yours.connection.destroy()
      expect([yours.isClosed, await yours.left()]).toEqual([true, []])
    },
  })

  statement({
    version: 5,
    id: '3.3.4-6',
    says: 'a PUBLISH to a server has no subscription identifier',
    check: async () => {
      const publish = { cmd: 'publish', topic: 'a', properties: { subscriptionIdentifier: [1] } } as const
      const client = reach('client', 5, 'accepted')
      expect(failure(() => client.connection.write(publish))?.code).toBe('invalid-packet')
      expect(await client.left()).toEqual(['connect'])
      const server = reach('server', 5, 'accepted').receive(publish)
      server.transport.receiveEnd()
      expect([server.types, server.ends]).toEqual([['connect'], [protocolError]])
      expect(reach('server', 5, 'accepted').connection.write(publish)).toBe(true)
      expect(reach('client', 5, 'accepted').receive(publish).types).toEqual(['connack', 'publish'])
    },
  })

  statement({
    version: 5,
    id: '3.14.0-1',
    says: 'a server sends no DISCONNECT before an accepting CONNACK',
    check: async () => {
      const server = reach('server', 5, 'connecting')
      expect(failure(() => server.connection.disconnect())?.code).toBe('invalid-packet')
      // Of a bad packet before it, the peer is told by CONNACK.
      server.transport.receive(wire('00 00'))
      expect(await server.left()).toEqual(['connack'])
      const client = reach('client', 5, 'connecting').receive({ cmd: 'disconnect' })
      client.transport.receiveEnd()
      expect(client.ends).toEqual([protocolError])
    },
  })

  both('3.14.4-1', '3.14.4-2', 'nothing is sent after DISCONNECT', async (version) => {
    for (const role of version === 5 ? (['client', 'server'] as const) : (['client'] as const)) {
      const end = reach(role, version, 'accepted').write({ cmd: 'disconnect' })
      for (const cmd of allTypes) expect(end.connection.write(packetOf(cmd, version))).toBe(false)
      expect((await end.left()).at(-1)).toBe('disconnect')
    }
    // Nor is what comes after the peer's.
    const server = reach('server', version, 'accepted').receive({ cmd: 'disconnect' }, packetOf('publish', version))
    expect(server.types).toEqual(['connect', 'disconnect'])
  })

  both('3.14.4-2', '3.14.4-1', 'after DISCONNECT the network connection is closed', (version) => {
    const client = reach('client', version, 'accepted').write({ cmd: 'disconnect' })
    expect(client.isClosed).toBe(true)
    client.transport.receiveEnd()
    expect(client.ends).toEqual(['complete'])
    const server = reach('server', version, 'accepted').receive({ cmd: 'disconnect' })
    expect(server.isClosed).toBe(true)
  })

  both('3.14.4-3', '3.14.4-3', 'the end after a DISCONNECT can be told from any other, for the will', (version) => {
    const left = reach('server', version, 'accepted').receive({ cmd: 'disconnect' })
    left.transport.receiveEnd()
    expect([left.types, left.ends]).toEqual([['connect', 'disconnect'], ['complete']])
    const gone = reach('server', version, 'accepted')
    gone.transport.receiveEnd()
    expect([gone.types, gone.ends]).toEqual([['connect'], ['complete']])
    if (version < 5) return
    const withWill: unknown[] = []
    const server = reach('server', 5, 'accepted')
    server.connection.disconnect$.subscribe(({ reasonCode }) => withWill.push(reasonCode))
    server.receive({ cmd: 'disconnect', reasonCode: 4 })
    expect(withWill).toEqual([4])
  })
})

describe('group H, by id', () => {
  statement({
    version: 5,
    id: '4.13.1-1',
    says: 'a malformed packet or protocol error with a reason code closes the network connection',
    check: async () => {
      const cases = [
        ['00 00', 0x81],
        ['32 05 0001 "a" 0000', 0x82],
        ['30 ff ff ff 7f', 0x95],
      ] as const
      for (const [bytes, reasonCode] of cases) {
        for (const role of ['server', 'client'] as const) {
          const end = reach(role, 5, 'accepted')
          end.transport.receive(wire(bytes))
          expect((await end.leftPackets()).at(-1)).toMatchObject({ cmd: 'disconnect', reasonCode })
          expect(end.isClosed).toBe(true)
          end.transport.receiveEnd()
          expect(end.ends).toMatchObject([{ reasonCode }])
        }
      }
    },
  })

  statement({
    version: 5,
    id: '4.13.2-1',
    says: 'with a reason code of 0x80 or more the network connection is closed, whether or not it can be sent',
    check: async () => {
      const told = reach('server', 5, 'accepted').write({ cmd: 'disconnect', reasonCode: 0x8b })
      expect([told.isClosed, (await told.left()).at(-1)]).toEqual([true, 'disconnect'])
      const untold = new End('server', 5)
      untold.transport.receive(wire('00 00'))
      expect([untold.isClosed, await untold.left()]).toEqual([true, []])
      const received = reach('client', 5, 'accepted').receive({ cmd: 'disconnect', reasonCode: 0x8b })
      expect(received.isClosed).toBe(true)
    },
  })

  statement({
    version: 4,
    id: '4.8.0-1',
    says: 'a protocol violation closes the network connection, at both ends, without a packet',
    check: async () => {
      for (const bytes of ['00 00', '32 05 0001 "a" 0000', '30 ff ff ff 7f', 'f0 00', '30 03 0001 "#"']) {
        for (const role of ['server', 'client'] as const) {
          const end = reach(role, 4, 'accepted')
          const before = await end.left()
          end.transport.receive(wire(bytes))
          expect([end.isClosed, await end.left(), end.ends.length]).toEqual([true, before, 1])
        }
      }
    },
  })

  statement({
    version: 4,
    id: '4.8.0-2',
    says: 'a transient error while a packet is processed can close its network connection, and no other',
    check: () => {
      const [failing, other] = [reach('server', 4, 'accepted'), reach('server', 4, 'accepted')]
      for (const { connection } of [failing, other]) {
        const work$ = connection.publish$.pipe(
          mergeMap(({ topic }) =>
            topic === 'bad' ? throwError(() => new Error('disk full')) : of(topic).pipe(delay(0)),
          ),
        )
        work$.subscribe({ error: (error: unknown) => connection.destroy(error) })
      }
      failing.receive({ cmd: 'publish', topic: 'bad' })
      other.receive({ cmd: 'publish', topic: 'good' })
      expect([failing.isClosed, failing.ends]).toEqual([true, [{ code: 'transport' }]])
      expect([other.isClosed, other.ends]).toEqual([false, []])
    },
  })
})

test('every id of groups B and H has a test', () => {
  const five = `3.1.0-1 3.1.0-2 3.1.2-30 3.1.4-5 3.1.4-6 3.2.0-1 3.2.0-2 3.2.2-6 3.2.2-7 3.3.4-6 3.14.0-1 3.14.4-1
    3.14.4-2 3.14.4-3 4.13.1-1 4.13.2-1`
  const four = `3.1.0-1 3.1.0-2 3.1.3-8 3.1.3-9 3.1.4-4 3.1.4-5 3.2.0-1 3.2.2-4 3.2.2-5 3.2.2-6 3.14.4-1 3.14.4-2
    3.14.4-3 4.8.0-1 4.8.0-2`
  const listed = [...five.split(/\s+/).map((id) => `5 ${id}`), ...four.split(/\s+/).map((id) => `4 ${id}`)]
  expect(listed).toHaveLength(14 + 2 + 13 + 2)
  expect([...ids].sort()).toEqual(listed.sort())
})

test.each([
  [undefined, undefined, true],
  [undefined, 0, true],
  [0, 1, false],
  [undefined, 0xffff_ffff, false],
  [1, 0xffff_ffff, true],
])('MQTT 5 [3.14.2.2.2] a session of %s s may be one of %s s at DISCONNECT: %s', async (first, then, isRight) => {
  const of = (sessionExpiryInterval: number | undefined): object =>
    sessionExpiryInterval === undefined ? {} : { properties: { sessionExpiryInterval } }
  const connect = { cmd: 'connect', clientId: 'me', protocolVersion: 5, ...of(first) } as const
  const disconnect = { cmd: 'disconnect', ...of(then) } as const
  const server = new End('server', 5).receive(connect).write({ cmd: 'connack' }).receive(disconnect)
  expect(server.types).toEqual(isRight ? ['connect', 'disconnect'] : ['connect'])
  expect(server.isClosed).toBe(true)
  expect((await server.leftPackets()).slice(1)).toMatchObject(isRight ? [] : [{ cmd: 'disconnect', reasonCode: 0x82 }])
  const client = new End('client', 5).write(connect).receive({ cmd: 'connack' })
  if (isRight) client.write(disconnect)
  else expect(failure(() => client.write(disconnect))).toMatchObject({ code: 'invalid-packet' })
  expect(client.isClosed).toBe(isRight)
})
