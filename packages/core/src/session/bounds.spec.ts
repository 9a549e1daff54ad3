import { asapScheduler, switchMap, takeUntil } from 'rxjs'
import { Connection } from '../connection/connection.js'
import { joined, scene } from '../spec-support/session-scene.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { FakeTransport } from '../testing/fake-transport.js'
import { flat } from '../testing/flat.js'
import { packets } from '../testing/packets.js'
import { Session } from './session.js'
import type { SessionChange, SessionStore } from './session-store.js'

expectNoUnhandled()

const { publish } = packets
const letters = 'abcdefghijk'
/** A PUBLISH of QoS 1 for each letter. */
const inbound = Object.fromEntries(
  [...letters].map((topic, i) => [topic, publish({ topic, qos: 1, messageId: i + 1 })] as const),
)

const turns = async (count = 10): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

const connections: Connection[] = []
afterEach(() => {
  for (const connection of connections.splice(0)) connection.destroy()
})

/** A store whose answers are the test's. */
function storeOf(given: Partial<SessionStore>): SessionStore {
  const empty = Promise.resolve({ outgoing: [], received: [] })
  return { load: () => empty, write: () => undefined, clear: () => Promise.resolve(), ...given }
}

describe('what is held back', () => {
  const awaiting = { receiveMaximum: 2, ack: 'manual' } as const

  it('more than four times receiveMaximum waits behind nobody’s answer either, and after a minute the connection ends', () => {
    scene(awaiting, (given) => {
      given.session.publish({ topic: 'out', qos: 1 }).subscribe()
      const link = given.join(`-(${letters.slice(0, 8)})-i-j`, inbound)
      given.expectReads(link.transport).toBe('^-----------!', '60012ms (^!)', '60012ms ^ 1999ms !')
      given
        .expectObservable(link.end$)

        .toBe('60012ms #', null, { code: 'overflow', reasonCode: 0x97, returnCode: undefined })
    })
  })

  it('goes on when enough is acknowledged in that minute', () => {
    scene(awaiting, (given) => {
      const deliveries: (() => void)[] = []
      given.session.messages$.subscribe((delivery) => deliveries.push(() => delivery.ack()))
      given.session.publish({ topic: 'out', qos: 1 }).subscribe()
      const link = given.join(`-(${letters.slice(0, 8)})-i-j`, inbound)
      given.does('30s a', { a: () => deliveries.splice(0, 2).forEach((ack) => ack()) })
      given.expectReads(link.transport).toBe('^-----------!', '30s ^')
      given.expectObservable(link.end$, '^ 100s !').toBe('')
    })
  })

  it('an answer that never comes because the connection ended is not awaited on the next one', () => {
    scene({ receiveMaximum: 2 }, (given) => {
      given.session.subscribe({ subscriptions: [{ topic: 'a', qos: 0 }] }).subscribe({ error: () => undefined })
      given.join('-|', inbound)
      const link = given.join('20ms a-b-c-d', inbound, { at: 10 })
      given.expectReads(link.transport).toBe('10ms ^-------------!')
    })
  })
})

describe('user code that is told', () => {
  it('of a lost message may end the attachment: nothing is sent on it any more', async () => {
    const session = new Session()
    session.publish({ topic: 'lost', qos: 2 }).subscribe({ error: () => undefined })
    session.publish({ topic: 'kept', qos: 1 }).subscribe()
    const before = joined(session, new FakeTransport(undefined, 5), {})
    await turns()
    before.connection.destroy()
    await turns()
    const transport = new FakeTransport(undefined, 5)
    const sent: string[] = []
    transport.sentPackets$.subscribe({ next: (packet) => sent.push(packet.cmd), error: () => undefined })
    const connection = new Connection(transport, { role: 'client', protocolVersion: 5 })
    connections.push(connection)
    const connect = { clientId: 'me', clean: true, protocolVersion: 5 } as const
    connection.connack$
      .pipe(
        switchMap((connack) => session.attach(connection, { connect, connack })),
        takeUntil(session.dropped$),
      )
      .subscribe()
    connection.connect(connect)
    transport.receive(packets.connack())
    await turns()
    session.publish({ topic: 'later' }).subscribe()
    await turns()
    expect(sent).toEqual(['connect'])
  })

  it('of a takeover may attach yet another connection: that one alone is live', async () => {
    const session = new Session()
    const transports = [0, 1, 2].map(() => new FakeTransport(undefined, 5))
    const [first, second, third] = transports as [FakeTransport, FakeTransport, FakeTransport]
    const topics: string[] = []
    session.messages$.subscribe(({ packet }) => topics.push(packet.topic))
    const before = joined(session, first, {})
    connections.push(before.connection)
    const ends: unknown[] = []
    before.end$.subscribe({
      error: () => {
        const link = joined(session, third, {})
        connections.push(link.connection)
        asapScheduler.flush()
      },
    })
    await turns()
    const after = joined(session, second, {})
    connections.push(after.connection)
    after.end$.subscribe({ error: (error: unknown) => ends.push(flat(error)) })
    await turns()
    second.receive(publish({ topic: 'second' }))
    third.receive(publish({ topic: 'third' }))
    await turns()
    expect([topics, ends]).toEqual([['third'], [{ code: 'disconnected', reasonCode: 0x8e }]])
  })
})

