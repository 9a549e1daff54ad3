import { map, type Observable, of } from 'rxjs'
import { Connection } from '../connection/connection.js'
import type { Role } from '../connection/options.js'
import { accept } from '../flows/accept.js'
import type { PacketInput } from '../packet/fields.js'
import type { QoS } from '../packet/packet.js'
import type { ConnackProperties, PublishProperties } from '../packet/properties.js'
import { encode } from '../spec-support/codec.js'
import { type JoinOptions, scene, type SessionScene } from '../spec-support/session-scene.js'
import { statements } from '../spec-support/statements.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { marbles } from '../testing/marbles.js'
import { packets } from '../testing/packets.js'
import type { SessionOptions } from './options.js'

expectNoUnhandled()

const { connack, connect, publish, puback, pubrec, pubrel, pubcomp, subscribe, pingreq, disconnect } = packets
const sizeOf = (packet: PacketInput): number => encode(5, packet).length

/** What a peer says in CONNECT or CONNACK: the session is the other end. */
function peerSays(role: Role, properties: ConnackProperties, given: JoinOptions = {}): JoinOptions {
  return { ...given, role, [role === 'client' ? 'connack' : 'connect']: { properties } }
}

/** What the session's own end says. */
function weSay(role: Role, properties: ConnackProperties, given: JoinOptions = {}): JoinOptions {
  return { ...given, role, [role === 'client' ? 'connect' : 'connack']: { properties } }
}

const taken = ({ session }: SessionScene): Observable<string> =>
  session.messages$.pipe(map(({ packet }) => packet.topic))

const aliased = (topic: string, topicAlias?: number, fields: object = {}): PacketInput =>
  publish({ topic, ...(topicAlias !== undefined && { properties: { topicAlias } }), ...fields })

/** Runs a test in which messages are published one after the other, a frame each. */
function publishing(
  options: SessionOptions,
  given: JoinOptions,
  topics: string,
  sent: Record<string, PacketInput>,
  diagram: string,
): void {
  scene(options, ({ session, join, does }) => {
    const link = join('', {}, given)
    does(
      topics,
      Object.fromEntries(
        [...topics].map((topic) => [topic, () => session.publish({ topic: `topic ${topic}` }).subscribe()]),
      ),
    )
    link.expectSent(diagram, sent)
  })
}

/** A peer that takes `maximum` bytes: a packet of as many goes, one of more does not, and the next one goes. */
function sizes(role: Role): void {
  for (const options of [{}, { topicAliasMaximum: 0 }]) {
    for (const qos of [0, 1] as const) {
      const message = { topic: 'a topic', payload: 'payload', qos }
      const size = sizeOf(publish({ ...message, ...(qos > 0 && { messageId: 1 }) }))
      for (const [less, goes] of [
        [-1, true],
        [0, true],
        [1, false],
      ] as const) {
        scene(options, ({ session, join, expectObservable }) => {
          const link = join('', {}, peerSays(role, { maximumPacketSize: size - less, topicAliasMaximum: 1 }))
          const end = qos === 0 ? '(r|)' : ''
          expectObservable(session.publish(message), '^ 20ms !').toBe(
            goes ? end : '#',
            goes ? { r: { qos: 0, reasonCode: 0 } } : null,
            {
              code: 'packet-too-large',
              reasonCode: 0x95,
            },
          )
          expectObservable(session.publish({ topic: 'b' })).toBe('(r|)', { r: { qos: 0, reasonCode: 0 } })
          link.expectSent(goes ? '(ab)' : 'b', {
            a: publish({ ...message, messageId: qos === 0 ? undefined : 1 }),
            b: expect.objectContaining({ topic: 'b' }) as unknown as PacketInput,
          })
        })
      }
    }
  }
}

/** Aliases out: with a maximum of 2, the third topic takes the number that was used longest ago. */
function aliasesOut(role: Role): void {
  const sent = {
    a: aliased('topic a', 1),
    A: aliased('', 1),
    b: aliased('topic b', 2),
    B: aliased('', 2),
    c: aliased('topic c', 2),
    d: aliased('topic b', 1),
  }
  publishing({}, peerSays(role, { topicAliasMaximum: 2 }), 'abbaacb', sent, 'abBAAcd')
  publishing(
    { topicAliasMaximum: 1 },
    peerSays(role, { topicAliasMaximum: 2 }),
    'aab',
    { ...sent, b: aliased('topic b', 1) },
    'aAb',
  )
  publishing(
    {},
    peerSays(role, { topicAliasMaximum: 1 }),
    'aabb',
    { ...sent, b: aliased('topic b', 1), B: aliased('', 1) },
    'aAbB',
  )
}

