import { catchError, map, type Observable, throwError } from 'rxjs'
import { MqttError } from '../errors.js'
import type { PacketInput } from '../packet/fields.js'
import type { ProtocolVersion } from '../packet/packet.js'
import { joined, scene, type SessionScene } from '../spec-support/session-scene.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { FakeTransport } from '../testing/fake-transport.js'
import { packets } from '../testing/packets.js'
import type { Message } from './message.js'
import { Session } from './session.js'

expectNoUnhandled()

const { publish, puback, pubrec, pubrel, pubcomp } = packets
const versions: readonly ProtocolVersion[] = [3, 4, 5]
const done = { r: { qos: 1, reasonCode: 0 }, s: { qos: 2, reasonCode: 0 }, z: { qos: 0, reasonCode: 0 } }

/** Errors by their code alone. */
const byCode = <T>(source$: Observable<T>): Observable<T> =>
  source$.pipe(catchError((error: unknown) => throwError(() => new MqttError((error as MqttError).code, ''))))

const sent = (topic: string, messageId: number, fields: object = {}): PacketInput =>
  publish({ topic, qos: 1, messageId, ...fields })

/** Drops as they are told: topic and code. */
const drops = ({ session }: SessionScene): Observable<string> =>
  session.dropped$.pipe(map(({ message, error }) => `${message.topic} ${error.code}`))

describe.each(versions)('publish with MQTT level %i', (version) => {
  it('QoS 0 emits once it is written', () => {
    scene({}, ({ session, join, expectObservable }) => {
      const link = join('', {}, { version })
      expectObservable(session.publish({ topic: 'a', payload: 'x' })).toBe('(r|)', { r: { qos: 0, reasonCode: 0 } })
      link.expectSent('p', { p: publish({ topic: 'a', payload: 'x' }) })
    })
  })

  it('QoS 1 emits at PUBACK', () => {
    scene({}, ({ session, join, expectObservable }) => {
      const link = join('---a', { a: puback() }, { version })
      expectObservable(session.publish({ topic: 'a', qos: 1 })).toBe('---(r|)', { r: { qos: 1, reasonCode: 0 } })
      link.expectSent('p', { p: publish({ topic: 'a', qos: 1 }) })
    })
  })

  it('QoS 2 emits at PUBCOMP', () => {
    scene({}, ({ session, join, expectObservable }) => {
      const link = join('--r--c', { r: pubrec(), c: pubcomp() }, { version })
      expectObservable(session.publish({ topic: 'a', qos: 2 })).toBe('-----(r|)', { r: { qos: 2, reasonCode: 0 } })
      link.expectSent('p-l', { p: publish({ topic: 'a', qos: 2 }), l: pubrel() })
    })
  })

  it('goes on after a cut: PUBLISH again with DUP and its id, PUBREL in its place, in order, then what waits', () => {
    scene({ receiveMaximum: 4 }, ({ session, join, does, expectObservable }) => {
      const first = join('-----r-|', { r: pubrec({ messageId: 2 }) }, { version })
      const second = join(
        '20ms (1234)',
        {
          1: puback({ messageId: 1 }),
          2: pubcomp({ messageId: 2 }),
          3: pubrec({ messageId: 3 }),
          4: pubcomp({ messageId: 3 }),
        },
        { version, resumed: true, at: 10 },
      )
      expectObservable(session.publish({ topic: 'a', qos: 1 })).toBe('20ms (r|)', done)
      expectObservable(session.publish({ topic: 'b', qos: 2 })).toBe('20ms (s|)', done)
      expectObservable(session.publish({ topic: 'c', qos: 2 })).toBe('20ms (s|)', done)
      does('8ms p', { p: () => session.publish({ topic: 'd', qos: 1 }).subscribe() })
      const [a, b, c] = [sent('a', 1), sent('b', 2, { qos: 2 }), sent('c', 3, { qos: 2 })]
      first.expectSent('(abc)l-|', { a, b, c, l: pubrel({ messageId: 2 }) })
      second.expectSent('10ms (lacd) 4ms m', {
        l: pubrel({ messageId: 2 }),
        a: sent('a', 1, { dup: true }),
        c: sent('c', 3, { qos: 2, dup: true }),
        d: sent('d', 4),
        m: pubrel({ messageId: 3 }),
      })
    })
  })
})

