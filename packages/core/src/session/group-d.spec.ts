import { map, merge, type Observable } from 'rxjs'
import type { Role } from '../connection/options.js'
import type { PacketInput } from '../packet/fields.js'
import type { ProtocolVersion, QoS } from '../packet/packet.js'
import { type JoinOptions, scene, type SessionScene } from '../spec-support/session-scene.js'
import { statements } from '../spec-support/statements.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { packets } from '../testing/packets.js'
import type { Delivery } from './message.js'
import type { SubscribeResult, UnsubscribeResult } from './subscriptions.js'

expectNoUnhandled()

const { publish, puback, pubrec, pubrel, pubcomp, subscribe, suback, unsubscribe, unsuback } = packets
const roles: readonly Role[] = ['client', 'server']

const one = (topic: string, messageId: number, fields: object = {}): PacketInput =>
  publish({ topic, qos: 1, messageId, ...fields })
const two = (topic: string, messageId: number, fields: object = {}): PacketInput =>
  publish({ topic, qos: 2, messageId, ...fields })

const taken = ({ session }: SessionScene): Observable<string> =>
  session.messages$.pipe(map(({ packet }) => packet.topic))

/** What both versions say, each in its own words. */
class Conversation {
  readonly version: ProtocolVersion

  constructor(version: 4 | 5) {
    this.version = version
  }

  /** Runs a test with each end. */
  both(test: (scene: SessionScene, given: JoinOptions) => void, of: readonly Role[] = roles): void {
    for (const role of of) scene({}, (given) => test(given, { role, version: this.version }))
  }

  /** Identifiers: not zero, none that is in use, of PUBLISH with QoS 1 and 2, SUBSCRIBE and UNSUBSCRIBE together. */
  readonly identifiers = (): void => {
    this.both(
      ({ session, join, does, expectObservable }, given) => {
        const link = join('----1 15ms 5', { 1: puback({ messageId: 1 }), 5: suback({ messageId: 5 }) }, given)
        expectObservable(session.publish({ topic: 'a', qos: 1 })).toBe('----(r|)', { r: { qos: 1, reasonCode: 0 } })
        does('-----(abc)----d', {
          a: () => session.publish({ topic: 'b', qos: 1 }).subscribe(),
          b: () => session.publish({ topic: 'c', qos: 2 }).subscribe(),
          c: () => session.unsubscribe({ unsubscriptions: ['u'] }).subscribe({ error: () => undefined }),
          d: () => session.subscribe({ subscriptions: [{ topic: 't', qos: 0 }] }).subscribe({ error: () => undefined }),
        })
        link.expectSent('a----(bcu)----s', {
          a: one('a', 1),
          b: one('b', 2),
          c: two('c', 3),
          u: unsubscribe({ messageId: 4, unsubscriptions: ['u'] }),
          s: subscribe({ messageId: 5, subscriptions: [{ topic: 't', qos: 0 }] }),
        })
      },
      ['client'],
    )
  }

  readonly serverIdentifiers = (): void => {
    this.both(
      ({ session, join, does }, given) => {
        const link = join('-----1', { 1: puback({ messageId: 1 }) }, given)
        does('(ab)------c', {
          a: () => session.publish({ topic: 'a', qos: 1 }).subscribe(),
          b: () => session.publish({ topic: 'b', qos: 2 }).subscribe(),
          c: () => session.publish({ topic: 'c', qos: 1 }).subscribe(),
        })
        link.expectSent('(ab)------c', { a: one('a', 1), b: two('b', 2), c: one('c', 3) })
      },
      ['server'],
    )
  }

  /** What is sent again keeps its identifier, which is free when it is acknowledged. */
  readonly sameIdentifier = (): void => {
    this.both(({ session, join, does }, given) => {
      const first = join('-----|', {}, given)
      const second = join(
        '25ms (12)',
        { 1: puback({ messageId: 1 }), 2: pubrec({ messageId: 2 }) },
        { ...given, at: 20, resumed: true },
      )
      does('(ab)', {
        a: () => session.publish({ topic: 'a', qos: 1 }).subscribe(),
        b: () => session.publish({ topic: 'b', qos: 2 }).subscribe(),
      })
      first.expectSent('(ab)-|', { a: one('a', 1), b: two('b', 2) })
      second.expectSent('20ms (ab)-r', {
        a: one('a', 1, { dup: true }),
        b: two('b', 2, { dup: true }),
        r: pubrel({ messageId: 2 }),
      })
    })
  }

