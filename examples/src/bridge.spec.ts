import { type ConnectFields, type Message, type ProtocolVersion, type QoS, Session } from '@rxmqtt/core'
import { concat, concatMap, from, ignoreElements, mergeMap, type Observable, of, Subject, timer } from 'rxjs'
import { hear, type Heard, until } from '../test/helpers.js'
import { type MemoryServer, serveSessionsInMemory } from '../test/session-servers.js'
import { bridge, type BridgeEnd, type BridgeEvent } from './bridge.js'
import { stayConnected } from './stay-connected.js'

const soon = (): Observable<unknown> => timer(3)
const decoder = new TextDecoder()

/** A persistent session, in the terms of the version. */
function persistent(clientId: string, protocolVersion: ProtocolVersion): ConnectFields {
  const properties = protocolVersion === 5 ? { properties: { sessionExpiryInterval: 3_600 } } : {}
  return { clientId, protocolVersion, clean: false, ...properties }
}

describe('a bridge', () => {
  let left: MemoryServer
  let right: MemoryServer
  let stop: Subject<void>
  beforeEach(() => {
    left = serveSessionsInMemory()
    right = serveSessionsInMemory()
    stop = new Subject()
  })
  afterEach(async () => {
    stop.next()
    await new Promise((resolve) => setTimeout(resolve, 20))
    left.stop()
    right.stop()
  })

  const end = (server: MemoryServer, version: ProtocolVersion, more: Partial<BridgeEnd>): BridgeEnd => ({
    dial$: server.dial$,
    connect: persistent('bridge', version),
    filter: '#',
    ...more,
  })

  const joined = (...ends: [BridgeEnd, BridgeEnd]): Heard<BridgeEvent> =>
    hear(bridge(...ends, { stop$: stop, delay: soon }))

  /** A client of a server: what it hears, and what it says. */
  const client = async (server: MemoryServer, filter: string): Promise<{ session: Session; heard: Message[] }> => {
    // Without aliases on its own hop.
    const session = new Session({ topicAliasMaximum: 0 })
    const heard: Message[] = []
    session.messages$.subscribe(({ packet }) => heard.push({ ...packet, payload: decoder.decode(packet.payload) }))
    const ready = hear(
      stayConnected(session, {
        dial$: server.dial$,
        connect: persistent(`client-${Math.random()}`, 5),
        work: () => concat(session.subscribe({ subscriptions: [{ topic: filter, qos: 2 }] }), of('ready')),
        stop$: stop,
        delay: soon,
      }),
    )
    await until(() => ready.values.includes('ready'), 'the client')
    return { session, heard }
  }

  const crossed = (events: Heard<BridgeEvent>): number => events.values.filter(({ type }) => type === 'crossed').length
  const connected = async (events: Heard<BridgeEvent>): Promise<void> =>
    until(() => events.values.filter(({ type }) => type === 'connected').length >= 2, 'both ends')
  const published = (session: Session, count: number, qos: QoS): Heard<never> =>
    hear(
      from(Array.from({ length: count }, (_, index) => index)).pipe(
        mergeMap((index) => session.publish({ topic: 'out/x', payload: String(index), qos }), 20),
        ignoreElements(),
      ),
    )

  const versions = [3, 4, 5] as const
  it.each(versions.flatMap((one) => versions.map((other) => [one, other] as const)))(
    'joins MQTT level %s and %s: every quality of service, both ways, under a prefix',
    async (one, other) => {
      const events = joined(
        end(left, one, { filter: 'out/#', prefix: 'from-right/' }),
        end(right, other, { filter: 'out/#', prefix: 'from-left/' }),
      )
      const [west, east] = [await client(left, 'from-right/#'), await client(right, 'from-left/#')]
      await connected(events)
      for (const [from, to, heard] of [
        [west, 'from-left', east.heard] as const,
        [east, 'from-right', west.heard] as const,
      ]) {
        for (const qos of [0, 1, 2] as const) {
          const { done } = hear(from.session.publish({ topic: 'out/a', payload: `übung ${qos}`, qos }))
          expect(await done).toBe('complete')
        }
        await until(() => heard.length === 3, 'three messages')
        expect(heard.map(({ topic, payload, qos }) => [topic, payload, qos])).toEqual(
          [0, 1, 2].map((qos) => [`${to}/out/a`, `übung ${qos}`, qos]),
        )
      }
      expect(events.values.filter(({ type }) => type === 'dropped')).toEqual([])
    },
  )

  it('carries properties, and not the alias or the subscription identifier of one hop', async () => {
    const events = joined(end(left, 5, {}), end(right, 5, {}))
    const [west, east] = [await client(left, 'nothing'), await client(right, 'out/#')]
    await connected(events)
    const properties = { contentType: 'text/plain', userProperties: { a: ['1', '2'] }, messageExpiryInterval: 60 }
    hear(west.session.publish({ topic: 'out/p', payload: 'x', qos: 1, properties }))
    await until(() => east.heard.length === 1, 'the message')
    expect(JSON.parse(JSON.stringify(east.heard[0]?.properties))).toEqual(properties)
  })

  it('goes round in no circle: MQTT 5 with the same topics on both sides', async () => {
    const events = joined(end(left, 5, {}), end(right, 5, {}))
    const [west, east] = [await client(left, '#'), await client(right, '#')]
    await connected(events)
    hear(concat(west.session.publish({ topic: 'w', qos: 1 }), east.session.publish({ topic: 'e', qos: 1 })))
    await until(() => west.heard.length >= 2 && east.heard.length >= 2, 'both messages on both sides')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect([crossed(events), west.heard.length, east.heard.length]).toEqual([2, 2, 2])
  })

  it.each([
    ['#', 'a/#', ''],
    ['a/+/c', 'b/c', 'a/'],
    ['a/b/#', '+', 'a/'],
    ['x/a', 'a', 'x/'],
  ])('refuses a circle before MQTT 5: %s and %s behind "%s"', (filter, other, prefix) => {
    const loop = (): unknown => bridge(end(left, 4, { filter, prefix }), end(right, 4, { filter: other, prefix: 'y/' }))
    expect(loop).toThrow('must not match what it subscribes to')
  })

  it('acknowledges nothing that the other end has not: what waits for it comes again to the next bridge', async () => {
    const west = await client(left, 'nothing')
    const east = await client(right, 'out/#')
    const first = joined(end(left, 4, { filter: 'out/#', prefix: 'r/' }), end(right, 4, { filter: 'x' }))
    await connected(first)
    right.down()
    expect(await published(west.session, 50, 1).done).toBe('complete')
    expect(await published(west.session, 50, 2).done).toBe('complete')
    await new Promise((resolve) => setTimeout(resolve, 20))
    first.subscription.unsubscribe()
    expect(crossed(first)).toBe(0)
    right.up()
    joined(end(left, 4, { filter: 'out/#', prefix: 'r/' }), end(right, 4, { filter: 'x' }))
    await until(() => east.heard.length >= 100, 'all of them')
    const numbers = Array.from({ length: 50 }, (_, index) => String(index))
    expect(east.heard.map(({ payload }) => payload)).toEqual([...numbers, ...numbers])
  })

  it.each([
    [1, 4],
    [1, 5],
    [2, 4],
    [2, 5],
  ] as const)('loses nothing while either side is cut again and again: QoS %s, MQTT level %s', async (qos, version) => {
    const events = joined(
      end(left, version, { filter: 'out/#', prefix: 'r/' }),
      end(right, version, { filter: 'x/#', prefix: '' }),
    )
    const [west, east] = [await client(left, 'nothing'), await client(right, 'out/#')]
    await connected(events)
    const sending = published(west.session, 400, qos)
    const cuts = hear(
      from([left.cut, right.cut, right.down, left.down, right.up, left.up, left.cut, right.cut]).pipe(
        concatMap((fault) => timer(15).pipe(concatMap(() => of(fault())))),
      ),
    )
    expect(await sending.done).toBe('complete')
    expect(await cuts.done).toBe('complete')
    const numbers = Array.from({ length: 400 }, (_, index) => String(index))
    await until(() => new Set(east.heard.map(({ payload }) => payload)).size === 400, 'all of them')
    await new Promise((resolve) => setTimeout(resolve, 30))
    const payloads = east.heard.map(({ payload }) => payload as string)
    // QoS 2 comes once and in order. QoS 1 may come again, but what comes first comes in order.
    expect(qos === 2 ? payloads : [...new Set(payloads)]).toEqual(numbers)
    const reconnects = events.values.filter(({ type }) => type === 'connected').length
    expect(reconnects).toBeGreaterThan(5)
  })

  it('gives up what the other end can never take, tells, and goes on', async () => {
    const events = joined(end(left, 5, {}), end(right, 5, { prefix: 'a long prefix/' }))
    const [west, east] = [await client(left, 'nothing'), await client(right, '#')]
    await connected(events)
    hear(west.session.publish({ topic: 'x'.repeat(65_530), qos: 1 }))
    hear(west.session.publish({ topic: 'next', qos: 1 }))
    await until(() => east.heard.length === 1, 'the next message')
    expect(events.values.flatMap((event) => (event.type === 'dropped' ? [event.error.code] : []))).toEqual([
      'invalid-packet',
    ])
  })

  it('says goodbye when it is stopped, and completes', async () => {
    const events = joined(end(left, 5, {}), end(right, 4, { filter: 'x', prefix: 'r/' }))
    await connected(events)
    stop.next()
    expect(await events.done).toBe('complete')
    await until(() => left.events.some(({ type }) => type === 'closed'), 'the end')
    const goodbyes = [left, right].flatMap(({ events: told }) =>
      told.flatMap((event) => (event.type === 'closed' ? [event.disconnect?.cmd] : [])),
    )
    expect(goodbyes).toEqual(['disconnect', 'disconnect'])
  })
})
