import { delay, EMPTY, map, NEVER, of, throwError } from 'rxjs'
import { Connection } from '../connection/connection.js'
import type { Role } from '../connection/options.js'
import { MqttError } from '../errors.js'
import type { PacketInput } from '../packet/fields.js'
import { failure } from '../spec-support/codec.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import type { FakeTransport } from '../testing/fake-transport.js'
import { flat, type MarbleHelpers, marbles } from '../testing/marbles.js'
import { packets } from '../testing/packets.js'
import type { Authenticate } from './authentication.js'
import { reauthenticate } from './reauthenticate.js'
import { watchReauthentication } from './watch-reauthentication.js'

expectNoUnhandled()

const method = 'M'
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const properties = { authenticationMethod: method }
const fields = { clientId: 'me', protocolVersion: 5, properties } as const
const connack = packets.connack({ properties })
const auth = (reasonCode: 0x00 | 0x18 | 0x19, data?: string, authenticationMethod = method): PacketInput =>
  packets.auth({
    reasonCode,
    properties: { authenticationMethod, ...(data === undefined ? {} : { authenticationData: utf8(data) }) },
  })
const disconnect = (reasonCode: number): PacketInput => packets.disconnect({ reasonCode: reasonCode as 0 })
const error = (code: string, reasonCode?: number): object => ({ code, reasonCode, returnCode: undefined })

interface Scene extends MarbleHelpers {
  readonly connection: Connection
  readonly peer: FakeTransport
}

/** Two ends that have agreed on the method; the peer sends what the diagram says from frame 1 on. */
function scene(
  role: Role,
  inbound: string,
  values: Record<string, PacketInput | Uint8Array>,
  test: (scene: Scene) => void,
): void {
  marbles((helpers) => {
    const opening = role === 'client' ? connack : packets.connect(fields)
    const peer = helpers.transport(`0${inbound}`, { 0: opening, ...values })
    const connection = new Connection(peer, { role, pauseTimeout: 0 })
    if (role === 'client') connection.connect(fields)
    connection.packets$.subscribe(({ cmd }) => {
      if (cmd === 'connect') connection.connack({ properties })
    })
    test({ ...helpers, connection, peer })
  })
}

const letters = map((packet: { cmd: string }) => packet.cmd[0]!)