  readonly answersBear = (): void => {
    this.both((given, options) => {
      const link = given.join(
        '-a-x-y-r',
        { a: one('a', 7), x: two('x', 8), y: pubrel({ messageId: 8 }), r: pubrec({ messageId: 1 }) },
        options,
      )
      given.expectObservable(taken(given)).toBe('-a-x')
      given.expectObservable(given.session.publish({ topic: 'p', qos: 2 }), '^ 20ms !').toBe('')
      link.expectSent('pa-x-y-r', {
        p: two('p', 1),
        a: puback({ messageId: 7 }),
        x: pubrec({ messageId: 8 }),
        y: pubcomp({ messageId: 8 }),
        r: pubrel({ messageId: 1 }),
      })
    })
  }

  /** SUBACK and UNSUBACK: an answer with another identifier is none. */
  readonly requestsBear = (): void => {
    this.both(
      ({ session, join, expectObservable }, given) => {
        const link = join('-u-s', { s: suback({ messageId: 1 }), u: unsuback({ messageId: 2 }) }, given)
        const subscribed$ = session.subscribe({ subscriptions: [{ topic: 't', qos: 0 }] })
        expectObservable(subscribed$.pipe(map(({ granted }) => granted.length))).toBe('---(r|)', { r: 1 })
        const unsubscribed$ = session.unsubscribe({ unsubscriptions: ['t'] })
        expectObservable(unsubscribed$.pipe(map(({ removed }) => removed.length))).toBe('-(r|)', { r: 1 })
        link.expectSent('(su)', {
          s: subscribe({ messageId: 1, subscriptions: [{ topic: 't', qos: 0 }] }),
          u: unsubscribe({ messageId: 2, unsubscriptions: ['t'] }),
        })
      },
      ['client'],
    )
    for (const wrong of [suback({ messageId: 2 }), suback({ messageId: 3 }), unsuback({ messageId: 1 })]) {
      this.both(
        ({ session, join, expectObservable }, given) => {
          const link = join('-w', { w: wrong }, given)
          const asked$ = merge(
            session.subscribe({ subscriptions: [{ topic: 't', qos: 0 }] }),
            session.unsubscribe({ unsubscriptions: ['t'] }),
          )
          expectObservable(asked$ as Observable<unknown>).toBe('-#', null, { code: 'transport' })
          expectObservable(link.end$).toBe('-#', null, { code: 'protocol-error', reasonCode: 0x82 })
        },
        ['client'],
      )
    }
  }

  /** The codes are those of the filters, one each, in their order. */
  readonly codes = (): void => {
    const topics = ['a', 'b', 'c'] as const
    const subscriptions = topics.map((topic) => ({ topic, qos: 2 as const }))
    const outcome = ({ granted, refused }: SubscribeResult): unknown => [
      granted.map(({ topic, qos }) => `${topic} ${qos}`),
      refused.map(({ topic, error }) => `${topic} ${error.reasonCode}`),
    ]
    this.both(
      ({ session, join, expectObservable }, given) => {
        join('-s', { s: suback({ granted: [1, 0x80, 2] }) }, given)
        const r = [['a 1', 'c 2'], ['b 128']]
        expectObservable(session.subscribe({ subscriptions }).pipe(map(outcome))).toBe('-(r|)', { r })
      },
      ['client'],
    )
    for (const granted of [
      [0, 0],
      [0, 0, 0, 0],
    ] as const) {
      this.both(
        ({ session, join, expectObservable }, given) => {
          const link = join('-s', { s: suback({ granted: [...granted] }) }, given)
          expectObservable(session.subscribe({ subscriptions })).toBe('-#', null, { code: 'transport' })
          expectObservable(link.end$).toBe('-#', null, { code: 'protocol-error', reasonCode: 0x82 })
        },
        ['client'],
      )
    }
  }

