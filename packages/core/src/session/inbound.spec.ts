import { asapScheduler, delay, map, mergeMap, type Observable, retry, take } from 'rxjs'
import type { PacketInput } from '../packet/fields.js'
import type { ProtocolVersion } from '../packet/packet.js'
import { joined, scene, type SessionScene } from '../spec-support/session-scene.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { FakeTransport } from '../testing/fake-transport.js'
import { packets } from '../testing/packets.js'
import { frame, join, wire } from '../testing/wire.js'
import type { Delivery } from './message.js'
import type { SessionOptions } from './options.js'
import { Session } from './session.js'

const unhandled = expectNoUnhandled()

const { publish, puback, pubrec, pubrel, pubcomp, disconnect } = packets
const versions: readonly ProtocolVersion[] = [3, 4, 5]

/** A PUBLISH of each QoS whose topic is its letter: a, b, c with QoS 1, x, y, z with QoS 2, m, n, o with QoS 0. */
const from: Record<string, PacketInput> = {}
const again: Record<string, PacketInput> = {}
const acks: Record<string, PacketInput> = {}
'abc'.split('').forEach((topic, i) => {
  from[topic] = publish({ topic, qos: 1, messageId: i + 1 })
  again[topic.toUpperCase()] = publish({ topic, qos: 1, messageId: i + 1, dup: true })
  acks[topic] = puback({ messageId: i + 1 })
})
'xyz'.split('').forEach((topic, i) => {
  from[topic] = publish({ topic, qos: 2, messageId: i + 11 })
  again[topic.toUpperCase()] = publish({ topic, qos: 2, messageId: i + 11, dup: true })
  from[String(i + 1)] = pubrel({ messageId: i + 11 })
  acks[topic] = pubrec({ messageId: i + 11 })
  acks[String(i + 1)] = pubcomp({ messageId: i + 11 })
})
'mno'.split('').forEach((topic) => {
  from[topic] = publish({ topic })
})
const peer = { ...from, ...again }

interface Listening extends SessionScene {
  /** Acknowledges messages by their topic, at the frames of a diagram. */
  acknowledges(diagram: string): void
}

/** A session whose consumer takes every message, and acknowledges what it is told to. */
function listening(options: SessionOptions, test: (scene: Listening) => void): void {
  scene({ ack: 'manual', ...options }, (given) => {
    const deliveries = new Map<string, Delivery>()
    given.session.messages$.subscribe((delivery) => deliveries.set(delivery.packet.topic, delivery))
    const act = [...'abcxyz'].map((topic) => [topic, () => deliveries.get(topic)!.ack()] as const)
    test({ ...given, acknowledges: (diagram) => given.does(diagram, Object.fromEntries(act)) })
  })
}

const topics = ({ session }: SessionScene): Observable<string> =>
  session.messages$.pipe(map(({ packet }) => packet.topic))