describe('a store', () => {
  it('that never loads fails the attachment after 30 s', () => {
    scene({ store: storeOf({ load: () => new Promise(() => undefined) }) }, (given) => {
      const link = given.join('', {})
      given.expectObservable(link.end$).toBe('30s #', null, { code: 'store', reasonCode: 0x83, returnCode: undefined })
    })
  })

  it('that never writes: QoS 0 waits in its turn, and is not told to be written before it is', async () => {
    const session = new Session({ store: storeOf({ write: () => new Promise(() => undefined) }), maxQueued: 1 })
    const transport = new FakeTransport(undefined, 5)
    const { connection } = joined(session, transport, {})
    connections.push(connection)
    await turns()
    const sent: string[] = []
    const told: string[] = []
    transport.sentPackets$.subscribe((packet) => sent.push(packet.cmd))
    session.publish({ topic: 'stored', qos: 1 }).subscribe()
    await turns()
    for (const topic of ['waits', 'too much']) {
      session.publish({ topic }).subscribe({
        complete: () => told.push(topic),
        error: (error: unknown) => told.push(`${topic}: ${(flat(error) as { code: string }).code}`),
      })
    }
    connection.disconnect()
    await turns()
    expect([sent, told]).toEqual([['connect', 'disconnect'], ['too much: overflow']])
  })

  it('is not given what is no message in MQTT 5, whatever the version', async () => {
    const written: SessionChange[] = []
    const session = new Session({ store: storeOf({ write: (_id, changes) => void written.push(...changes) }) })
    const { connection } = joined(session, new FakeTransport(undefined, 4), { version: 4 })
    connections.push(connection)
    await turns()
    const ends: unknown[] = []
    const properties = { messageExpiryInterval: 1.5 }
    session
      .publish({ topic: 'a', qos: 1, properties })
      .subscribe({ error: (error: unknown) => ends.push((flat(error) as { code: string }).code) })
    await turns()
    expect([ends, written]).toEqual([['invalid-packet'], []])
  })

  it('that fails is told, when it works again, only what is still true', async () => {
    let isBroken = false
    const writes: SessionChange[][] = []
    const store = storeOf({
      write: (_id, changes) => {
        if (isBroken) throw new Error('the disk is full')
        writes.push([...changes])
      },
    })
    const session = new Session({ store, maxQueued: 2, overflow: 'drop-oldest' })
    const before = joined(session, new FakeTransport(undefined, 5), {})
    connections.push(before.connection)
    await turns()
    before.connection.destroy()
    isBroken = true
    for (let i = 0; i < 50; i++) {
      session.publish({ topic: `${i}`, qos: 1 }).subscribe({ error: () => undefined })
      await turns(1)
    }
    isBroken = false
    session.publish({ topic: 'last', qos: 1 }).subscribe()
    await turns()
    const added = writes.flat().flatMap((change) => (change.kind === 'added' ? [change.entry] : []))
    expect(added.map((entry) => entry.kind === 'message' && entry.message.topic)).toEqual(['48', '49', 'last'])
  })

  it('that takes long is not told what came and went meanwhile, but for the last of it', async () => {
    const writes: SessionChange[][] = []
    let done = (): void => undefined
    const write = (_id: string, changes: readonly SessionChange[]): void | Promise<void> => {
      writes.push([...changes])
      return writes.length === 1 ? new Promise((resolve) => (done = resolve)) : undefined
    }
    const session = new Session({ store: storeOf({ write }), maxQueued: 10, overflow: 'drop-oldest' })
    session.load('me').subscribe()
    await turns()
    session.publish({ topic: 'first', qos: 1 }).subscribe({ error: () => undefined })
    await turns()
    for (let i = 0; i < 5_000; i++) session.publish({ topic: `${i}`, qos: 1 }).subscribe({ error: () => undefined })
    done()
    await turns()
    const [first, second, ...more] = writes
    expect([first!.length, more.length]).toEqual([1, 0])
    expect(second!.length).toBeLessThan(1_000)
    const removed = new Set(second!.map((change) => (change.kind === 'removed' ? change.sequence : -1)))
    const left = second!.flatMap((change) =>
      change.kind === 'added' && change.entry.kind === 'message' && !removed.has(change.entry.sequence)
        ? [change.entry.message.topic]
        : [],
    )
    expect(left).toEqual(Array.from({ length: 10 }, (_, i) => `${4_990 + i}`))
    expect(removed).toContain(1)
  })

  it('is told nothing of what came and went before it was loaded', async () => {
    const writes: SessionChange[][] = []
    const session = new Session({
      store: storeOf({ write: (_id, changes) => void writes.push([...changes]) }),
      maxQueued: 1,
      overflow: 'drop-oldest',
    })
    for (let i = 0; i < 50; i++) session.publish({ topic: `${i}`, qos: 1 }).subscribe({ error: () => undefined })
    const { connection } = joined(session, new FakeTransport(undefined, 5), {})
    connections.push(connection)
    await turns()
    const kinds = writes.flat().map(({ kind }) => kind)
    expect(kinds).toEqual(['added', 'removed', 'added', 'sent'])
  })
})

it('what a peer has to be told is what the session keeps to', () => {
  expect(new Session({ receiveMaximum: 7, topicAliasMaximum: 0 }).properties).toEqual({
    receiveMaximum: 7,
    topicAliasMaximum: 0,
  })
})

it('a QoS 1 message with the identifier of a QoS 2 message that is not released breaks a rule', () => {
  scene({}, (given) => {
    given.session.messages$.subscribe()
    const link = given.join('-x-y', {
      x: publish({ topic: 'x', qos: 2, messageId: 7 }),
      y: publish({ topic: 'y', qos: 1, messageId: 7 }),
    })
    given
      .expectObservable(link.end$)
      .toBe('---#', null, { code: 'protocol-error', reasonCode: 0x82, returnCode: undefined })
  })
})