describe('a message without a connection', () => {
  it('waits for one, in order with the others, whatever their QoS', () => {
    scene({}, ({ session, join, expectObservable }) => {
      expectObservable(session.publish({ topic: 'a', qos: 1 })).toBe('15ms (r|)', done)
      expectObservable(session.publish({ topic: 'b' })).toBe('10ms (z|)', done)
      const link = join('15ms a', { a: puback() }, { at: 10 })
      link.expectSent('10ms (ab)', { a: sent('a', 1), b: publish({ topic: 'b' }) })
    })
  })

  it('that no packet can have is refused at once', () => {
    const bad: readonly Message[] = [
      { topic: 'a/#' },
      { topic: '' },
      { topic: '', properties: { topicAlias: 1 } },
      { topic: 'a', qos: 3 as 1 },
      { topic: 'a', qos: 1, properties: { responseTopic: '+' } },
      { topic: 1 as unknown as string },
    ]
    for (const message of bad) {
      for (const at of [0, 10]) {
        scene({}, ({ session, join, expectObservable }) => {
          const link = join('', {}, { at, connack: { properties: { topicAliasMaximum: 2 } } })
          expectObservable(byCode(session.publish(message))).toBe('#', null, { code: 'invalid-packet' })
          expectObservable(session.publish({ topic: 'ok' })).toBe(at === 0 ? '(z|)' : '10ms (z|)', done)
          link.expectSent(at === 0 ? 'p' : '10ms p', { p: publish({ topic: 'ok', properties: { topicAlias: 1 } }) })
        })
      }
    }
  })

  it('is refused before it is sent where the connection found it wrong, and dropped$ tells', () => {
    scene({}, (given) => {
      const { session, join, expectObservable } = given
      expectObservable(session.publish({ topic: 'a', properties: { subscriptionIdentifier: 1 } })).toBe(
        '10ms #',
        null,
        {
          code: 'invalid-packet',
        },
      )
      expectObservable(drops(given)).toBe('10ms d', { d: 'a invalid-packet' })
      expectObservable(session.publish({ topic: 'b' })).toBe('10ms (z|)', done)
      join('', {}, { at: 10 }).expectSent('10ms b', { b: publish({ topic: 'b' }) })
    })
  })

  it('is copied where its payload is a view of more bytes', () => {
    scene({}, ({ session, join, does }) => {
      const bytes = new TextEncoder().encode('xyz')
      does('a-b', {
        a: () => session.publish({ topic: 'a', payload: bytes.subarray(0, 2) }).subscribe(),
        b: () => bytes.fill(0),
      })
      join('', {}, { at: 10 }).expectSent('10ms a', { a: publish({ topic: 'a', payload: 'xy' }) })
    })
  })
})

describe('maxQueued', () => {
  const three = (given: SessionScene, ends: readonly [string, string, string], more: string): void => {
    const { session, join, expectObservable } = given
    ;['a', 'b', 'c'].forEach((topic, index) => {
      expectObservable(session.publish({ topic, qos: 1 })).toBe(ends[index]!, done, { code: 'overflow' })
    })
    join('20ms (12)', { 1: puback({ messageId: 1 }), 2: puback({ messageId: 2 }) }, { at: 10 }).expectSent(
      `10ms (${more})`,
      { x: sent(more === 'xy' ? 'a' : 'b', 1), y: sent('b', 2), z: sent('c', 2) },
    )
  }

  it("'error': publish errors, and dropped$ says nothing", () => {
    scene({ maxQueued: 2 }, (given) => {
      three(given, ['20ms (r|)', '20ms (r|)', '#'], 'xy')
      given.expectObservable(drops(given)).toBe('')
    })
  })

  it("'drop-newest': so does dropped$", () => {
    scene({ maxQueued: 2, overflow: 'drop-newest' }, (given) => {
      given.expectObservable(drops(given)).toBe('d', { d: 'c overflow' })
      three(given, ['20ms (r|)', '20ms (r|)', '#'], 'xy')
    })
  })

  it("'drop-oldest': the one that waits longest makes room", () => {
    scene({ maxQueued: 2, overflow: 'drop-oldest' }, (given) => {
      given.expectObservable(drops(given)).toBe('d', { d: 'a overflow' })
      three(given, ['#', '20ms (r|)', '20ms (r|)'], 'xz')
    })
  })

  it('0: nothing waits, and what may leave leaves', () => {
    for (const overflow of ['error', 'drop-oldest', 'drop-newest'] as const) {
      scene({ maxQueued: 0, overflow, receiveMaximum: 1 }, ({ session, join, expectObservable }) => {
        const link = join('-----1', { 1: puback() })
        expectObservable(session.publish({ topic: 'a', qos: 1 })).toBe('-----(r|)', done)
        expectObservable(session.publish({ topic: 'b', qos: 1 })).toBe('#', null, { code: 'overflow' })
        link.expectSent('a', { a: sent('a', 1) })
      })
    }
  })

  it('does not count what was taken back', () => {
    scene({ maxQueued: 1 }, ({ session, join, expectObservable }) => {
      expectObservable(session.publish({ topic: 'a', qos: 1 }), '^--!').toBe('')
      expectObservable(session.publish({ topic: 'b', qos: 1 }), '-^').toBe('-#', null, { code: 'overflow' })
      expectObservable(session.publish({ topic: 'c', qos: 1 }), '---^ 20ms !').toBe('')
      join('', {}, { at: 10 }).expectSent('10ms c', { c: sent('c', 1) })
    })
  })
})

