import { map } from 'rxjs'
import { Connection } from '../connection/connection.js'
import type { Role } from '../connection/options.js'
import { MqttError } from '../errors.js'
import { handshake } from '../flows/handshake.js'
import type { PacketInput } from '../packet/fields.js'
import type { ProtocolVersion } from '../packet/packet.js'
import { scene } from '../spec-support/session-scene.js'
import { statements } from '../spec-support/statements.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { FakeTransport } from '../testing/fake-transport.js'
import { marbles } from '../testing/marbles.js'
import { packets } from '../testing/packets.js'
import { Session } from './session.js'

expectNoUnhandled()

const { connack, publish, puback, pubrec, disconnect } = packets
const versions: readonly ProtocolVersion[] = [3, 4, 5]
const roles: readonly Role[] = ['client', 'server']
const each = versions.flatMap((version) => roles.map((role) => [role, version] as const))
const one = (topic: string, messageId: number, fields: object = {}): PacketInput =>
  publish({ topic, qos: 1, messageId, ...fields })

describe.each(each)('attach on a %s, level %i', (role, version) => {
  const given = { role, version }

  it('completes when the connection ends cleanly', () => {
    scene({}, ({ join, expectObservable }) => {
      expectObservable(join('---|', {}, given).end$).toBe('---|')
    })
  })

  it('errors as closed$ does', () => {
    scene({}, ({ join, expectObservable }) => {
      const link = join('---#', {}, given)
      expectObservable(link.end$).toBe('---#', null, { code: 'transport' })
      expectObservable(link.connection.closed$).toBe('---#', null, { code: 'transport' })
    })
    scene({}, ({ join, does, expectObservable }) => {
      const link = join('', {}, given)
      const mine = new MqttError('timeout', 'mine', { reasonCode: 0x8d })
      does('---d', { d: () => link.connection.destroy(mine) })
      expectObservable(link.end$).toBe('---#', null, mine)
    })
  })

  it('ends the one before it: told by an MQTT 5 server, the connection closed, and what comes on it is nothing more', () => {
    scene({}, ({ session, join, does, expectObservable }) => {
      const first = join('-----a-----b', { a: one('a', 1), b: one('b', 2) }, given)
      const second = join('12ms a', { a: one('a', 1, { dup: true }) }, { ...given, at: 10, resumed: true })
      expectObservable(session.messages$.pipe(map(({ packet }) => packet.topic))).toBe('-----a------a')
      does('8ms p', { p: () => session.publish({ topic: 'p', qos: 1 }).subscribe() })
      expectObservable(first.end$).toBe('10ms #', null, { code: 'disconnected', reasonCode: 0x8e })
      const goodbye = version === 5 && role === 'server' ? '(d|)' : '|'
      first.expectSent(`-----a--p-${goodbye}`, { a: puback(), p: one('p', 1), d: disconnect({ reasonCode: 0x8e }) })
      second.expectSent('10ms p-a', { p: one('p', 1, { dup: true }), a: puback() })
      expectObservable(second.end$).toBe('')
    })
  })

  it('unsubscribed leaves the connection open, and nothing of the session on it', () => {
    scene({ ack: 'manual', receiveMaximum: 1 }, ({ session, join, does, expectObservable }) => {
      const link = join('-(ab)', { a: one('a', 1), b: one('b', 2) }, given)
      session.messages$.subscribe()
      session.publish({ topic: 'p', qos: 1 }).subscribe()
      does('7ms d-q-r', {
        d: () => link.detach(),
        q: () => session.publish({ topic: 'q' }).subscribe(),
        r: () => link.connection.publish({ topic: 'mine' }),
      })
      link.expectSent('p 10ms r', { p: one('p', 1), r: publish({ topic: 'mine' }) })
      expectObservable(link.end$).toBe('')
      expectObservable(link.connection.closed$).toBe('')
    })
  })

  it('of a connection that is over ends at once, and changes nothing', () => {
    scene({}, ({ session, join, expectObservable }) => {
      const first = join('--|', {}, given)
      expectObservable(session.publish({ topic: 'a', qos: 1 }), '-----^ 40ms !').toBe('')
      const accepted = { connect: { clientId: 'me', clean: false }, connack: { sessionPresent: true } }
      expectObservable(session.attach(first.connection, accepted), '----------^').toBe('----------|')
      join('', {}, { ...given, at: 20, resumed: true }).expectSent('20ms a', { a: one('a', 1) })
    })
  })
})

describe('attach', () => {
  it('wants a connection whose end is known', () => {
    marbles(({ expectObservable }) => {
      const attached$ = new Session().attach(new Connection(new FakeTransport()), {
        connect: { clientId: 'a' },
        connack: {},
      })
      expectObservable(attached$).toBe('#', null, { code: 'invalid-option' })
    })
  })

  it.each(roles)('errors when the peer of a %s disconnects with a failure, which is the cause', (role) => {
    for (const [reasonCode, end] of [
      [0x00, '---|'],
      [0x87, '---#'],
    ] as const) {
      scene({}, ({ join, does, expectObservable }) => {
        const link = join('---d|', { d: disconnect({ reasonCode }) }, { role })
        expectObservable(link.end$).toBe(end.replace('---', '----'), null, { code: 'disconnected', reasonCode })
        let cause: unknown
        link.end$.subscribe({ error: (error: unknown) => (cause = (error as MqttError).cause) })
        does('9ms e', {
          e: () =>
            expect(cause).toEqual(reasonCode === 0x87 ? expect.objectContaining({ cmd: 'disconnect' }) : undefined),
        })
      })
    }
  })
})