describe('reauthenticate', () => {
  /** What it comes to when it begins in frame 1. */
  const begin = (all: Scene, authenticate?: Authenticate, options = {}, connect: object = fields) =>
    all.expectObservable(reauthenticate(all.connection, connect, authenticate, options).pipe(letters), '-^')

  test('MQTT 5 [MQTT-4.12.1-1] [MQTT-4.12.0-5]: AUTH 0x19 with the method of CONNECT, then AUTH 0x18, until AUTH 0x00', () => {
    scene('client', '-1-2-s', { 1: auth(0x18, 'one'), 2: auth(0x18, 'two'), s: auth(0, 'ok') }, (all) => {
      const authenticate: Authenticate = ({ properties: { authenticationData } = {} }) =>
        of({ properties: { authenticationData: authenticationData! } })
      begin(all, authenticate, { authenticationData: utf8('hi') }).toBe('------(a|)')
      all.expectSent(all.peer).toBe('cr1-2', {
        c: packets.connect(fields),
        r: auth(0x19, 'hi'),
        1: auth(0x18, 'one'),
        2: auth(0x18, 'two'),
      })
    })
  })

  test('emits what the server said at last, and needs no authenticate for one step', () => {
    scene('client', '-s', { s: auth(0, 'ok') }, (all) => {
      const success = {
        cmd: 'auth',
        length: 11,
        reasonCode: 0,
        properties: { ...properties, authenticationData: utf8('ok') },
      }
      all.expectObservable(reauthenticate(all.connection, fields), '-^').toBe('--(s|)', { s: success })
    })
  })

  test('an AUTH without a body is success too', () => {
    scene('client', '-s', { s: packets.auth() }, (all) => begin(all).toBe('--(a|)'))
  })

  test('other packets go on meanwhile', () => {
    scene('client', '-p-s', { p: packets.publish(), s: auth(0) }, (all) => {
      begin(all).toBe('----(a|)')
      all.expectObservable(all.connection.publish$.pipe(letters)).toBe('--p')
    })
  })

  test.each([
    ['another method in a challenge', auth(0x18, 'x', 'other')],
    ['another method in the end', auth(0, 'x', 'other')],
    ['AUTH 0x19 from a server', auth(0x19)],
  ])('MQTT 5 [MQTT-4.12.0-5] [MQTT-4.12.1-2]: %s is a protocol error, told by DISCONNECT', (_, packet) => {
    scene('client', '-x', { x: packet }, (all) => {
      begin(all, () => of({})).toBe('--#', null, error('protocol-error', 0x82))
      const sent = { c: packets.connect(fields), r: auth(0x19), d: disconnect(0x82) }
      all.expectSent(all.peer).toBe('cr(d|)', sent)
    })
  })

  test.each([
    ['fails', () => throwError(() => new Error('no')), { error: 'Error', message: 'no' }],
    ['gives nothing', () => EMPTY, error('invalid-option')],
    ['is missing', undefined, error('invalid-packet')],
  ] as const)(
    'MQTT 5 [MQTT-4.12.1-2]: authenticate %s: DISCONNECT, and the connection ends',
    (_, authenticate, reason) => {
      scene('client', '-1', { 1: auth(0x18) }, (all) => {
        const seen: unknown[] = []
        all.does('-x', {
          x: () => {
            reauthenticate(all.connection, fields, authenticate).subscribe({
              error: (e: unknown) => seen.push(flat(e)),
            })
          },
        })
        const sent = { c: packets.connect(fields), r: auth(0x19), d: disconnect(0x80) }
        all.expectSent(all.peer).toBe('cr(d|)', sent)
        all.flush()
        expect(seen).toEqual([reason])
      })
    },
  )

  test('the server refuses: its DISCONNECT is the error', () => {
    scene('client', '-d', { d: disconnect(0x87) }, (all) => begin(all).toBe('--#', null, error('disconnected', 0x87)))
  })

  test('no answer in time', () => {
    for (const [options, time] of [
      [{}, 30_000],
      [{ timeout: 7 }, 7],
    ] as const) {
      scene('client', '', {}, (all) => {
        begin(all, undefined, options).toBe(`- ${time}ms #`, null, error('timeout'))
        const sent = { c: packets.connect(fields), r: auth(0x19), d: disconnect(0x80) }
        all.expectSent(all.peer).toBe(`cr ${time - 1}ms (d|)`, sent)
      })
    }
  })

  test('the connection ends first', () => {
    scene('client', '-|', {}, (all) => {
      all.does('---x', { x: () => all.peer.close() })
      begin(all).toBe('--#', null, error('transport'))
    })
  })

  test('MQTT 5 [MQTT-4.12.0-7]: without a method in CONNECT nothing is written, and the connection stays', () => {
    scene('client', '', {}, (all) => {
      begin(all, undefined, {}, { clientId: 'me' }).toBe('-#', null, error('invalid-packet'))
      all.expectSent(all.peer).toBe('c', { c: packets.connect(fields) })
    })
  })

  test('a timeout of 0 is an invalid option', () => {
    scene('client', '', {}, (all) => {
      const call = (): unknown => reauthenticate(all.connection, fields, undefined, { timeout: 0 })
      expect(failure(call)).toMatchObject({ code: 'invalid-option' })
      const watch = (): unknown => watchReauthentication(all.connection, fields, () => EMPTY, { timeout: 0 })
      expect(failure(watch)).toMatchObject({ code: 'invalid-option' })
    })
  })
})

