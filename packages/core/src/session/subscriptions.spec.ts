import { map } from 'rxjs'
import type { ProtocolVersion } from '../packet/packet.js'
import { scene } from '../spec-support/session-scene.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { packets } from '../testing/packets.js'
import { Session } from './session.js'

expectNoUnhandled()

const { publish, subscribe, suback, unsubscribe, unsuback } = packets
const versions: readonly ProtocolVersion[] = [3, 4, 5]
const subscriptions = [
  { topic: 'a', qos: 2 },
  { topic: 'b', qos: 1 },
] as const

describe.each(versions)('subscribe and unsubscribe, level %i', (version) => {
  it('tell what was granted, and what was refused', () => {
    scene({}, ({ session, join, expectObservable }) => {
      const [granted, codes] = version === 3 ? ([[1, 0], []] as const) : ([[1, 0x80], ['b 128 refused']] as const)
      const link = join('--s', { s: suback({ granted }) }, { version })
      const told$ = session.subscribe({ subscriptions }).pipe(
        map((result) => ({
          granted: result.granted.map(({ topic, qos }) => `${topic} ${qos}`),
          refused: result.refused.map(({ topic, error }) => `${topic} ${error.reasonCode} ${error.code}`),
        })),
      )
      expectObservable(told$).toBe('--(r|)', {
        r: { granted: version === 3 ? ['a 1', 'b 0'] : ['a 1'], refused: codes },
      })
      link.expectSent('s', { s: subscribe({ subscriptions }) })
    })
    scene({}, ({ session, join, expectObservable }) => {
      const link = join('--u', { u: unsuback(version === 5 ? { granted: [0, 0x87] } : {}) }, { version })
      const told$ = session
        .unsubscribe({ unsubscriptions: ['a', 'b'] })
        .pipe(map(({ removed, refused }) => [removed, refused.map(({ topic }) => topic)]))
      expectObservable(told$).toBe('--(r|)', { r: version === 5 ? [['a'], ['b']] : [['a', 'b'], []] })
      link.expectSent('u', { u: unsubscribe({ unsubscriptions: ['a', 'b'] }) })
    })
  })

  it('wait for a connection, and each subscription sends once', () => {
    scene({}, ({ session, join, expectObservable }) => {
      const asked$ = session
        .subscribe({ subscriptions: [...subscriptions] })
        .pipe(map(({ packet }) => packet.messageId))
      expectObservable(asked$).toBe('15ms (r|)', { r: 1 })
      expectObservable(asked$).toBe('15ms (r|)', { r: 2 })
      const values = { 1: suback({ messageId: 1, granted: [0, 0] }), 2: suback({ messageId: 2, granted: [0, 0] }) }
      const link = join('15ms (12)', values, { version, at: 10 })
      link.expectSent('10ms (12)', {
        1: subscribe({ messageId: 1, subscriptions }),
        2: subscribe({ messageId: 2, subscriptions }),
      })
    })
  })

  it('error when the connection ends before the answer, and are not sent again', () => {
    scene({}, ({ session, join, expectObservable }) => {
      join('----|', {}, { version })
      const next = join('', {}, { version, at: 10, resumed: true })
      expectObservable(session.subscribe({ subscriptions })).toBe('----#', null, { code: 'transport' })
      expectObservable(session.unsubscribe({ unsubscriptions: ['a'] })).toBe('----#', null, { code: 'transport' })
      next.expectSent('')
    })
  })

  it('error without an answer when the time is over, to the millisecond; the answer may still come', () => {
    scene({}, ({ session, join, expectObservable }) => {
      const link = join(
        '99ms 1-2-p',
        { 1: suback({ messageId: 1 }), 2: suback({ messageId: 2 }), p: publish() },
        { version },
      )
      const asked$ = session
        .subscribe({ subscriptions: [{ topic: 'a', qos: 0 }] }, { timeout: 100 })
        .pipe(map(() => 'r'))
      expectObservable(asked$).toBe('99ms (r|)')
      expectObservable(asked$).toBe('100ms #', null, { code: 'timeout' })
      expectObservable(link.end$).toBe('')
      expectObservable(session.messages$.pipe(map(() => 'p'))).toBe('103ms p')
    })
    scene({}, ({ session, expectObservable }) => {
      expectObservable(session.unsubscribe({ unsubscriptions: ['a'] })).toBe('30s #', null, { code: 'timeout' })
    })
  })

  it('unsubscribed while they wait are not sent; in flight their identifier stays in use', () => {
    scene({}, ({ session, join, expectObservable }) => {
      const asked$ = session.subscribe({ subscriptions: [{ topic: 'a', qos: 0 }] }).pipe(map(() => 'r'))
      expectObservable(asked$, '^----!').toBe('')
      expectObservable(asked$, '-----------^-!').toBe('')
      expectObservable(asked$, '---------------^').toBe('20ms (r|)')
      const link = join('20ms s', { s: suback({ messageId: 2 }) }, { version, at: 10 })
      const subscriptionsOfOne = [{ topic: 'a', qos: 0 }] as const
      link.expectSent('11ms 1---2', {
        1: subscribe({ messageId: 1, subscriptions: subscriptionsOfOne }),
        2: subscribe({ messageId: 2, subscriptions: subscriptionsOfOne }),
      })
    })
  })

  it('of what is no packet error, and harm nothing', () => {
    scene({}, ({ session, join, expectObservable }) => {
      const link = join('', {}, { version })
      expectObservable(session.unsubscribe({ unsubscriptions: [] }).pipe(map(() => 0))).toBe('#', null, {
        code: 'invalid-packet',
      })
      expectObservable(session.subscribe({ subscriptions: [{ topic: 'a', qos: 0 }] }), '^ 1s !').toBe('')
      link.expectSent('s', { s: subscribe({ messageId: 1, subscriptions: [{ topic: 'a', qos: 0 }] }) })
    })
  })

  it('are for clients', () => {
    scene({}, ({ session, join, expectObservable }) => {
      join('', {}, { version, role: 'server' })
      expectObservable(session.subscribe({ subscriptions })).toBe('#', null, { code: 'invalid-packet' })
    })
  })
})

it('a time that is none is refused at the call', () => {
  for (const timeout of [-1, 1.5, Number.NaN, 2 ** 31]) {
    expect(() => new Session().subscribe({ subscriptions: [] }, { timeout })).toThrow(/timeout/)
    expect(() => new Session().unsubscribe({ unsubscriptions: [] }, { timeout })).toThrow(/timeout/)
  }
})