describe.each(versions)('messages with MQTT level %i', (version) => {
  it.each(['client', 'server'] as const)('are acknowledged when next returned, on a %s', (role) => {
    scene({}, (given) => {
      const link = given.join('-m-a--x--1', peer, { version, role })
      given.expectObservable(topics(given)).toBe('-m-a--x')
      link.expectSent('---a--x--1', acks)
    })
  })

  it('wait for somebody who listens, in order, and are not acknowledged before', () => {
    scene({}, (given) => {
      const link = given.join('-(max)----b', peer, { version })
      given.expectObservable(topics(given), '-----^').toBe('-----(max)b')
      link.expectSent('-----(ax)-b', acks)
    })
  })

  it('that nobody took are sent again, and handed over once, in a session that goes on', () => {
    scene({}, (given) => {
      given.join('-(ax)-|', peer, { version })
      const link = given.join('11ms (AX)', peer, { version, resumed: true, at: 10 })
      given.expectObservable(topics(given), '20ms ^').toBe('20ms (ax)')
      link.expectSent('20ms (ax)', acks)
    })
  })

  it('of QoS 2 that the consumer works on are not handed over again, and acknowledged where it is then', () => {
    listening({}, (given) => {
      const first = given.join('-x--|', peer, { version })
      const second = given.join('11ms X', peer, { version, resumed: true, at: 10 })
      given.acknowledges('15ms x')
      first.expectSent('----|')
      second.expectSent('15ms x', acks)
    })
  })

  it('of QoS 2 that were acknowledged while there was no connection are not handed over again', () => {
    scene({ ack: 'manual' }, (given) => {
      const seen: Delivery[] = []
      given.session.messages$.subscribe((delivery) => seen.push(delivery))
      given.does('7ms a', { a: () => seen[0]!.ack() })
      given.join('-x--|', peer, { version })
      const second = given.join('11ms X 3ms 1', peer, { version, resumed: true, at: 10 })
      second.expectSent('11ms x 3ms 1', acks)
      given.does('20ms e', { e: () => expect(seen).toHaveLength(1) })
    })
  })

  it('of QoS 2 whose PUBREC waits for an earlier one are not handed over again', () => {
    scene({ ack: 'manual' }, (given) => {
      const seen: Delivery[] = []
      given.session.messages$.subscribe((delivery) => seen.push(delivery))
      given.join('-(xy)--|', peer, { version })
      given.does('---yy', { y: () => seen[1]!.ack() })
      const second = given.join('21ms (XY)', peer, { version, resumed: true, at: 20 })
      given.does('30ms x', { x: () => seen[0]!.ack() })
      second.expectSent('30ms (xy)', acks)
      given.does('40ms e', { e: () => expect(seen.map(({ packet }) => packet.topic)).toEqual(['x', 'y']) })
    })
  })

  it('of QoS 2 that were acknowledged without a connection wait for PUBREC of an earlier one', () => {
    scene({ ack: 'manual' }, (given) => {
      const seen: Delivery[] = []
      given.session.messages$.subscribe((delivery) => seen.push(delivery))
      given.join('-(xy)--|', peer, { version })
      given.does('12ms y 17ms x', { y: () => seen[1]!.ack(), x: () => seen[0]!.ack() })
      const second = given.join('21ms (XY)', peer, { version, resumed: true, at: 20 })
      second.expectSent('30ms (xy)', acks)
      given.does('40ms e', { e: () => expect(seen.map(({ packet }) => packet.topic)).toEqual(['x', 'y']) })
    })
  })

  it('of QoS 1 are handed over again after a cut, and an ack of the earlier connection is ignored', () => {
    scene({ ack: 'manual' }, (given) => {
      const seen: Delivery[] = []
      given.session.messages$.subscribe((delivery) => seen.push(delivery))
      given.join('-a--|', peer, { version })
      const second = given.join('11ms A', peer, { version, resumed: true, at: 10 })
      given.does('15ms o 4ms n', { o: () => seen[0]!.ack(), n: () => seen[1]!.ack() })
      second.expectSent('20ms a', acks)
      given.does('30ms e', { e: () => expect(seen).toHaveLength(2) })
    })
  })

  it('acknowledged out of order leave in order, QoS 1 and 2 apart', () => {
    listening({}, (given) => {
      const link = given.join('(abcxyz)', peer, { version })
      given.acknowledges('10ms bycza 9ms x')
      link.expectSent('14ms (abc) 5ms (xyz)', acks)
    })
  })
})