  readonly unsubscribeCodes = (): void => {
    const outcome = ({ removed, refused }: UnsubscribeResult): unknown => [
      removed,
      refused.map(({ topic, error }) => `${topic} ${error.reasonCode}`),
    ]
    this.both(
      ({ session, join, expectObservable }, given) => {
        join('-s', { s: unsuback({ granted: [0x11, 0x87, 0] }) }, given)
        const r = [['a', 'c'], ['b 135']]
        expectObservable(session.unsubscribe({ unsubscriptions: ['a', 'b', 'c'] }).pipe(map(outcome))).toBe('-(r|)', {
          r,
        })
      },
      ['client'],
    )
    this.both(
      ({ session, join, expectObservable }, given) => {
        const link = join('-s', { s: unsuback({ granted: [0] }) }, given)
        expectObservable(session.unsubscribe({ unsubscriptions: ['a', 'b'] })).toBe('-#', null, { code: 'transport' })
        expectObservable(link.end$).toBe('-#', null, { code: 'protocol-error', reasonCode: 0x82 })
      },
      ['client'],
    )
  }

  /** Nothing comes of SUBSCRIBE and UNSUBSCRIBE without an answer, but a time-out. */
  readonly answered = (): void => {
    this.both(
      ({ session, join, expectObservable }, given) => {
        join('', {}, given)
        expectObservable(session.subscribe({ subscriptions: [{ topic: 'a', qos: 0 }] }, { timeout: 100 })).toBe(
          '100ms #',
          null,
          {
            code: 'timeout',
          },
        )
        expectObservable(session.unsubscribe({ unsubscriptions: ['a'] }, { timeout: 101 })).toBe('101ms #', null, {
          code: 'timeout',
        })
      },
      ['client'],
    )
  }

  readonly again = (): void => {
    for (const qos of [1, 2] as const) {
      this.both(({ session, join, expectObservable }, given) => {
        const first = join('--|', {}, given)
        const second = join('', {}, { ...given, at: 10, resumed: true })
        expectObservable(session.publish({ topic: 'a', qos }), '^ 20ms !').toBe('')
        first.expectSent('p-|', { p: publish({ topic: 'a', qos, messageId: 1 }) })
        second.expectSent('10ms p', { p: publish({ topic: 'a', qos, messageId: 1, dup: true }) })
      })
    }
  }

  readonly forwarded = (): void => {
    this.both(({ session, join }, given) => {
      const values = { a: one('a', 5, { dup: true }), b: two('b', 6, { dup: true }) }
      const link = join('-a----b', values, given)
      session.messages$.subscribe(({ packet }) => pass(session, packet))
      link.expectSent('-(pa)-(qb)', {
        p: one('a', 1),
        a: puback({ messageId: 5 }),
        q: two('b', 2),
        b: pubrec({ messageId: 6 }),
      })
    })
  }

  readonly byQoS = (): void => {
    this.both((given, options) => {
      const link = given.join('-z-a-x', { z: publish({ topic: 'z' }), a: one('a', 1), x: two('x', 2) }, options)
      given.expectObservable(taken(given)).toBe('-z-a-x')
      link.expectSent('---a-x', { a: puback(), x: pubrec({ messageId: 2 }) })
    })
  }

  readonly zero = (): void => {
    this.both(({ session, join, expectObservable }, given) => {
      const first = join('', {}, given)
      expectObservable(session.publish({ topic: 'a' })).toBe('(r|)', { r: { qos: 0, reasonCode: 0 } })
      expectObservable(session.publish({ topic: 'b', qos: 0 })).toBe('(r|)', { r: { qos: 0, reasonCode: 0 } })
      first.expectSent('(ab)', {
        a: publish({ topic: 'a', qos: 0, dup: false }),
        b: publish({ topic: 'b', qos: 0, dup: false }),
      })
    })
  }

  /** New messages: an identifier each, which nothing else has, and no DUP. */
  readonly fresh = (qos: 1 | 2) => (): void => {
    this.both(({ session, join, does }, given) => {
      const link = join('-----1', { 1: puback({ messageId: 1 }) }, given)
      does('(abc)-----d', {
        a: () => session.publish({ topic: 'a', qos: 1 }).subscribe(),
        b: () => session.publish({ topic: 'b', qos }).subscribe(),
        c: () => session.publish({ topic: 'c', qos }).subscribe(),
        d: () => session.publish({ topic: 'd', qos }).subscribe(),
      })
      const made = (topic: string, messageId: number, level: QoS = qos): PacketInput =>
        publish({ topic, qos: level, messageId, dup: false })
      link.expectSent('(abc)-----d', { a: made('a', 1, 1), b: made('b', 2), c: made('c', 3), d: made('d', 4) })
    })
  }

