import { concatMap, delay, first, map, merge, of, Subscription, take } from 'rxjs'
import { mergeMapPausing } from '../operators/merge-map-pausing.js'
import type { PacketInput } from '../packet/fields.js'
import type { Packet } from '../packet/packet.js'
import { encode } from '../spec-support/codec.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { FakeTransport } from '../testing/fake-transport.js'
import { type MarbleHelpers, marbles } from '../testing/marbles.js'
import { packets } from '../testing/packets.js'
import { join, wire } from '../testing/wire.js'
import { Connection } from './connection.js'
import type { ConnectionOptions } from './options.js'

const unhandled = expectNoUnhandled()

const connect = wire('10 0e 0004 "MQTT" 04 02 0000 0002 "me"')
const subscribe = encode(4, { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a', qos: 0 }] })
const ping = wire('c0 00')
const pong = wire('d0 00')
const publish = (topic: string): Uint8Array => encode(4, { cmd: 'publish', topic })
const cmdOf = map(({ cmd }: Packet) => cmd)

function open(
  helpers: MarbleHelpers,
  inbound: string,
  values: Record<string, PacketInput | Uint8Array>,
  options?: ConnectionOptions,
) {
  const transport = helpers.transport(inbound, values)
  return { transport, connection: new Connection(transport, options) }
}

describe('law 1: demand is subscription', () => {
  test('reads while something is subscribed, and the gap shows at the transport', () => {
    marbles((helpers) => {
      const { transport, connection } = open(helpers, '-a--b--c--d', {
        a: packets.pingreq(),
        b: packets.pingresp(),
        c: packets.pingreq(),
        d: packets.pingresp(),
      })
      helpers.expectObservable(connection.packets$.pipe(cmdOf), '--^--!').toBe('--a-b', { a: 'pingreq', b: 'pingresp' })
      helpers
        .expectObservable(connection.packets$.pipe(cmdOf), '--------^--!')
        .toBe('--------a-b', { a: 'pingreq', b: 'pingresp' })
      helpers.expectReads(transport).toBe('--^--!', '--------^--!')
    })
  })

  test('nobody subscribed: nothing is read, nothing is lost', () => {
    marbles((helpers) => {
      const { transport, connection } = open(helpers, 'a-b', { a: packets.pingreq(), b: packets.pingresp() })
      helpers
        .expectObservable(connection.packets$.pipe(cmdOf), '----^')
        .toBe('----(ab)', { a: 'pingreq', b: 'pingresp' })
      helpers.expectReads(transport).toBe('----^')
    })
  })

  test.each([
    ['one chunk', 1_000],
    ['pieces of one byte', 1],
  ])('between connect$.pipe(take(1)) and a later subscribe$ nothing is lost, from %s', (_, size) => {
    marbles((helpers) => {
      const transport = new FakeTransport()
      const connection = new Connection(transport)
      const bytes = join(connect, subscribe, publish('t'))
      helpers.does('-a', {
        a: () => {
          for (let at = 0; at < bytes.length; at += size) transport.receive(bytes.slice(at, at + size))
        },
      })
      helpers.expectObservable(connection.connect$.pipe(take(1), cmdOf)).toBe('-(a|)', { a: 'connect' })
      helpers
        .expectObservable(connection.subscribe$.pipe(take(1), cmdOf), '-----^')
        .toBe('-----(a|)', { a: 'subscribe' })
      helpers.expectObservable(connection.publish$.pipe(cmdOf), '---------^').toBe('---------a', { a: 'publish' })
    })
  })

  test('an unsubscribed stretch shows as a gap also when the packets are already in the decoder', () => {
    marbles((helpers) => {
      const { transport, connection } = open(helpers, '-a-----b', { a: join(ping, pong), b: ping })
      helpers.expectObservable(connection.pingreq$.pipe(take(1), cmdOf)).toBe('-(a|)', { a: 'pingreq' })
      helpers
        .expectObservable(connection.packets$.pipe(cmdOf), '----^')
        .toBe('----a--b', { a: 'pingresp', b: 'pingreq' })
      helpers.expectReads(transport).toBe('^!', '----^')
    })
  })

  test('streams subscribed in the same turn all see the first packet, from a transport or from the decoder', () => {
    marbles((helpers) => {
      const { connection } = open(helpers, 'a', { a: join(connect, ping, pong) })
      const streams = (): void => {
        const { packets$, pingreq$, pingresp$ } = connection
        subscriptions.push(
          packets$.subscribe(({ cmd }) => seen.push(`packets ${cmd}`)),
          pingreq$.subscribe(({ cmd }) => seen.push(`own ${cmd}`)),
          packets$.subscribe(({ cmd }) => seen.push(`again ${cmd}`)),
          pingresp$.subscribe(({ cmd }) => seen.push(`own ${cmd}`)),
        )
        expect(seen).toEqual([])
      }
      const seen: string[] = []
      const subscriptions: { unsubscribe(): void }[] = []
      helpers.expectObservable(connection.connect$.pipe(take(1), cmdOf), '-^').toBe('-(a|)', { a: 'connect' })
      helpers.does('---a', { a: streams })
      helpers.does('-----a', {
        a: () =>
          expect(seen).toEqual([
            'packets pingreq',
            'again pingreq',
            'own pingreq',
            'packets pingresp',
            'again pingresp',
            'own pingresp',
          ]),
      })
    })
  })

  test('packet N has reached every subscriber before N + 1 is read, also when a handler lets more arrive', () => {
    const transport = new FakeTransport()
    const connection = new Connection(transport)
    const seen: string[] = []
    connection.packets$.subscribe((packet) => {
      seen.push(`first ${(packet as { topic: string }).topic}`)
      if (seen.length === 1) transport.receive(publish('c'))
    })
    connection.publish$.subscribe(({ topic }) => seen.push(`second ${topic}`))
    transport.receive(join(publish('a'), publish('b')))
    expect(seen).toEqual(['first a', 'second a', 'first b', 'second b', 'first c', 'second c'])
  })

  test('while anything is subscribed, packets of other types are dropped', () => {
    marbles((helpers) => {
      const { connection } = open(helpers, '-a-b', { a: join(ping, publish('x'), pong), b: publish('y') })
      helpers.expectObservable(connection.pingresp$.pipe(take(1), cmdOf)).toBe('-(a|)', { a: 'pingresp' })
      helpers.expectObservable(connection.publish$.pipe(map(({ topic }) => topic)), '--^').toBe('---y')
    })
  })

  test('received$ and sent$ and closed$ create no demand', () => {
    marbles((helpers) => {
      const { transport, connection } = open(helpers, 'a', { a: packets.pingreq() })
      helpers.expectObservable(merge(connection.received$, connection.sent$, connection.closed$)).toBe('-')
      helpers.expectReads(transport).toBe()
    })
  })

  test('a subscriber that comes inside a handler sees the next packet first, and a stream of its type the same', () => {
    const transport = new FakeTransport()
    const connection = new Connection(transport)
    const seen: string[] = []
    const topics = (name: string) => (packet: Packet) => seen.push(`${name} ${(packet as { topic: string }).topic}`)
    const subscribeLate = (): void => {
      connection.packets$.subscribe(topics('all'))
      connection.publish$.subscribe(topics('own'))
    }
    connection.packets$.pipe(take(1)).subscribe(subscribeLate)
    transport.receive(join(publish('a'), publish('b')))
    return Promise.resolve().then(() => {
      expect(seen).toEqual(['all b', 'own b'])
    })
  })
})

describe('law 1: pausing', () => {
  const chunks = { a: packets.pingreq(), b: packets.pingresp() }
  const values = { a: 'pingreq', b: 'pingresp' }

  test('pause holds all subscribers, resume goes on, nothing is lost', () => {
    marbles((helpers) => {
      const { transport, connection } = open(helpers, '-a-b-a-b', chunks)
      helpers.does('--p-----r', { p: () => connection.pause(), r: () => connection.resume() })
      helpers.expectObservable(connection.packets$.pipe(cmdOf)).toBe('-a------(bab)', values)
      helpers.expectObservable(connection.pingresp$.pipe(cmdOf)).toBe('--------(bb)', values)
      helpers.expectReads(transport).toBe('^-!', '--------^')
    })
  })

  test('pauses are counted; a resume too many does nothing', () => {
    marbles((helpers) => {
      const { transport, connection } = open(helpers, '-a-b-a-b', chunks)
      helpers.does('r-(pp)--r-r--rp', { p: () => connection.pause(), r: () => connection.resume() })
      helpers.expectObservable(connection.packets$.pipe(cmdOf)).toBe('-a--------(bab)', values)
      helpers.expectReads(transport).toBe('^-!', '----------^---!')
    })
  })

  test('a subscription while paused waits', () => {
    marbles((helpers) => {
      const { transport, connection } = open(helpers, 'a', chunks)
      connection.pause()
      helpers.does('-----r', { r: () => connection.resume() })
      helpers.expectObservable(connection.packets$.pipe(cmdOf), '--^').toBe('-----a', values)
      helpers.expectReads(transport).toBe('-----^')
    })
  })

  test('pause inside a handler stops before the next packet of the chunk, resume goes on in a later turn', () => {
    marbles((helpers) => {
      const { connection } = open(helpers, '-a', { a: join(publish('a'), publish('b'), publish('c')) })
      const topics$ = connection.publish$.pipe(map(({ topic }) => topic))
      helpers.does('-----r---r', { r: () => connection.resume() })
      topics$.subscribe((topic) => {
        if (topic !== 'c') connection.pause()
      })
      helpers.expectObservable(topics$).toBe('-a---b---c')
    })
  })

  test('pause and resume inside one handler, and resume inside a handler, lose and double nothing', () => {
    const transport = new FakeTransport()
    const connection = new Connection(transport)
    const seen: string[] = []
    let inside = 0
    connection.publish$.subscribe(({ topic }) => {
      expect(++inside).toBe(1)
      seen.push(topic)
      connection.pause()
      connection.resume()
      connection.resume()
      inside--
    })
    transport.receive(join(publish('a'), publish('b'), publish('c').subarray(0, 2)))
    transport.receive(publish('c').subarray(2))
    return new Promise((resolve) => setTimeout(resolve, 5)).then(() => {
      expect(seen).toEqual(['a', 'b', 'c'])
    })
  })

  test('unsubscribing and subscribing again inside a handler loses and doubles nothing', async () => {
    const transport = new FakeTransport()
    const connection = new Connection(transport)
    const seen: string[] = []
    let subscription = new Subscription()
    const again = (): void => {
      subscription = connection.publish$.subscribe(({ topic }) => {
        seen.push(topic)
        subscription.unsubscribe()
        again()
      })
    }
    again()
    transport.receive(join(publish('a'), publish('b'), publish('c')))
    for (let i = 0; i < 20; i++) await Promise.resolve()
    expect(seen).toEqual(['a', 'b', 'c'])
    expect(transport.subscriptions.length).toBeLessThanOrEqual(4)
  })

  test('asynchronous work between two packets: paused meanwhile, the next packet is still there', () => {
    marbles((helpers) => {
      const { connection } = open(helpers, '-a', { a: join(connect, subscribe, publish('x')) })
      const flow$ = connection.connect$.pipe(
        first(),
        concatMap(({ cmd }) => {
          connection.pause()
          return of(cmd).pipe(delay(5))
        }),
        concatMap((cmd) => {
          const next$ = connection.subscribe$.pipe(first(), cmdOf)
          connection.resume()
          return merge(of(cmd), next$)
        }),
      )
      helpers.expectObservable(flow$).toBe('------(cs|)', { c: 'connect', s: 'subscribe' })
    })
  })

  test('law 9: mergeMapPausing on a connection stops the transport while full, and loses nothing', () => {
    let gaps: unknown
    marbles((helpers) => {
      const chunks = Object.fromEntries([...'abcdefgh'].map((topic) => [topic, packets.publish({ topic })]))
      const { transport, connection } = open(helpers, '-abcdefgh', chunks)
      const work$ = connection.publish$.pipe(
        mergeMapPausing(connection, ({ topic }) => of(topic).pipe(delay(10)), { capacity: 2 }),
      )
      helpers.expectObservable(work$).toBe('- 10ms a 9ms b 9ms c 9ms d 9ms e 9ms f 9ms g 9ms h')
      gaps = transport.subscriptions
    })
    // Two wait from 3 on; each one that is done lets one more in, until all are.
    const rounds = [11, 21, 31, 41, 51].map((frame) => ({ subscribedFrame: frame, unsubscribedFrame: frame }))
    expect(gaps).toEqual([
      { subscribedFrame: 0, unsubscribedFrame: 3 },
      ...rounds,
      { subscribedFrame: 61, unsubscribedFrame: Number.POSITIVE_INFINITY },
    ])
  })
})

describe('law 12, law 6: handlers that throw', () => {
  test('other subscribers, and the stream, are unaffected; RxJS reports it', async () => {
    const transport = new FakeTransport()
    const connection = new Connection(transport)
    const seen: string[] = []
    connection.packets$.subscribe(() => {
      throw new Error('first')
    })
    connection.publish$.pipe(map(() => void expect(1).toBe(2))).subscribe({ error: () => seen.push('error') })
    connection.publish$.subscribe(({ topic }) => seen.push(topic))
    transport.receive(join(publish('a'), publish('b')))
    expect(seen).toEqual(['error', 'a', 'b'])
    expect(((await unhandled()) as Error[]).map(({ message }) => message)).toEqual(['first', 'first'])
    expect(connection.write({ cmd: 'pingreq' })).toBe(true)
    connection.destroy()
  })
})