function noAliases(role: Role): void {
  const sent = { a: aliased('topic a') }
  publishing({}, peerSays(role, {}), 'aa', sent, 'aa')
  publishing({}, peerSays(role, { topicAliasMaximum: 0 }), 'aa', sent, 'aa')
  publishing({ topicAliasMaximum: 0 }, peerSays(role, { topicAliasMaximum: 5 }), 'aa', sent, 'aa')
  // One that the message has is not passed on.
  scene({}, ({ session, join, expectObservable }) => {
    const link = join('', {}, peerSays(role, {}))
    const properties: PublishProperties = { topicAlias: 1 }
    expectObservable(session.publish({ topic: 'topic a', properties })).toBe('(r|)', { r: { qos: 0, reasonCode: 0 } })
    link.expectSent('a', sent)
  })
}

function aliasesIn(role: Role): void {
  scene({}, (given) => {
    const link = given.join(
      '-abAB-d',
      { a: aliased('a', 1), b: aliased('b', 3), A: aliased('', 1), B: aliased('', 3), d: aliased('d', 4) },
      weSay(role, { topicAliasMaximum: 3 }),
    )
    given.expectObservable(taken(given)).toBe('-abab')
    given.expectObservable(link.end$).toBe('------#', null, { code: 'protocol-error', reasonCode: 0x94 })
    link.expectSent('------(d|)', { d: disconnect({ reasonCode: 0x94 }) })
  })
}

/** The window: two of QoS 1 or 2 on their way, the third waits for an answer to one of them. */
function window(role: Role, own: number | undefined, theirs: number | undefined, version: 4 | 5 = 5): void {
  const answers: readonly (readonly [QoS, string, Record<string, PacketInput>, string, Record<string, PacketInput>])[] =
    [
      [1, '10ms x', { x: puback() }, '10ms c', {}],
      [2, '10ms x-y', { x: pubrec(), y: pubcomp() }, '10ms r-c', { r: pubrel() }],
      ...(version === 5 ? ([[2, '10ms x', { x: pubrec({ reasonCode: 0x87 }) }, '10ms c', {}]] as const) : []),
    ]
  for (const [qos, inbound, values, then, more] of answers) {
    scene(own === undefined ? {} : { receiveMaximum: own }, ({ session, join, does, expectObservable }) => {
      const link = join(
        inbound,
        values,
        theirs === undefined ? { role, version } : peerSays(role, { receiveMaximum: theirs }),
      )
      const send =
        (topic: string): (() => unknown) =>
        () =>
          session.publish({ topic, qos }).subscribe({ error: () => undefined })
      does('(abc)', { a: send('a'), b: send('b'), c: send('c') })
      const of = (topic: string, messageId: number): PacketInput => publish({ topic, qos, messageId })
      link.expectSent(`(ab) ${then.replace('10ms', '6ms')}`, { a: of('a', 1), b: of('b', 2), c: of('c', 3), ...more })
      expectObservable(link.end$).toBe('')
    })
  }
}

/** With a full window everything but PUBLISH of QoS 1 and 2 goes on. */
function notDelayed(role: Role): void {
  scene({}, ({ session, join, does }) => {
    const link = join(
      '-----a----x-r',
      { a: publish({ qos: 1, messageId: 9 }), x: publish({ qos: 2, messageId: 8 }), r: pubrel({ messageId: 8 }) },
      peerSays(role, { receiveMaximum: 1 }),
    )
    session.messages$.subscribe()
    const asks = role === 'client'
    does('a-b----s', {
      a: () => session.publish({ topic: 'a', qos: 2 }).subscribe(),
      b: () => session.publish({ topic: 'b', qos: 1 }).subscribe(),
      s: () =>
        asks && session.subscribe({ subscriptions: [{ topic: 't', qos: 0 }] }).subscribe({ error: () => undefined }),
    })
    does('-----------------p', { p: () => (asks ? link.connection.pingreq() : link.connection.pingresp()) })
    link.expectSent(`a----k-${asks ? 's' : '-'}--x-c----p`, {
      a: publish({ topic: 'a', qos: 2, messageId: 1 }),
      k: puback({ messageId: 9 }),
      s: subscribe({ messageId: 2, subscriptions: [{ topic: 't', qos: 0 }] }),
      x: pubrec({ messageId: 8 }),
      c: pubcomp({ messageId: 8 }),
      p: asks ? pingreq() : packets.pingresp(),
    })
  })
}