  /** It is sent again, and again, until the answer came; not after it. */
  readonly until = (qos: 1 | 2) => (): void => {
    this.both(({ session, join, expectObservable }, given) => {
      const answer = qos === 1 ? puback() : pubrec()
      const links = [0, 10, 20, 30].map((at) =>
        join(
          at === 30 ? '' : `${at + 5}ms ${at === 20 ? 'a' : '-'}|`,
          { a: answer },
          { ...given, at, resumed: at > 0 },
        ),
      )
      expectObservable(session.publish({ topic: 'a', qos })).toBe(qos === 1 ? '25ms (r|)' : '', {
        r: { qos, reasonCode: 0 },
      })
      const p = publish({ topic: 'a', qos, messageId: 1 })
      const d = publish({ topic: 'a', qos, messageId: 1, dup: true })
      links[0]!.expectSent('p-----|', { p })
      links[1]!.expectSent('10ms d-----|', { d })
      links[2]!.expectSent(qos === 1 ? '20ms d-----|' : '20ms d----r|', { d, r: pubrel() })
      links[3]!.expectSent(qos === 1 ? '' : '30ms r', { r: pubrel() })
    })
  }

  /** PUBREL is sent again until PUBCOMP; PUBLISH is not, once PUBREL was. */
  readonly untilCompleted = (): void => {
    this.both(({ session, join, expectObservable }, given) => {
      const links = [0, 10, 20, 30].map((at) => {
        const inbound = { 0: '--r--|', 10: '15ms |', 20: '25ms c|', 30: '' }[at]
        return join(inbound, { r: pubrec(), c: pubcomp() }, { ...given, at, resumed: at > 0 })
      })
      expectObservable(session.publish({ topic: 'a', qos: 2 })).toBe('25ms (r|)', { r: { qos: 2, reasonCode: 0 } })
      links[0]!.expectSent('p-r--|', { p: two('a', 1), r: pubrel() })
      links[1]!.expectSent('10ms r----|', { r: pubrel() })
      links[2]!.expectSent('20ms r-----|', { r: pubrel() })
      links[3]!.expectSent('')
    })
  }

  /** PUBACK when the message is ours, and then its identifier is a new message's, whatever its DUP. */
  readonly acknowledgesOne = (): void => {
    this.both((given, options) => {
      const link = given.join('-a-a-A', { a: one('a', 1), A: one('a', 1, { dup: true }) }, options)
      given.expectObservable(taken(given)).toBe('-a-a-b', { a: 'a', b: 'a' })
      link.expectSent('-p-p-p', { p: puback() })
    })
  }

  readonly acknowledgesTwo = (): void => {
    this.both((given, options) => {
      const values = { x: two('x', 1), X: two('x', 1, { dup: true }), r: pubrel() }
      const first = given.join('-x--|', values, options)
      const second = given.join(
        '11ms X 4ms r 4ms x 4ms X',
        { ...values, X: two('x', 1, { dup: true }) },
        { ...options, at: 10, resumed: true },
      )
      given.expectObservable(taken(given).pipe(map(() => 'x'))).toBe('-x 19ms x')
      first.expectSent('-c--|', { c: pubrec() })
      second.expectSent('11ms c 4ms d 4ms c 4ms c', { c: pubrec(), d: pubcomp() })
    })
  }

  readonly resends = (): void => {
    this.both(({ session, join, does }, given) => {
      const first = join('-----r--|', { r: pubrec({ messageId: 2 }) }, given)
      const second = join('', {}, { ...given, at: 20, resumed: true })
      does('(abc)', {
        a: () => session.publish({ topic: 'a', qos: 2 }).subscribe(),
        b: () => session.publish({ topic: 'b', qos: 2 }).subscribe(),
        c: () => session.publish({ topic: 'c', qos: 1 }).subscribe(),
      })
      // Nothing goes again on the same connection, however long it takes.
      first.expectSent('(abc)r--|', { a: two('a', 1), b: two('b', 2), c: one('c', 3), r: pubrel({ messageId: 2 }) })
      second.expectSent('20ms (rac)', {
        r: pubrel({ messageId: 2 }),
        a: two('a', 1, { dup: true }),
        c: one('c', 3, { dup: true }),
      })
    })
    scene({}, ({ session, join, expectObservable }) => {
      const link = join('', {}, { version: this.version })
      expectObservable(session.publish({ topic: 'a', qos: 1 }), '^ 60m !').toBe('')
      link.expectSent('a', { a: one('a', 1) })
    })
  }