describe('a slow transport', () => {
  it('holds messages back, QoS 0 among them, until it takes more', () => {
    scene({}, ({ session, join, does, expectObservable }) => {
      const link = join()
      does('f-----t', { f: () => (link.transport.writable = false), t: () => (link.transport.writable = true) })
      expectObservable(session.publish({ topic: 'a' }), '--^').toBe('------(z|)', done)
      expectObservable(session.publish({ topic: 'b', qos: 1 }), '---^ 20ms !').toBe('')
      link.expectSent('------(ab)', { a: publish({ topic: 'a' }), b: sent('b', 1) })
    })
  })
})

describe('the window after a cut', () => {
  it('has PUBREL that is sent again in it, until PUBCOMP, and is not larger after it', () => {
    scene({}, ({ session, join, does }) => {
      const own = { connack: { properties: { receiveMaximum: 1 } } }
      const first = join('-----r-|', { r: pubrec() }, own)
      const second = join(
        '20ms c',
        { c: pubcomp() },
        { ...own, connack: { ...own.connack, sessionPresent: true }, at: 10, resumed: true },
      )
      does('(abc)', {
        a: () => session.publish({ topic: 'a', qos: 2 }).subscribe(),
        b: () => session.publish({ topic: 'b', qos: 1 }).subscribe(),
        c: () => session.publish({ topic: 'c', qos: 1 }).subscribe(),
      })
      first.expectSent('a----r-|', { a: sent('a', 1, { qos: 2 }), r: pubrel() })
      second.expectSent('10ms r 9ms b', { r: pubrel(), b: sent('b', 2) })
    })
  })
})

describe('expiry', () => {
  const message = { topic: 'a', qos: 1, properties: { messageExpiryInterval: 10 } } as const

  it.each([
    [0, 10],
    [1, 10],
    [1_000, 9],
    [9_000, 1],
    [9_999, 1],
  ])('what waited %i ms is sent with %i s left [MQTT-3.3.2-6]', (at, left) => {
    scene({}, ({ session, join, expectObservable }) => {
      const link = join('', {}, { at })
      expectObservable(session.publish(message), '^ 20s !').toBe('')
      const properties = { messageExpiryInterval: left }
      link.expectSent(at === 0 ? 'a' : `${at}ms a`, { a: sent('a', 1, { properties }) })
    })
  })

  it('what expired is dropped when its turn comes, told, and the next one goes', () => {
    scene({}, (given) => {
      const { session, join, expectObservable } = given
      expectObservable(session.publish(message)).toBe('10s #', null, { code: 'timeout' })
      expectObservable(session.publish({ topic: 'b', qos: 1 }), '^ 20s !').toBe('')
      expectObservable(drops(given)).toBe('10s d', { d: 'a timeout' })
      join('', {}, { at: 10_000 }).expectSent('10s b', { b: sent('b', 2) })
    })
  })

  it('also towards an MQTT 3 peer, which is told nothing of it', () => {
    scene({}, ({ session, join, expectObservable }) => {
      expectObservable(session.publish(message)).toBe('10s #', null, { code: 'timeout' })
      expectObservable(session.publish({ ...message, topic: 'b' }), '5s ^ 20s !').toBe('')
      join('', {}, { at: 10_000, version: 4 }).expectSent('10s b', { b: sent('b', 2) })
    })
  })

  it('what was sent once goes again, however late', () => {
    scene({}, ({ session, join, expectObservable }) => {
      const first = join('-|')
      const second = join('', {}, { at: 20_000, resumed: true })
      expectObservable(session.publish(message), '^ 30s !').toBe('')
      first.expectSent('a|', { a: sent('a', 1, { properties: { messageExpiryInterval: 10 } }) })
      const properties = { messageExpiryInterval: 0 }
      second.expectSent('20s a', { a: sent('a', 1, { dup: true, properties }) })
    })
  })
})