/** A client's session with a message on its way, joined again to a server that has it or has not. */
function rejoined(
  version: 4 | 5,
  clean: boolean,
  resumed: boolean,
  ends: readonly [string, string],
  sent: string,
): void {
  scene({}, ({ session, join, expectObservable }) => {
    join('-x-|', { x: publish({ topic: 'x', qos: 2, messageId: 9 }) }, { version })
    const given = { version, at: 10, connect: { clean }, connack: { sessionPresent: resumed } }
    const second = join('15ms x', { x: publish({ topic: 'x', qos: 2, messageId: 9 }) }, given)
    expectObservable(session.messages$.pipe(map(({ packet }) => packet.topic))).toBe(resumed ? '-x' : '-x 13ms x')
    expectObservable(session.publish({ topic: 'a', qos: 1 }), '^ 30ms !').toBe(ends[0])
    expectObservable(session.publish({ topic: 'b', qos: 2 }), '^ 30ms !').toBe(ends[1], null, { code: 'session-lost' })
    second.expectSent(sent, {
      a: one('a', 1, { dup: true }),
      b: publish({ topic: 'b', qos: 2, messageId: 2, dup: true }),
      n: one('a', 3),
      r: pubrec({ messageId: 9 }),
    })
  })
}

/** The server discards what it has for a client that begins anew, and goes on with one that does not. */
function served(version: 4 | 5, clean: boolean): void {
  scene({}, ({ session, join, does, expectObservable }) => {
    join('--|', {}, { version, role: 'server', resumed: !clean })
    does('-p', { p: () => session.publish({ topic: 'a', qos: 1 }).subscribe({ error: () => undefined }) })
    expectObservable(session.dropped$.pipe(map(({ message, error }) => `${message.topic} ${error.code}`))).toBe(
      clean ? '10ms d' : '',
      { d: 'a session-lost' },
    )
    const second = join('', {}, { version, role: 'server', resumed: !clean, at: 10 })
    second.expectSent(clean ? '' : '10ms a', { a: one('a', 1, { dup: true }) })
  })
}

/** Nothing of it is forgotten while the connection is there. */
function kept(version: 4 | 5): void {
  for (const role of roles) {
    scene({}, ({ session, join, expectObservable }) => {
      const values = {
        x: publish({ topic: 'x', qos: 2, messageId: 9 }),
        X: publish({ topic: 'x', qos: 2, messageId: 9, dup: true }),
        a: puback(),
      }
      const link = join('-x 600m X 600m a', values, { version, role, connection: { pauseTimeout: 0 } })
      expectObservable(session.messages$.pipe(map(({ packet }) => packet.topic))).toBe('-x')
      expectObservable(session.publish({ topic: 'a', qos: 1 })).toBe('72000003ms (r|)', {
        r: { qos: 1, reasonCode: 0 },
      })
      link.expectSent('ar 36000000ms r', { a: one('a', 1), r: pubrec({ messageId: 9 }) })
    })
  }
}

describe('group F, MQTT 5, what a session does', () => {
  const { show, elsewhere, complete } = statements('MQTT 5')

  show('3.1.2-4', 'a clean start discards the session, on both ends', () => {
    rejoined(5, true, false, ['', '10ms #'], '10ms n----r')
    served(5, true)
    scene({}, ({ session, join, expectObservable }) => {
      join('--|', {}, { role: 'server' })
      const wrong = { role: 'server', at: 10, connect: { clean: true }, connack: { sessionPresent: true } } as const
      join('', {}, wrong).expectSent('')
      expectObservable(session.publish({ topic: 'a', qos: 1 })).toBe('10ms #', null, { code: 'session-lost' })
    })
  })
  show('3.1.2-23', 'the session is kept when the connection is over', () => {
    rejoined(5, false, true, ['', ''], '10ms (ab)-r')
    served(5, false)
  })
  show('3.2.2-4', 'a client that has no session closes where the server says it has one', () => {
    marbles(({ transport, expectObservable }) => {
      const peer = transport('-c', { c: connack({ sessionPresent: true, reasonCode: 0 }) }, { protocolVersion: 5 })
      const shaking$ = handshake(new Connection(peer, { role: 'client' }), {
        clientId: 'me',
        clean: true,
        protocolVersion: 5,
      })
      expectObservable(shaking$).toBe('-#', undefined, { code: 'protocol-error', reasonCode: 0x82 })
    })
  })
  show('3.2.2-5', 'a client discards its session where the server has none', () => {
    rejoined(5, false, false, ['', '10ms #'], '10ms n----r')
  })
  show('4.1.0-1', 'the session is kept as long as the connection is open', () => kept(5))
  elsewhere('flows/accept.spec.ts', '3.2.2-16')
  complete('3.1.2-4 3.1.2-23 3.2.2-4 3.2.2-5 3.2.2-16 4.1.0-1')
})

describe('group F, MQTT 3.1.1, what a session does', () => {
  const { show, complete } = statements('MQTT 3.1.1')

  show('3.1.2-4', 'the session goes on where the client asks for it and the server has it', () => {
    rejoined(4, false, true, ['', ''], '10ms (ab)-r')
    served(4, false)
  })
  show('3.1.2-6', 'a clean session is a new one, on both ends', () => {
    rejoined(4, true, false, ['', '10ms #'], '10ms n----r')
    served(4, true)
  })
  show('4.1.0-1', 'the session is kept as long as the connection is open', () => kept(4))
  complete('3.1.2-4 3.1.2-6 4.1.0-1')
})