  /** Whatever the consumer makes of a message, and also where it is not wanted. */
  readonly acknowledgesAll = (): void => {
    this.both(
      (given, options) => {
        const link = given.join('-a-x', { a: one('nobody/asked', 1), x: two('nobody/asked', 2) }, options)
        given.session.messages$.subscribe()
        link.expectSent('-a-x', { a: puback(), x: pubrec({ messageId: 2 }) })
      },
      ['client'],
    )
  }

  readonly inOrder = (): void => {
    this.both(({ session, join, does }, given) => {
      const first = join('8ms |', {}, given)
      const second = join('', {}, { ...given, at: 20, resumed: true })
      const send =
        (topic: string, qos: QoS): (() => unknown) =>
        () =>
          session.publish({ topic, qos }).subscribe()
      does('(abcd)', { a: send('a', 1), b: send('b', 2), c: send('c', 1), d: send('d', 2) })
      first.expectSent('(abcd)--|', { a: one('a', 1), b: two('b', 2), c: one('c', 3), d: two('d', 4) })
      const dup = { dup: true }
      second.expectSent('20ms (abcd)', {
        a: one('a', 1, dup),
        b: two('b', 2, dup),
        c: one('c', 3, dup),
        d: two('d', 4, dup),
      })
    })
  }

  /** Acknowledgements leave in the order of the messages, however they are given. */
  readonly acksInOrder = (qos: 1 | 2) => (): void => {
    for (const role of roles) {
      scene({ ack: 'manual' }, ({ session, join, does }) => {
        const values = Object.fromEntries(
          ['a', 'b', 'c'].map((topic, i) => [topic, publish({ topic, qos, messageId: 9 - i })]),
        )
        const link = join('(abc)', values, { role, version: this.version })
        const seen: Delivery[] = []
        session.messages$.subscribe((delivery) => seen.push(delivery))
        does('10ms c-a-b', { a: () => seen[0]!.ack(), b: () => seen[1]!.ack(), c: () => seen[2]!.ack() })
        const ack = qos === 1 ? puback : pubrec
        const acks = { a: ack({ messageId: 9 }), b: ack({ messageId: 8 }), c: ack({ messageId: 7 }) }
        link.expectSent('12ms a-(bc)', acks)
      })
    }
  }

  readonly releasesInOrder = (): void => {
    this.both(({ session, join, does }, given) => {
      const values = Object.fromEntries([1, 2, 3].map((messageId) => [String(messageId), pubrec({ messageId })]))
      const first = join('10ms 3-1-2--|', values, given)
      const second = join('', {}, { ...given, at: 30, resumed: true })
      const send =
        (topic: string): (() => unknown) =>
        () =>
          session.publish({ topic, qos: 2 }).subscribe()
      does('(abc)', { a: send('a'), b: send('b'), c: send('c') })
      const released = Object.fromEntries([1, 2, 3].map((messageId) => [String(messageId), pubrel({ messageId })]))
      first.expectSent('(abc) 5ms 3-1-2--|', { a: two('a', 1), b: two('b', 2), c: two('c', 3), ...released })
      second.expectSent('30ms (312)', released)
    })
  }
}

/** Sends a message on, as a server does. */
function pass(session: SessionScene['session'], { topic, payload, qos, retain }: Delivery['packet']): void {
  session.publish({ topic, payload, qos, retain }).subscribe()
}