describe('messages$', () => {
  it('takes one subscriber at a time', () => {
    scene({}, (given) => {
      given.join('-a-b', peer)
      given.expectObservable(topics(given), '^-!').toBe('-a')
      given.expectObservable(topics(given), '-^').toBe('-#', null, { code: 'invalid-option' })
      given.expectObservable(topics(given), '--^').toBe('---b')
    })
  })

  it('hands what waits to the next one after each that leaves inside next, and acknowledges it', () => {
    scene({}, (given) => {
      const link = given.join('(abx)', peer)
      given.expectObservable(topics(given).pipe(take(1))).toBe('(a|)')
      given.expectObservable(topics(given).pipe(take(1)), '---^').toBe('---(b|)')
      link.expectSent('a--b--x', acks)
      given.expectObservable(topics(given).pipe(take(1)), '------^').toBe('------(x|)')
    })
  })

  it('with acknowledgement by hand: what a consumer has when it leaves inside next comes again to another one, until it is acknowledged', () => {
    scene({ ack: 'manual' }, (given) => {
      const link = given.join('(ab)', peer)
      const work = (): Observable<string> =>
        given.session.messages$.pipe(
          take(1),
          delay(5),
          map((delivery) => {
            delivery.ack()
            return delivery.packet.topic
          }),
        )
      given.expectObservable(work()).toBe('-----(a|)')
      given.expectObservable(work(), '---^').toBe('--------(a|)')
      given.expectObservable(work(), '------^').toBe('-----------(b|)')
      link.expectSent('-----a-----b', acks)
    })
  })

  it('with acknowledgement by hand: a message whose handler threw comes again to who subscribes again', () => {
    scene({ ack: 'manual' }, (given) => {
      const link = given.join('-(ab)', peer)
      let isFirst = true
      const handled$ = given.session.messages$.pipe(
        map((delivery) => {
          const { topic } = delivery.packet
          if (topic === 'b' && isFirst) {
            isFirst = false
            throw new Error('not yet')
          }
          delivery.ack()
          return topic
        }),
        retry(),
      )
      given.expectObservable(handled$).toBe('-(ab)')
      link.expectSent('-(ab)', acks)
    })
  })

  it('what was handed over and not acknowledged waits for the next consumer, QoS 0 does not', () => {
    scene({ ack: 'manual' }, (given) => {
      const link = given.join('-(max)', peer)
      given.expectObservable(topics(given), '^--!').toBe('-(max)')
      given.expectObservable(topics(given), '------^').toBe('------(ax)')
      link.expectSent('')
    })
  })

  it('what its first consumer acknowledges after all, the next one does not get', () => {
    scene({ ack: 'manual' }, (given) => {
      const link = given.join('-(ax)', peer)
      const first: Delivery[] = []
      const leaving = given.session.messages$.subscribe((delivery) => first.push(delivery))
      given.does('--u-x', { u: () => leaving.unsubscribe(), x: () => first[1]!.ack() })
      given.expectObservable(topics(given), '------^').toBe('------a')
      link.expectSent('----x', acks)
    })
  })

  it("a consumer that throws is not the session's business: the message is acknowledged, and the next one comes", async () => {
    scene({}, (given) => {
      const link = given.join('-a-b', peer)
      given.session.messages$.subscribe(() => {
        throw new Error('mine')
      })
      link.expectSent('-a-b', acks)
      given.expectObservable(link.end$).toBe('')
    })
    expect(await unhandled()).toEqual([new Error('mine'), new Error('mine')])
  })

  it('a message is published inside a handler', () => {
    scene({}, (given) => {
      const link = given.join('-a----b', peer)
      const answer = ({ packet }: Delivery): Observable<unknown> =>
        given.session.publish({ topic: `${packet.topic}/answer`, qos: 1 })
      given.session.messages$.pipe(mergeMap(answer)).subscribe()
      const p = publish({ topic: 'a/answer', qos: 1, messageId: 1 })
      link.expectSent('-(pa)-(qb)', { ...acks, p, q: publish({ topic: 'b/answer', qos: 1, messageId: 2 }) })
    })
  })

  it('keeps a copy of a payload that waits', () => {
    const session = new Session()
    const transport = new FakeTransport(undefined, 5)
    const link = joined(session, transport, {})
    const chunk = frame(0x32, wire('0001 "a" 0001 00 "payload"'))
    transport.receive(join(chunk, frame(0x30, wire('0001 "b" 00 "zero"'))))
    const kept: Uint8Array[] = []
    session.messages$.subscribe(({ packet }) => kept.push(packet.payload))
    asapScheduler.flush()
    expect(kept.map((payload) => [payload.length, payload.buffer.byteLength])).toEqual([
      [7, 7],
      [4, 4],
    ])
    link.connection.destroy()
  })
})

describe('ack', () => {
  it('with a refusing reason code is told to an MQTT 5 peer, and the packet identifier is free again', () => {
    for (const version of [4, 5] as const) {
      scene({}, (given) => {
        const link = given.join('-(ax)-x', peer, { version, role: 'server' })
        const seen: string[] = []
        given.session.messages$.subscribe((delivery) => {
          seen.push(delivery.packet.topic)
          delivery.ack(0x87)
        })
        const reasonCode = version === 5 ? 0x87 : undefined
        const told = { a: puback({ messageId: 1, reasonCode }), x: pubrec({ messageId: 11, reasonCode }) }
        link.expectSent('-(ax)-x', told)
        given.does('10ms e', { e: () => expect(seen).toEqual(version === 5 ? ['a', 'x', 'x'] : ['a', 'x']) })
      })
    }
  })

  it('the second time, and with QoS 0, does nothing', () => {
    scene({ ack: 'manual' }, (given) => {
      const link = given.join('-(ma)', peer)
      given.session.messages$.subscribe((delivery) => {
        delivery.ack()
        delivery.ack(0x80)
      })
      link.expectSent('-a', acks)
    })
  })

  it('with what is no reason code of PUBACK and PUBREC throws, and the message can still be acknowledged', () => {
    scene({ ack: 'manual' }, (given) => {
      const link = given.join('-(ax)', peer)
      given.session.messages$.subscribe((delivery) => {
        expect(() => delivery.ack(0x04 as 0)).toThrow(/reasonCode/)
        delivery.ack(0x10)
      })
      link.expectSent('-(ax)', {
        a: puback({ messageId: 1, reasonCode: 0x10 }),
        x: pubrec({ messageId: 11, reasonCode: 0x10 }),
      })
    })
  })
})