/** A server that accepts with these properties a client with this will. */
function willed(properties: ConnackProperties, will: { qos: QoS; retain: boolean }, reasonCode: 0 | 0x9a | 0x9b): void {
  marbles(({ transport, expectSent, expectObservable }) => {
    const peer = transport('-c', { c: connect({ protocolVersion: 5, will: { topic: 'w', ...will } }) })
    const connection = new Connection(peer, { role: 'server' })
    const accepted$ = accept(connection, () => of({ reasonCode: 0, properties } as const)).pipe(map(() => 'a'))
    expectObservable(accepted$).toBe(reasonCode === 0 ? '-(a|)' : '-#', undefined, { code: 'refused', reasonCode })
    expectSent(peer).toBe(reasonCode === 0 ? '-k' : '-(k|)', {
      k: connack(reasonCode === 0 ? { reasonCode, properties } : { reasonCode }),
    })
  })
}

describe('group E, MQTT 5', () => {
  const { show, elsewhere, complete } = statements('MQTT 5')

  show('3.1.2-24 3.1.2-25', 'a client gets no message over its Maximum Packet Size, and the next one', () =>
    sizes('server'),
  )
  show('3.1.2-26 3.3.2-11', 'a server uses no alias over the Topic Alias Maximum', () => aliasesOut('server'))
  show('3.1.2-27', 'a server uses none where the client takes none', () => noAliases('server'))
  show('3.2.2-9', 'what a server said it does not take ends the connection', () => {
    const cases: readonly [ConnackProperties, PacketInput, number][] = [
      [{ maximumQoS: 0 }, publish({ qos: 1 }), 0x9b],
      [{ maximumQoS: 1 }, publish({ qos: 2 }), 0x9b],
      [{ retainAvailable: false }, publish({ retain: true }), 0x9a],
    ]
    for (const [properties, wrong, reasonCode] of cases) {
      scene({}, (given) => {
        const right = publish({ qos: properties.maximumQoS, messageId: properties.maximumQoS === 1 ? 1 : undefined })
        const link = given.join('-r-w', { r: right, w: wrong }, weSay('server', properties))
        given.expectObservable(taken(given)).toBe('-t', { t: 'topic' })
        given.expectObservable(link.end$).toBe('---#', null, { code: 'protocol-error', reasonCode })
      })
    }
  })
  show('3.2.2-11', 'a client sends no QoS over the Maximum QoS', () => {
    for (const maximumQoS of [0, 1, undefined] as const) {
      for (const qos of [0, 1, 2] as const) {
        scene({}, ({ session, join, expectObservable }) => {
          const link = join('', {}, peerSays('client', maximumQoS === undefined ? {} : { maximumQoS }))
          const goes = qos <= (maximumQoS ?? 2)
          const end = qos === 0 ? '(r|)' : ''
          expectObservable(session.publish({ topic: 'a', qos }), '^ 20ms !').toBe(
            goes ? end : '#',
            goes ? { r: { qos: 0, reasonCode: 0 } } : null,
            {
              code: 'refused',
              reasonCode: 0x9b,
            },
          )
          link.expectSent(goes ? 'a' : '', { a: publish({ topic: 'a', qos, messageId: qos === 0 ? undefined : 1 }) })
        })
      }
    }
  })
  show('3.2.2-12', 'a server refuses a will with a QoS over its Maximum QoS', () => {
    willed({ maximumQoS: 1 }, { qos: 1, retain: true }, 0)
    willed({ maximumQoS: 1 }, { qos: 2, retain: false }, 0x9b)
    willed({ maximumQoS: 0 }, { qos: 1, retain: false }, 0x9b)
  })
  show('3.2.2-13', 'a server that keeps no message refuses a will that is to be kept', () => {
    willed({ retainAvailable: false }, { qos: 2, retain: false }, 0)
    willed({ retainAvailable: false }, { qos: 0, retain: true }, 0x9a)
    willed({ retainAvailable: true }, { qos: 0, retain: true }, 0)
  })
  show('3.2.2-14', 'a client retains nothing where the server keeps nothing', () => {
    for (const retainAvailable of [false, true, undefined]) {
      scene({}, ({ session, join, expectObservable }) => {
        const link = join('', {}, peerSays('client', retainAvailable === undefined ? {} : { retainAvailable }))
        const goes = retainAvailable !== false
        expectObservable(session.publish({ topic: 'a', retain: true })).toBe(
          goes ? '(r|)' : '#',
          goes ? { r: { qos: 0, reasonCode: 0 } } : null,
          {
            code: 'refused',
            reasonCode: 0x9a,
          },
        )
        link.expectSent(goes ? 'a' : '', { a: publish({ topic: 'a', retain: true }) })
      })
    }
  })
  show('3.2.2-15', 'a server gets no message over its Maximum Packet Size, and the next one', () => sizes('client'))
  show('3.2.2-17 3.3.2-9', 'a client uses no alias over the Topic Alias Maximum', () => aliasesOut('client'))
  show('3.2.2-18', 'a client uses none where the server takes none', () => noAliases('client'))
  show('3.3.2-7', 'no alias outlives its connection, out or in', () => {
    for (const role of ['client', 'server'] as const) {
      scene({}, (given) => {
        const { session, join, does } = given
        const said = { topicAliasMaximum: 1 }
        const terms = { connect: { properties: said }, connack: { properties: said }, role }
        const first = join('-a-|', { a: aliased('a', 1) }, terms)
        const second = join('12ms a', { a: aliased('', 1) }, { ...terms, at: 10, resumed: true })
        does('pp 9ms p', { p: () => session.publish({ topic: 'p' }).subscribe() })
        given.expectObservable(taken(given)).toBe('-a')
        given.expectObservable(second.end$).toBe('12ms #', null, { code: 'protocol-error', reasonCode: 0x82 })
        first.expectSent('pq-|', { p: aliased('p', 1), q: aliased('', 1) })
        second.expectSent('11ms p(d|)', { p: aliased('p', 1), d: disconnect({ reasonCode: 0x82 }) })
      })
    }
  })
  show('3.3.2-10', 'a client takes every alias up to its maximum', () => aliasesIn('client'))
  show('3.3.2-12', 'a server takes every alias up to its maximum', () => aliasesIn('server'))
  show('3.3.4-7', 'a client has no more in flight than the Receive Maximum', () => window('client', undefined, 2))
  show('3.3.4-8', 'a client delays no other packet', () => notDelayed('client'))
  show('3.3.4-9', 'a server has no more in flight than the Receive Maximum', () => window('server', undefined, 2))
  show('3.3.4-10', 'a server delays no other packet', () => notDelayed('server'))
  show('4.9.0-1', 'the window is the Receive Maximum, or the option where that is less', () => {
    window('client', 2, 3)
    window('client', 3, 2)
    window('server', 2, undefined)
    window('client', 2, undefined, 4)
    window('server', 2, undefined, 4)
  })
  show('4.9.0-2', 'with the window full none goes, with one place one, and a new connection has a new window', () => {
    for (const maximum of [1, 2, 3]) {
      scene({}, ({ session, join, does }) => {
        const first = join('10ms |', {}, peerSays('client', { receiveMaximum: maximum }))
        const second = join('', {}, peerSays('client', { receiveMaximum: 4 - maximum }, { at: 20, resumed: true }))
        const send =
          (topic: string): (() => unknown) =>
          () =>
            session.publish({ topic, qos: 1 }).subscribe()
        does('(abc)', { a: send('a'), b: send('b'), c: send('c') })
        const sent = ['a', 'b', 'c'].map(
          (topic, i) => [topic, publish({ topic, qos: 1, messageId: i + 1, dup: false })] as const,
        )
        const again = sent.map(([topic, packet], i) => [topic, { ...packet, dup: i < maximum }] as const)
        const group = (count: number): string => (count === 1 ? 'a' : `(${'abc'.slice(0, count)})`)
        first.expectSent(`${group(maximum)} ${10 - group(maximum).length}ms |`, Object.fromEntries(sent))
        second.expectSent(`20ms ${group(4 - maximum)}`, Object.fromEntries(again))
      })
    }
  })
  show('4.9.0-3', 'with the window full other packets are answered', () => {
    notDelayed('client')
    notDelayed('server')
  })
  elsewhere(
    'connection/limits-of-the-peer.spec.ts',
    `3.1.2-24 3.1.2-28 3.1.2-29 3.2.2-15 3.2.2-19 3.2.2-20 3.4.2-2 3.4.2-3 3.5.2-2 3.5.2-3 3.6.2-2 3.6.2-3 3.7.2-2 3.7.2-3
    3.9.2-1 3.9.2-2 3.11.2-1 3.11.2-2 3.14.2-3 3.14.2-4 3.15.2-2 3.15.2-3`,
  )
  complete(`3.1.2-24..29 3.2.2-9 3.2.2-11..15 3.2.2-17..20 3.3.2-7 3.3.2-9..12 3.3.4-7..10 3.4.2-2 3.4.2-3 3.5.2-2 3.5.2-3
    3.6.2-2 3.6.2-3 3.7.2-2 3.7.2-3 3.9.2-1 3.9.2-2 3.11.2-1 3.11.2-2 3.14.2-3 3.14.2-4 3.15.2-2 3.15.2-3 4.9.0-1..3`)
})