describe('group D, MQTT 5', () => {
  const { show, elsewhere, complete } = statements('MQTT 5')
  const v5 = new Conversation(5)

  show('2.2.1-3', 'a client gives each SUBSCRIBE, UNSUBSCRIBE and PUBLISH an identifier that is free', v5.identifiers)
  show('2.2.1-4', 'so does a server with PUBLISH', v5.serverIdentifiers)
  show('2.2.1-5', 'PUBACK, PUBREC, PUBREL and PUBCOMP bear the identifier of PUBLISH', v5.answersBear)
  show(
    '2.2.1-6 3.8.4-2 3.10.4-5',
    'SUBACK and UNSUBACK bear that of what they answer, others end the connection',
    v5.requestsBear,
  )
  show('3.3.1-1', 'what goes again has DUP', v5.again)
  show('3.3.1-3', 'DUP of what came is not passed on', v5.forwarded)
  show('3.3.4-1', 'a message is answered by its QoS', v5.byQoS)
  show('3.8.4-6 3.9.3-1', 'SUBACK has a code for each filter, in their order', v5.codes)
  show('3.11.3-1', 'UNSUBACK has a code for each filter, in their order', v5.unsubscribeCodes)
  show('3.8.4-1 3.10.4-4', 'an answer that does not come is a time-out', v5.answered)
  show('4.3.1-1', 'QoS 0 is sent without DUP', v5.zero)
  show('4.3.2-1 4.3.2-2', 'QoS 1 is sent with a free identifier and without DUP', v5.fresh(1))
  show('4.3.2-3', 'QoS 1 is unacknowledged until PUBACK', v5.until(1))
  show('4.3.2-4 4.3.2-5', 'QoS 1 is answered by PUBACK, and then its identifier is free', v5.acknowledgesOne)
  show('4.3.3-1 4.3.3-2', 'QoS 2 is sent with a free identifier and without DUP', v5.fresh(2))
  show('4.3.3-3', 'QoS 2 is unacknowledged until PUBREC', v5.until(2))
  show(
    '4.3.3-4 4.3.3-5 4.3.3-6',
    'PUBREC is answered by PUBREL, until PUBCOMP, and PUBLISH goes no more',
    v5.untilCompleted,
  )
  show('4.3.3-7', 'what was sent once does not expire', () => {
    v5.both(({ session, join, expectObservable }, given) => {
      const properties = { messageExpiryInterval: 1 }
      const first = join('10ms |', {}, given)
      const second = join('', {}, { ...given, at: 5_000, resumed: true })
      expectObservable(session.publish({ topic: 'a', qos: 2, properties }), '^ 9s !').toBe('')
      first.expectSent('a 9ms |', { a: two('a', 1, { properties }) })
      second.expectSent('5s a', { a: two('a', 1, { dup: true, properties: { messageExpiryInterval: 0 } }) })
    })
  })
  show(
    '4.3.3-8 4.3.3-10 4.3.3-11 4.3.3-12',
    'QoS 2 is taken once until PUBREL, which PUBCOMP answers',
    v5.acknowledgesTwo,
  )
  show('4.3.3-9', 'a refused identifier is that of a new message', () => {
    v5.both(({ session, join, does }, given) => {
      const link = join('-x-x', { x: two('x', 1) }, given)
      const seen: string[] = []
      session.messages$.subscribe((delivery) => {
        seen.push(delivery.packet.topic)
        delivery.ack(0x97)
      })
      link.expectSent('-r-r', { r: pubrec({ reasonCode: 0x97 }) })
      does('9ms e', { e: () => expect(seen).toEqual(['x', 'x']) })
    })
  })
  show('4.3.3-13', 'QoS 2 goes on to its end although the message has expired', () => {
    v5.both(({ session, join, expectObservable }, given) => {
      const properties = { messageExpiryInterval: 1 }
      const link = join('5s r 4999ms c', { r: pubrec(), c: pubcomp() }, given)
      expectObservable(session.publish({ topic: 'a', qos: 2, properties })).toBe('10s (r|)', {
        r: { qos: 2, reasonCode: 0 },
      })
      link.expectSent('a 4999ms r', { a: two('a', 1, { properties }), r: pubrel() })
    })
  })
  show('4.4.0-1', 'a session that goes on sends again what is unacknowledged, and only then', v5.resends)
  show('4.4.0-2', 'what was refused does not go again', () => {
    for (const qos of [1, 2] as const) {
      v5.both(({ session, join, expectObservable }, given) => {
        const first = join('--r-|', { r: (qos === 1 ? puback : pubrec)({ reasonCode: 0x97 }) }, given)
        const second = join('', {}, { ...given, at: 10, resumed: true })
        expectObservable(session.publish({ topic: 'a', qos })).toBe('--#', null, { code: 'refused', reasonCode: 0x97 })
        first.expectSent('p---|', { p: publish({ topic: 'a', qos, messageId: 1 }) })
        second.expectSent('')
      })
    }
  })
  show('4.5.0-2', 'a client acknowledges whatever comes', v5.acknowledgesAll)
  show('4.6.0-1', 'PUBLISH goes again in the order of the first time', v5.inOrder)
  show('4.6.0-2', 'PUBACK in the order of the messages', v5.acksInOrder(1))
  show('4.6.0-3', 'PUBREC in the order of the messages', v5.acksInOrder(2))
  show('4.6.0-4', 'PUBREL in the order of PUBREC', v5.releasesInOrder)
  // The server's half.
  elsewhere('flows/answers.spec.ts', '3.8.4-1 3.8.4-2 3.8.4-6 3.9.3-1 3.10.4-4 3.10.4-5 3.11.3-1')
  complete(`2.2.1-3..6 3.3.1-1 3.3.1-3 3.3.4-1 3.8.4-1 3.8.4-2 3.8.4-6 3.9.3-1 3.10.4-4 3.10.4-5 3.11.3-1 4.3.1-1
    4.3.2-1..5 4.3.3-1..13 4.4.0-1 4.4.0-2 4.5.0-2 4.6.0-1..4`)
})