describe('unsubscribing publish', () => {
  it('takes back what waits', () => {
    scene({ receiveMaximum: 1 }, ({ session, join, expectObservable }) => {
      const link = join('10ms 1', { 1: puback() })
      expectObservable(session.publish({ topic: 'a', qos: 1 })).toBe('10ms (r|)', done)
      expectObservable(session.publish({ topic: 'b', qos: 1 }), '^----!').toBe('')
      expectObservable(session.publish({ topic: 'c', qos: 1 }), '^ 20ms !').toBe('')
      link.expectSent('a 9ms c', { a: sent('a', 1), c: sent('c', 2) })
    })
  })

  it('does not take back what is in flight', () => {
    scene({}, ({ session, join, expectObservable }) => {
      const first = join('10ms |')
      const second = join('25ms r 4ms c', { r: pubrec(), c: pubcomp() }, { at: 20, resumed: true })
      expectObservable(session.publish({ topic: 'a', qos: 2 }), '^----!').toBe('')
      first.expectSent('a 9ms |', { a: sent('a', 1, { qos: 2 }) })
      second.expectSent('20ms a 4ms r', { a: sent('a', 1, { qos: 2, dup: true }), r: pubrel() })
    })
  })
})

describe('packet identifiers', () => {
  it('skip those in use, and begin again after 65,535', () => {
    const session = new Session({ receiveMaximum: 65_535 })
    const transport = new FakeTransport(undefined, 5)
    const { connection } = joined(session, transport, {})
    const ids: number[] = []
    connection.sent$.subscribe((packet) => packet.cmd === 'publish' && ids.push(packet.messageId!))
    session.publish({ topic: 'a', qos: 1 }).subscribe()
    for (let messageId = 2; messageId <= 65_535; messageId++) {
      session.publish({ topic: 'a', qos: 1 }).subscribe()
      if (messageId > 2) transport.receive(puback({ messageId }))
    }
    session.publish({ topic: 'a', qos: 1 }).subscribe()
    session.publish({ topic: 'a', qos: 1 }).subscribe()
    transport.receiveEnd()
    expect(ids.slice(0, 3)).toEqual([1, 2, 3])
    expect(ids.slice(-3)).toEqual([65_535, 3, 4])
    expect(ids).toHaveLength(65_537)
  })

  it('when all are in use the next message waits for one, also for that of a SUBSCRIBE, and all are sent again', () => {
    const session = new Session({ receiveMaximum: 65_535 })
    const transport = new FakeTransport(undefined, 5)
    const { connection } = joined(session, transport, {})
    const sentBefore = connection.packetsSent
    session.subscribe({ subscriptions: [{ topic: 'a', qos: 0 }] }).subscribe()
    for (let i = 0; i < 65_535; i++) session.publish({ topic: 'a', qos: 1 }).subscribe()
    expect(connection.packetsSent - sentBefore).toBe(1 + 65_534)
    transport.receive(packets.suback())
    expect(connection.packetsSent - sentBefore).toBe(1 + 65_535)
    transport.receiveEnd()
    const next = joined(session, new FakeTransport(undefined, 5), { resumed: true }).connection
    expect(next.packetsSent).toBe(1 + 65_535)
    next.destroy()
  })
})