describe('ackTimeout', () => {
  const late = { code: 'timeout', reasonCode: 0x83 }

  it('is off unless it is set', () => {
    scene({ ack: 'manual' }, (given) => {
      const link = given.join('-a', peer)
      given.session.messages$.subscribe()
      given.expectObservable(link.end$, '^ 60m !').toBe('')
      link.expectSent('')
    })
  })

  it.each([
    [99, false],
    [101, true],
  ])('of 100 ms, acknowledged after %i ms', (after, isLate) => {
    listening({ ackTimeout: 100 }, (given) => {
      const link = given.join('-a', peer)
      given.acknowledges(`${after + 1}ms a`)
      given.expectObservable(link.end$, '^ 1s !').toBe(isLate ? '101ms #' : '', null, late)
      link.expectSent(isLate ? '101ms (d|)' : '100ms a', { ...acks, d: disconnect({ reasonCode: 0x83 }) })
    })
  })

  it('runs for each message from its own delivery, and not while nobody listens', () => {
    scene({ ack: 'manual', ackTimeout: 100 }, (given) => {
      const link = given.join('-a 49ms b', peer)
      given.expectObservable(topics(given), '200ms ^').toBe('200ms (ab)')
      given.expectObservable(link.end$).toBe('300ms #', null, late)
    })
    listening({ ackTimeout: 100 }, (given) => {
      const link = given.join('-a 49ms b', peer)
      given.acknowledges('90ms a')
      given.expectObservable(link.end$).toBe('151ms #', null, late)
    })
  })

  it('runs anew for a QoS 2 message that its consumer has had since an earlier connection', () => {
    listening({ ackTimeout: 100 }, (given) => {
      given.join('-x-|', peer)
      const link = given.join('200ms X', peer, { resumed: true, at: 150 })
      given.expectObservable(link.end$).toBe('300ms #', null, late)
    })
  })
})

describe('receiveMaximum', () => {
  it.each([3, 4] as const)(
    'pauses reading at one message more with MQTT level %i, until one is acknowledged',
    (version) => {
      listening({ receiveMaximum: 2 }, (given) => {
        const link = given.join('-a-x-b-m', peer, { version })
        given.acknowledges('10ms x 9ms a')
        given.expectReads(link.transport).toBe('^----!', '----------^')
        link.expectSent('10ms x 9ms a', acks)
      })
    },
  )

  it('goes on reading while an answer of the peer is awaited, which comes behind what waits, and pauses after it', () => {
    listening({ receiveMaximum: 2 }, (given) => {
      const inbound = { ...peer, k: puback({ messageId: 1 }) }
      const link = given.join('-a-x-b-k-m', inbound)
      given.does('--p', { p: () => given.session.publish({ topic: 'out', qos: 1 }).subscribe() })
      given.acknowledges('20ms a')
      given.expectReads(link.transport).toBe('^------!', '--------------------^')
      link.expectSent('--o 17ms a', { ...acks, o: publish({ topic: 'out', qos: 1, messageId: 1 }) })
    })
  })

  it('reads again as soon as an answer of the peer is awaited', () => {
    listening({ receiveMaximum: 2 }, (given) => {
      const link = given.join('-a-x-b', peer)
      given.does('10ms p', { p: () => given.session.publish({ topic: 'out', qos: 1 }).subscribe() })
      given.expectReads(link.transport).toBe('^----!', '----------^')
      link.expectSent('10ms o', { ...acks, o: publish({ topic: 'out', qos: 1, messageId: 1 }) })
    })
  })

  it('pauses an MQTT 5 peer too where more was advertised', () => {
    listening({ receiveMaximum: 2 }, (given) => {
      const link = given.join('-a-x-b', peer, { connect: { properties: { receiveMaximum: 3 } } })
      given.acknowledges('10ms a')
      given.expectReads(link.transport).toBe('^----!', '----------^')
      link.expectSent('10ms a', acks)
    })
  })

  it('counts QoS 2 until PUBREL, on each connection anew', () => {
    scene({}, (given) => {
      const limited = { connect: { properties: { receiveMaximum: 2 } } }
      given.session.messages$.subscribe()
      const first = given.join('-x-y-1-z-|', peer, limited)
      const second = given.join('22ms Y-2-a-Z-3-b-c 9ms x', peer, { ...limited, resumed: true, at: 20 })
      given.expectObservable(first.end$).toBe('---------|')
      given.expectObservable(second.end$).toBe('')
      second.expectSent('22ms y-2-a-z-3-b-c 9ms x', acks)
    })
    scene({}, (given) => {
      given.session.messages$.subscribe()
      const link = given.join('-x-y-a', peer, { connect: { properties: { receiveMaximum: 2 } } })
      given.expectObservable(link.end$).toBe('-----#', null, { code: 'protocol-error', reasonCode: 0x93 })
      link.expectSent('-x-y-(d|)', { ...acks, d: disconnect({ reasonCode: 0x93 }) })
    })
  })

  it('does not count PUBREL for a message of an earlier connection', () => {
    scene({}, (given) => {
      const limited = { connect: { properties: { receiveMaximum: 2 } } }
      given.session.messages$.subscribe()
      given.join('-y-|', peer, limited)
      const second = given.join('22ms 2-x-z-a', peer, { ...limited, resumed: true, at: 20 })
      given.expectObservable(second.end$).toBe('28ms #', null, { code: 'protocol-error', reasonCode: 0x93 })
    })
  })

  it('lets the connection read again when the session is detached', () => {
    listening({ receiveMaximum: 1 }, (given) => {
      const link = given.join('-(ab)--m', peer, { version: 4 })
      given.does('----d', { d: () => link.detach() })
      given.expectObservable(link.connection.packets$.pipe(map(({ cmd }) => cmd)), '-----^').toBe('-------p', {
        p: 'publish',
      })
      given.expectReads(link.transport).toBe('^!', '----(^!)', '-----^')
      link.expectSent('')
    })
  })
})