describe('watchReauthentication', () => {
  const watch = (all: Scene, authenticate: Authenticate, options = {}) =>
    all.expectObservable(watchReauthentication(all.connection, fields, authenticate, options))

  test('MQTT 5 [MQTT-4.12.0-2] [MQTT-4.12.0-5]: asks authenticate, and the client where that asks, as often as the client begins', () => {
    const values = { r: auth(0x19, 'hi'), 1: auth(0x18, 'one') }
    scene('server', '-r-1---r-1', values, (all) => {
      const steps: unknown[] = []
      watch(all, ({ reasonCode, properties: { authenticationData } = {} }, connection) => {
        steps.push(reasonCode, flat(authenticationData), connection === all.connection)
        return of({
          reasonCode: reasonCode === 0x19 ? 0x18 : 0,
          properties: { authenticationData: utf8('re') },
        } as const)
      }).toBe('')
      all.expectSent(all.peer).toBe('c-1-s---1-s', { c: connack, 1: auth(0x18, 're'), s: auth(0, 're') })
      all.flush()
      const once = [0x19, '6869', true, 0x18, '6f6e65', true]
      expect(steps).toEqual([...once, ...once])
    })
  })

  test('reading is paused while authenticate works', () => {
    scene('server', '-rp', { r: auth(0x19), p: packets.publish() }, (all) => {
      watch(all, () => of({}).pipe(delay(3))).toBe('')
      all.expectObservable(all.connection.publish$.pipe(letters)).toBe('-----p')
      all.expectReads(all.peer).toBe('^-!', '-----^')
      all.expectSent(all.peer).toBe('c----s', { c: connack, s: auth(0) })
    })
  })

  test.each([
    ['[MQTT-4.12.1-1]: another method', auth(0x19, 'x', 'other')],
    ['[MQTT-4.12.1-1]: AUTH 0x18 unasked', auth(0x18)],
    ['[MQTT-4.12.1-1]: AUTH 0x00', auth(0x00)],
    ['[MQTT-4.12.0-5]: AUTH without a method', packets.auth()],
  ])('MQTT 5 %s is a protocol error, told by DISCONNECT', (_, packet) => {
    scene('server', '-x', { x: packet }, (all) => {
      watch(all, () => of({})).toBe('--#', null, error('protocol-error', 0x82))
      all.expectSent(all.peer).toBe('c-(d|)', { c: connack, d: disconnect(0x82) })
    })
  })

  test('MQTT 5 [MQTT-4.12.0-3]: an answer to a challenge must be AUTH 0x18', () => {
    scene('server', '-r-r', { r: auth(0x19) }, (all) => {
      watch(all, () => of({ reasonCode: 0x18 })).toBe('----#', null, error('protocol-error', 0x82))
    })
  })

  test.each([
    [
      'with its reason',
      () => throwError(() => new MqttError('refused', 'no', { reasonCode: 0x87 })),
      error('refused', 0x87),
      0x87,
    ],
    [
      'with a reason that DISCONNECT lacks',
      () => throwError(() => new MqttError('refused', 'no', { reasonCode: 0x86 })),
      error('refused', 0x86),
      0x80,
    ],
    ['with 0x80', () => throwError(() => new MqttError('store', 'no')), error('store'), 0x80],
    ['with 0x80 for a wrong answer', () => of({ reasonCode: 0x19 } as const), error('invalid-packet'), 0x80],
  ] as const)(
    'MQTT 5 [MQTT-4.12.1-2]: a failure is told by DISCONNECT %s, and the connection ends',
    (_, authenticate, reason, code) => {
      scene('server', '-r', { r: auth(0x19) }, (all) => {
        watch(all, authenticate).toBe('--#', null, reason)
        all.expectSent(all.peer).toBe('c-(d|)', { c: connack, d: disconnect(code) })
      })
    },
  )

  test('the timeout covers one exchange: authenticate that never answers, and a client that does not', () => {
    for (const authenticate of [() => NEVER, () => of({ reasonCode: 0x18 } as const)]) {
      scene('server', ' 999ms r', { r: auth(0x19) }, (all) => {
        watch(all, authenticate, { timeout: 50 }).toBe('1050ms #', null, error('timeout', 0x87))
      })
    }
  })

  test('completes when the connection is over; unsubscribing stops it', () => {
    scene('server', '-|', {}, (all) => {
      all.does('--x', { x: () => all.peer.close() })
      watch(all, () => of({})).toBe('--|')
    })
    scene('server', '-r', { r: auth(0x19) }, (all) => {
      all
        .expectObservable(
          watchReauthentication(all.connection, fields, () => NEVER),
          '^---!',
        )
        .toBe('-----')
      all.does('-----x', { x: () => expect(all.connection.reading).toBe(true) })
      all.expectSent(all.peer).toBe('c', { c: connack })
    })
  })
})