describe('group D, MQTT 3.1.1', () => {
  const { show, elsewhere, complete } = statements('MQTT 3.1.1')
  const v4 = new Conversation(4)

  show('2.3.1-2', 'a client gives each SUBSCRIBE, UNSUBSCRIBE and PUBLISH an identifier that is free', v4.identifiers)
  show('2.3.1-3', 'what goes again keeps its identifier', v4.sameIdentifier)
  show('2.3.1-4', 'so do those of a server with PUBLISH', () => {
    v4.serverIdentifiers()
    v4.sameIdentifier()
  })
  show('2.3.1-6', 'PUBACK, PUBREC and PUBREL bear the identifier of PUBLISH', v4.answersBear)
  show(
    '2.3.1-7 3.8.4-2',
    'SUBACK and UNSUBACK bear that of what they answer, others end the connection',
    v4.requestsBear,
  )
  show('3.3.1-1', 'what goes again has DUP', v4.again)
  show('3.3.1-3', 'DUP of what came is not passed on', v4.forwarded)
  show('3.3.4-1', 'a message is answered by its QoS', v4.byQoS)
  show('3.8.4-5 3.9.3-1', 'SUBACK has a code for each filter, in their order', v4.codes)
  show('3.8.4-1 3.10.4-4 3.10.4-5', 'an answer that does not come is a time-out', v4.answered)
  show('4.3.1-1', 'QoS 0 is sent without DUP', v4.zero)
  show('4.3.2-1', 'QoS 1 is sent with a free identifier, without DUP, and unacknowledged until PUBACK', () => {
    v4.fresh(1)()
    v4.until(1)()
  })
  show('4.3.2-2', 'QoS 1 is answered by PUBACK, and then its identifier is free', v4.acknowledgesOne)
  show(
    '4.3.3-1',
    'QoS 2 is sent with a free identifier and without DUP, until PUBREC, then PUBREL until PUBCOMP',
    () => {
      v4.fresh(2)()
      v4.until(2)()
      v4.untilCompleted()
    },
  )
  show('4.3.3-2', 'QoS 2 is taken once until PUBREL, which PUBCOMP answers', v4.acknowledgesTwo)
  show('4.4.0-1', 'a session that goes on sends again what is unacknowledged', v4.resends)
  show('4.5.0-2', 'a client acknowledges whatever comes', v4.acknowledgesAll)
  show('4.6.0-1', 'PUBLISH goes again in the order of the first time', v4.inOrder)
  show('4.6.0-2', 'PUBACK in the order of the messages', v4.acksInOrder(1))
  show('4.6.0-3', 'PUBREC in the order of the messages', v4.acksInOrder(2))
  show('4.6.0-4', 'PUBREL in the order of PUBREC', v4.releasesInOrder)
  elsewhere('flows/answers.spec.ts', '3.8.4-1 3.8.4-2 3.9.3-1 3.10.4-4 3.10.4-5')
  complete(`2.3.1-2..4 2.3.1-6 2.3.1-7 3.3.1-1 3.3.1-3 3.3.4-1 3.8.4-1 3.8.4-2 3.8.4-5 3.9.3-1 3.10.4-4 3.10.4-5
    4.3.1-1 4.3.2-1 4.3.2-2 4.3.3-1 4.3.3-2 4.4.0-1 4.5.0-2 4.6.0-1..4`)
})