describe('QoS 0 while nobody listens', () => {
  it('waits up to maxQueued, one more ends the connection', () => {
    scene({ maxQueued: 2 }, (given) => {
      const link = given.join('-m-n-o', peer)
      given.expectObservable(link.end$).toBe('-----#', null, { code: 'overflow', reasonCode: 0x97 })
      link.expectSent('-----(d|)', { d: disconnect({ reasonCode: 0x97 }) })
      given.expectObservable(topics(given), '10ms ^').toBe('10ms (mn)')
    })
  })

  it.each([
    ['drop-oldest', 'no', 'm'],
    ['drop-newest', 'mn', 'o'],
  ] as const)('%s, and dropped$ tells', (overflow, left, dropped) => {
    scene({ maxQueued: 2, overflow }, (given) => {
      const link = given.join('-m-a-n-o', peer)
      const seen$ = given.session.dropped$.pipe(map(({ message, error }) => [message.topic, error.code]))
      given.expectObservable(seen$).toBe('-------d', { d: [dropped, 'overflow'] })
      const expected = left === 'no' ? '(ano)' : '(man)'
      given.expectObservable(topics(given), '10ms ^').toBe(`10ms ${expected}`)
      link.expectSent('10ms a', acks)
    })
  })

  it('with maxQueued 0 none waits, and those of QoS 1 and 2 do', () => {
    for (const overflow of ['drop-oldest', 'drop-newest'] as const) {
      scene({ maxQueued: 0, overflow }, (given) => {
        given.join('-m-a-x', peer)
        const seen$ = given.session.dropped$.pipe(map(({ message }) => message.topic))
        given.expectObservable(seen$).toBe('-m')
        given.expectObservable(topics(given), '10ms ^').toBe('10ms (ax)')
      })
    }
  })
})

describe('a session that is attached before anybody listens', () => {
  it('loses nothing and acknowledges nothing', () => {
    scene({}, (given) => {
      const link = given.join('(abcxyz)', peer, { role: 'server' })
      given.expectObservable(topics(given), '60s ^').toBe('60s (abcxyz)')
      link.expectSent('60s (abcxyz)', acks)
    })
  })
})

describe('detaching', () => {
  it('leaves the connection open, and another session takes over what comes next', () => {
    scene({}, (given) => {
      const link = given.join('-a---b', peer)
      given.expectObservable(topics(given)).toBe('-a')
      given.does('---d', { d: () => link.detach() })
      given.expectObservable(link.connection.publish$.pipe(map(({ topic }) => topic)), '----^').toBe('-----b')
      given.expectObservable(link.end$).toBe('')
      link.expectSent('-a', acks)
    })
  })
})
