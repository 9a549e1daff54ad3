import {
  asapScheduler,
  concat,
  concatMap,
  delay,
  EMPTY,
  map,
  NEVER,
  type Observable,
  of,
  switchMap,
  tap,
  throwError,
} from 'rxjs'
import { Connection } from '../connection/connection.js'
import type { ConnectionOptions } from '../connection/options.js'
import { MqttError } from '../errors.js'
import type { ConnackFields, ConnectFields, PacketInput } from '../packet/fields.js'
import { encode, failure } from '../spec-support/codec.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import type { FakeTransport } from '../testing/fake-transport.js'
import { flat, type MarbleHelpers, marbles } from '../testing/marbles.js'
import { packets } from '../testing/packets.js'
import { join, wire } from '../testing/wire.js'
import { accept, type AcceptedClient, type AcceptOptions, type Authorize } from './accept.js'
import { keepAliveOf } from './keep-alive-of.js'

expectNoUnhandled()

const five = { protocolVersion: 5 } as const
const method = 'M'
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const enhanced = { ...five, properties: { authenticationMethod: method, authenticationData: utf8('hello') } } as const
const auth = (data: string, fields: object = {}, authenticationMethod = method): PacketInput =>
  packets.auth({ reasonCode: 0x18, properties: { authenticationMethod, authenticationData: utf8(data) }, ...fields })
const error = (code: string, reasonCode?: number, returnCode?: number): object => ({ code, reasonCode, returnCode })
const yes: Authorize = () => of({})

interface Scene extends MarbleHelpers {
  readonly connection: Connection
  readonly peer: FakeTransport
}

/** A server and the client that the diagram plays. */
function scene(
  inbound: string,
  values: Record<string, PacketInput | Uint8Array>,
  test: (scene: Scene) => void,
  // Without pauseTimeout, so that what is read shows who reads.
  options: ConnectionOptions = { role: 'server', pauseTimeout: 0 },
): void {
  marbles((helpers) => {
    const peer = helpers.transport(inbound, values)
    test({ ...helpers, peer, connection: new Connection(peer, options) })
  })
}

/** What accepting comes to, in letters: `a` for accepted. */
function run({ connection }: Scene, authorize: Authorize = yes, options?: AcceptOptions): Observable<string> {
  return accept(connection, authorize, options).pipe(map(() => 'a'))
}

/** Accepts one CONNECT, now, and gives what was agreed, or the error. */
function agreed(connect: Partial<ConnectFields>, answer: ConnackFields, options?: AcceptOptions) {
  const seen: (AcceptedClient | MqttError)[] = []
  scene('c', { c: packets.connect(connect) }, ({ connection, flush }) => {
    accept(connection, () => of(answer), options).subscribe({
      next: (accepted) => seen.push(accepted),
      error: (reason: unknown) => seen.push(reason as MqttError),
    })
    flush()
  })
  return seen[0] as AcceptedClient & MqttError
}

describe('accept', () => {
  test.each([3, 4, 5] as const)(
    'waits for CONNECT, writes CONNACK, emits both and completes, in level %i',
    (version) => {
      scene('--c', { c: packets.connect({ protocolVersion: version }) }, (all) => {
        const seen: AcceptedClient[] = []
        const asked: unknown[] = []
        const authorize: Authorize = (connect, connection) => {
          asked.push(connect.clientId, connection === all.connection)
          return of({})
        }
        const accept$ = accept(all.connection, authorize).pipe(tap((accepted) => seen.push(accepted)))
        all.expectObservable(accept$.pipe(map(({ connect }) => connect.clientId))).toBe('--(c|)', { c: 'client' })
        all.expectSent(all.peer).toBe('--c', { c: packets.connack() })
        all.expectReads(all.peer).toBe('^-!')
        all.flush()
        expect(asked).toEqual(['client', true])
        expect(seen[0]?.connack).toEqual(version === 5 ? { reasonCode: 0 } : { returnCode: 0 })
      })
    },
  )

  test('is cold: nothing is read before it is subscribed', () => {
    scene('c', { c: packets.connect() }, (all) => {
      all.expectObservable(run(all), '---^').toBe('---(a|)')
      all.expectReads(all.peer).toBe('---(^!)')
    })
  })

  const chunk = join(
    encode(4, packets.connect()),
    encode(4, packets.subscribe()),
    encode(4, packets.publish({ topic: '1' })),
  )
  test.each(['now', 'later'] as const)(
    'CONNECT, SUBSCRIBE and PUBLISH in one chunk: nothing is lost for who subscribes in the turn of CONNACK, authorized %s',
    (when) => {
      scene('-c', { c: chunk }, (all) => {
        const authorize: Authorize = () => (when === 'now' ? of({}) : of({}).pipe(delay(4)))
        const types$ = accept(all.connection, authorize).pipe(
          switchMap(() => all.connection.packets$),
          map(({ cmd }) => cmd[0]!),
        )
        all.expectObservable(types$).toBe(when === 'now' ? '-(sp)' : '-----(sp)')
      })
    },
  )

  test('and the same byte by byte, with concat, and when somebody looks later', () => {
    scene('-', {}, (all) => {
      all.does('-x', { x: () => chunk.forEach((byte) => all.peer.receive(Uint8Array.of(byte))) })
      const types$ = all.connection.packets$.pipe(map(({ cmd }) => cmd[0]!))
      const seen: string[] = []
      concat(run(all), types$).subscribe((letter) => seen.push(letter))
      all.flush()
      expect(seen).toEqual(['a', 's', 'p'])
    })
    scene('-c', { c: chunk }, (all) => {
      const types$ = run(all).pipe(
        delay(5),
        concatMap(() => all.connection.packets$),
        map(({ cmd }) => cmd[0]!),
      )
      all.expectObservable(types$).toBe('------(sp)')
    })
  })

  test('reading is paused while authorize works, also for who taps the connection', () => {
    scene('-c--p', { c: packets.connect(), p: packets.publish() }, (all) => {
      const work$ = all.cold('-----(ab)', { a: {}, b: { returnCode: 5 } as const })
      all.expectObservable(run(all, () => work$)).toBe('------(a|)')
      all.expectSubscriptions(work$.subscriptions).toBe('-^----!')
      all.expectReads(all.peer).toBe('^!', '------^')
      all.expectObservable(all.connection.packets$.pipe(map(({ cmd }) => cmd[0]!))).toBe('-c----p')
    })
  })

  test.each([0, -1, 1.5, 2_147_483_648])('a timeout of %p is an invalid option', (timeout) => {
    scene('', {}, (all) => {
      expect(failure(() => accept(all.connection, yes, { timeout }))).toMatchObject({ code: 'invalid-option' })
    })
  })

  test.each([0, 65_536, 1.5])('a maximumKeepAlive of %p is an invalid option', (maximumKeepAlive) => {
    scene('', {}, (all) => {
      expect(failure(() => accept(all.connection, yes, { maximumKeepAlive }))).toMatchObject({ code: 'invalid-option' })
    })
  })

  test('unsubscribing stops it, authorize too, and leaves the connection to its owner', () => {
    scene('-c', { c: packets.connect() }, (all) => {
      const work$ = all.cold('-')
      all
        .expectObservable(
          run(all, () => work$ as never),
          '^--!',
        )
        .toBe('----')
      all.expectSubscriptions(work$.subscriptions).toBe('-^-!')
      all.expectSent(all.peer).toBe('-')
      all.flush()
      expect(all.now()).toBe(3)
    })
  })
})

describe('accept: no', () => {
  test.each([
    [5, { reasonCode: 0x87 }, { reasonCode: 0x87 }],
    [4, { reasonCode: 0x87 }, { returnCode: 5 }],
    [4, { reasonCode: 0x86, properties: { reasonString: 'no' } }, { returnCode: 4 }],
    [4, { reasonCode: 0x84 }, { returnCode: 1 }],
    [4, { reasonCode: 0x85 }, { returnCode: 2 }],
    [4, { reasonCode: 0x8a }, { returnCode: 5 }],
    [4, { reasonCode: 0x8c }, { returnCode: 4 }],
    [4, { reasonCode: 0x9c }, { returnCode: 3 }],
    [3, { reasonCode: 0x89 }, { returnCode: 3 }],
    [3, { returnCode: 4 }, { returnCode: 4 }],
    [5, { returnCode: 5 }, { reasonCode: 0x87 }],
    [5, { returnCode: 4 }, { reasonCode: 0x86 }],
    [5, { returnCode: 3 }, { reasonCode: 0x88 }],
    [5, { reasonCode: 0x87, sessionPresent: true }, { reasonCode: 0x87 }],
    [4, { returnCode: 5, sessionPresent: true }, { returnCode: 5 }],
    [
      5,
      { reasonCode: 0x9d, properties: { serverReference: 'other' } },
      { reasonCode: 0x9d, properties: { serverReference: 'other' } },
    ],
  ] as const)('in level %i the answer %j is told as %j', (protocolVersion, answer, told) => {
    scene('--c', { c: packets.connect({ protocolVersion }) }, (all) => {
      const { reasonCode, returnCode } = told as ConnackFields
      all.expectObservable(run(all, () => of(answer))).toBe('--#', null, error('refused', reasonCode, returnCode))
      all.expectSent(all.peer).toBe('--(c|)', { c: packets.connack(told) })
    })
  })

  test('the error has the CONNACK as its cause, and a message', () => {
    const refused = agreed(five, { reasonCode: 0x87, properties: { reasonString: 'no' } })
    expect(flat(refused.cause)).toEqual({ cmd: 'connack', reasonCode: 0x87, properties: { reasonString: 'no' } })
    expect(refused.message).toBe('"client" was refused with reason 0x87')
  })

  test('without a role the connection ends too', () => {
    scene(
      '-c',
      { c: packets.connect() },
      (all) => {
        all.expectObservable(run(all, () => of({ returnCode: 2 }))).toBe('-#', null, error('refused', undefined, 2))
        all.expectSent(all.peer).toBe('-(c|)', { c: packets.connack({ returnCode: 2 }) })
      },
      {},
    )
  })

  const fails: [string, Authorize, unknown, number, number][] = [
    [
      'throws',
      () => {
        throw new Error('no')
      },
      { error: 'Error', message: 'no' },
      0x80,
      3,
    ],
    [
      'throws what is no error',
      () => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- whatever it throws
        throw undefined
      },
      undefined,
      0x80,
      3,
    ],
    ['rejects', () => throwError(() => new Error('no')).pipe(delay(0)), { error: 'Error', message: 'no' }, 0x80, 3],
    [
      'errors with a reason',
      () => throwError(() => new MqttError('store', 'x', { reasonCode: 0x97 })),
      error('store', 0x97),
      0x97,
      3,
    ],
    [
      'errors with a reason that is none of CONNACK',
      () => throwError(() => new MqttError('store', 'x', { reasonCode: 0x8e })),
      error('store', 0x8e),
      0x80,
      3,
    ],
    [
      'errors with a reason that says yes',
      () => throwError(() => new MqttError('store', 'x', { reasonCode: 0 })),
      error('store', 0),
      0x80,
      3,
    ],
    ['gives nothing', () => EMPTY, error('invalid-option'), 0x80, 3],
    ['gives what is no CONNACK', () => of({ reasonCode: 1 as never }), error('invalid-packet', 0x82), 0x80, 3],
    [
      'gives what is no object',
      () => of(undefined) as never,
      { error: 'TypeError', message: expect.any(String) as string },
      0x80,
      3,
    ],
  ]
  test.each(fails)('authorize %s: its error, and CONNACK', (_, authorize, expected, reasonCode, returnCode) => {
    for (const protocolVersion of [5, 4] as const) {
      // A code that 3.1.1 has no name for is no code of CONNACK there, but a refusal.
      if (protocolVersion === 4 && (expected as MqttError | undefined)?.code === 'invalid-packet') continue
      scene('-c', { c: packets.connect({ protocolVersion }) }, (all) => {
        const seen: unknown[] = []
        accept(all.connection, authorize).subscribe({ error: (reason: unknown) => seen.push(reason) })
        const connack = packets.connack(
          protocolVersion === 5 ? { reasonCode: reasonCode as 0x80 } : { returnCode: returnCode as 3 },
        )
        all.expectSent(all.peer).toBe('-(c|)', { c: connack })
        all.flush()
        expect(flat(seen)).toEqual([expected])
      })
    }
  })

  test('authorize never answers: a timeout, told as 0x88 or return code 3, and its work is unsubscribed', () => {
    for (const [protocolVersion, fields] of [
      [5, { reasonCode: 0x88 }],
      [4, { returnCode: 3 }],
    ] as const) {
      scene('1s c', { c: packets.connect({ protocolVersion }) }, (all) => {
        const work$ = all.cold<ConnackFields>('-')
        all.expectObservable(run(all, () => work$)).toBe('10s #', null, error('timeout', 0x88, 3))
        all.expectSubscriptions(work$.subscriptions).toBe('1s ^ 8999ms !')
        all.expectSent(all.peer).toBe('10s (c|)', { c: packets.connack(fields) })
      })
    }
  })

  test.each([
    ['no CONNECT', '-', {}],
    ['part of a CONNECT', 'p', { p: wire('10 0e 0004 "MQ"') }],
  ])('%s in time: a timeout, and the transport is destroyed without a packet', (_, inbound, values) => {
    for (const [options, time] of [
      [{}, '10s'],
      [{ timeout: 50 }, '50ms'],
    ] as const) {
      scene(inbound, values, (all) => {
        all.expectObservable(run(all, yes, options)).toBe(`${time} #`, null, error('timeout'))
        all.expectObservable(all.connection.closed$).toBe(`${time} #`, null, error('timeout'))
        all.expectSent(all.peer).toBe(`${time} #`)
      })
    }
  })

  test('the connection ends first', () => {
    scene('--|', {}, (all) => {
      all.does('--x', { x: () => all.peer.close() })
      all.expectObservable(run(all)).toBe('--#', null, error('transport'))
    })
    scene('--#', {}, (all) => {
      all.expectObservable(run(all)).toBe('--#', null, error('transport'))
    })
    scene('-c', { c: packets.connect() }, (all) => {
      const work$ = all.cold<ConnackFields>('-')
      all.does('---x', { x: () => all.peer.close(new MqttError('transport', 'reset')) })
      all.expectObservable(run(all, () => work$)).toBe('---#', null, error('transport'))
      all.expectSubscriptions(work$.subscriptions).toBe('-^-!')
    })
  })

  test('the connection ends in the turn in which authorize answers: nobody is accepted', () => {
    scene('-c', { c: packets.connect() }, (all) => {
      const authorize: Authorize = () => {
        all.connection.end()
        return of({})
      }
      all.expectObservable(run(all, authorize)).toBe('-#', null, error('transport'))
      all.expectSent(all.peer).toBe('-|')
    })
  })

  test('a bad CONNECT is refused by the connection, and its reason comes through', () => {
    const packet = wire('10 0c 0004 "MQTT" 04 00 0000 0000')
    scene('-c|', { c: packet }, (all) => {
      all.expectObservable(run(all)).toBe('--#', null, error('protocol-error', 0x85, 2))
      all.expectSent(all.peer).toBe('-(c|)', { c: packets.connack({ returnCode: 2 }) })
    })
  })

  test('a client that takes no packet as large as the refusal is let go all the same', () => {
    const connect = packets.connect({ ...five, properties: { maximumPacketSize: 3 } })
    scene('-c', { c: connect }, (all) => {
      all.expectObservable(run(all, () => of({ reasonCode: 0x87 }))).toBe('-#', null, error('invalid-packet', 0x95))
      all.expectSent(all.peer).toBe('-|')
    })
  })
})

describe('accept: what is agreed', () => {
  test('MQTT 5 [MQTT-3.2.2-16] [MQTT-3.1.3-7]: a client without an id gets one that nobody else has', () => {
    const ids = Array.from({ length: 200 }, () => {
      const { connect, connack } = agreed({ ...five, clientId: '' }, {})
      expect(connack.properties?.assignedClientIdentifier).toBe(connect.clientId)
      return connect.clientId
    })
    expect(new Set(ids).size).toBe(200)
    for (const id of ids) expect(id).toMatch(/^[a-z2-7]{22}$/)
  })

  test('MQTT 5 [MQTT-3.1.3-7]: authorize sees the id as if the client had sent it', () => {
    scene('c', { c: packets.connect({ ...five, clientId: '' }) }, (all) => {
      const seen: string[] = []
      const authorize: Authorize = ({ clientId }) => {
        seen.push(clientId)
        return of({})
      }
      const options = { assignClientId: () => 'given' }
      accept(all.connection, authorize, options).subscribe(({ connect }) => seen.push(connect.clientId))
      const properties = { assignedClientIdentifier: 'given' }
      all.expectSent(all.peer).toBe('c', { c: packets.connack({ properties }) })
      all.flush()
      expect(seen).toEqual(['given', 'given'])
    })
  })

  test('authorize may give the id itself', () => {
    const { connect, connack } = agreed({ ...five, clientId: '' }, { properties: { assignedClientIdentifier: 'mine' } })
    expect([connect.clientId, connack.properties]).toEqual(['mine', { assignedClientIdentifier: 'mine' }])
  })

  test('a client with an id keeps it', () => {
    const options = { assignClientId: () => 'given' }
    const { connect, connack } = agreed(five, {}, options)
    expect([connect.clientId, connack]).toEqual(['client', { reasonCode: 0 }])
    expect(agreed(five, { properties: { assignedClientIdentifier: 'mine' } })).toMatchObject({ code: 'invalid-packet' })
  })

  test('MQTT 3.1.1 [MQTT-3.1.3-6] [MQTT-3.1.3-7]: a clean client without an id has one here, which it is not told', () => {
    const { connect, connack } = agreed({ clientId: '' }, {}, { assignClientId: () => 'given' })
    expect([connect.clientId, connack]).toEqual(['given', { returnCode: 0 }])
  })

  test.each([
    ['', 'invalid-option'],
    [undefined, 'invalid-option'],
    [7, 'invalid-option'],
  ])('assignClientId that gives %p: the client is refused', (id, code) => {
    expect(agreed({ clientId: '' }, {}, { assignClientId: () => id as string })).toMatchObject({ code })
  })

  test('assignClientId that throws: the client is refused', () => {
    const assignClientId = (): string => {
      throw new Error('no')
    }
    expect(agreed({ clientId: '' }, {}, { assignClientId })).toMatchObject({ message: 'no' })
  })

  test.each([
    ['MQTT 5 [MQTT-3.2.2-21]: a keep-alive over the maximum is replaced', 61, {}, 60, 60],
    ['MQTT 5 [MQTT-3.2.2-21]: so is none at all', 0, {}, 60, 60],
    ["MQTT 5 [MQTT-3.2.2-22]: one within the maximum is the client's", 60, {}, undefined, 60],
    ['MQTT 5 [MQTT-3.2.2-21]: what authorize gives goes before', 61, { properties: { serverKeepAlive: 90 } }, 90, 90],
  ])('%s', (_, keepalive, answer, told, applies) => {
    const accepted = agreed({ ...five, keepalive }, answer, { maximumKeepAlive: 60 })
    expect(accepted.connack.properties?.serverKeepAlive).toBe(told)
    expect(keepAliveOf(accepted)).toBe(applies)
  })

  test('MQTT 5 [MQTT-3.2.2-22]: without a maximum the server uses what the client asked for', () => {
    expect(keepAliveOf(agreed({ ...five, keepalive: 4_000 }, {}))).toBe(4_000)
  })

  test('MQTT 3.1.1 has no way to tell: the client keeps its own', () => {
    const accepted = agreed({ keepalive: 61 }, {}, { maximumKeepAlive: 60 })
    expect(accepted.connack).toEqual({ returnCode: 0 })
    expect(keepAliveOf(accepted)).toBe(61)
  })

  test('sessionPresent is told where the version has it', () => {
    expect(agreed({ ...five, clean: false }, { sessionPresent: true }).connack).toEqual({
      reasonCode: 0,
      sessionPresent: true,
    })
    expect(agreed({ clean: false }, { sessionPresent: true }).connack).toEqual({ returnCode: 0, sessionPresent: true })
    expect(agreed({ protocolVersion: 3, clean: false }, { sessionPresent: true }).connack).toEqual({ returnCode: 0 })
  })

  test('properties are left out before MQTT 5', () => {
    expect(agreed({}, { properties: { reasonString: 'hi' } }).connack).toEqual({ returnCode: 0 })
  })
})

describe('accept with enhanced authentication', () => {
  const connack = (data?: string): PacketInput =>
    packets.connack({
      properties: { authenticationMethod: method, ...(data === undefined ? {} : { authenticationData: utf8(data) }) },
    })

  test('MQTT 5 [MQTT-4.12.0-2] [MQTT-4.12.0-5]: challenges are AUTH 0x18, the last answer goes into CONNACK, the method into all', () => {
    scene('-c--1--2', { c: packets.connect(enhanced), 1: auth('one'), 2: auth('two') }, (all) => {
      const steps: unknown[] = []
      const authenticate: AcceptOptions['authenticate'] = (step, connection) => {
        const { cmd, reasonCode, properties } = step
        steps.push([cmd, reasonCode, flat(properties), connection === all.connection])
        const authenticationData = utf8(`re${steps.length}`)
        return of({ reasonCode: steps.length < 3 ? 0x18 : 0, properties: { authenticationData } } as const)
      }
      const authorize: Authorize = () => {
        steps.push('authorize')
        return of({})
      }
      all.expectObservable(run(all, authorize, { authenticate })).toBe('-------(a|)')
      all.expectSent(all.peer).toBe('-1--2--c', { 1: auth('re1'), 2: auth('re2'), c: connack('re3') })
      all.flush()
      const properties = (text: string) => flat({ authenticationMethod: method, authenticationData: utf8(text) })
      expect(steps).toEqual([
        ['auth', 0x00, properties('hello'), true],
        ['auth', 0x18, properties('one'), true],
        ['auth', 0x18, properties('two'), true],
        'authorize',
      ])
    })
  })

  test('reading is paused while authenticate works, and what follows the last step is not lost', () => {
    const last = encode(5, auth('one'), packets.pingreq())
    scene('-c----1', { c: packets.connect(enhanced), 1: last }, (all) => {
      let rounds = 0
      const authenticate = () => of({ reasonCode: rounds++ === 0 ? 0x18 : 0x00 } as const).pipe(delay(2))
      const types$ = accept(all.connection, yes, { authenticate }).pipe(
        switchMap(() => all.connection.packets$),
        map(({ cmd }) => cmd[0]!),
      )
      // The client breaks its word: nothing but AUTH before CONNACK.
      all.expectObservable(types$).toBe('--------p')
      all.expectReads(all.peer).toBe('^!', '---^--!', '--------^')
    })
  })

  test('MQTT 5 [MQTT-4.12.0-1]: a method where nobody authenticates is refused with 0x8C', () => {
    scene('-c', { c: packets.connect(enhanced) }, (all) => {
      all.expectObservable(run(all)).toBe('-#', null, error('refused', 0x8c))
      all.expectSent(all.peer).toBe('-(c|)', { c: packets.connack({ reasonCode: 0x8c }) })
    })
  })

  test.each([0x86, 0x87, 0x8c] as const)(
    'MQTT 5 [MQTT-4.12.0-4]: a refusal at any step is told as %i',
    (reasonCode) => {
      for (const step of [1, 2]) {
        const values = { c: packets.connect(enhanced), 1: auth('one') }
        scene('-c1', values, (all) => {
          let rounds = 0
          const authenticate = () => {
            if (++rounds === step) throw new MqttError('refused', 'no', { reasonCode })
            return of({ reasonCode: 0x18 } as const)
          }
          all
            .expectObservable(run(all, yes, { authenticate }))
            .toBe(step === 1 ? '-#' : '--#', null, error('refused', reasonCode))
          const challenge = packets.auth({ reasonCode: 0x18, properties: { authenticationMethod: method } })
          const sent = step === 1 ? '-(c|)' : '-1(c|)'
          all.expectSent(all.peer).toBe(sent, { 1: challenge, c: packets.connack({ reasonCode }) })
        })
      }
    },
  )

  test('any other failure of authenticate is told as 0x80', () => {
    for (const authenticate of [
      () => throwError(() => new Error('no')),
      () => EMPTY,
      () => of({ reasonCode: 0x19 } as const),
      () => of({ reasonCode: 0x87 as never }),
    ]) {
      scene('-c', { c: packets.connect(enhanced) }, (all) => {
        all.expectSent(all.peer).toBe('-(c|)', { c: packets.connack({ reasonCode: 0x80 }) })
        accept(all.connection, yes, { authenticate }).subscribe({ error: () => undefined })
        all.flush()
      })
    }
  })

  test.each([
    ['[MQTT-4.12.0-3]: an AUTH 0x19', auth('x', { reasonCode: 0x19 })],
    ['[MQTT-4.12.0-3]: an AUTH 0x00', auth('x', { reasonCode: 0x00 })],
    ['[MQTT-4.12.0-5]: another method', auth('x', {}, 'other')],
  ])('MQTT 5 %s before CONNACK is a protocol error', (_, packet) => {
    scene('-c-x', { c: packets.connect(enhanced), x: packet }, (all) => {
      const authenticate = () => of({ reasonCode: 0x18 } as const)
      all.expectObservable(run(all, yes, { authenticate })).toBe('---#', null, error('protocol-error', 0x82))
      const challenge = packets.auth({ reasonCode: 0x18, properties: { authenticationMethod: method } })
      all.expectSent(all.peer).toBe('-1-(c|)', { 1: challenge, c: packets.connack({ reasonCode: 0x82 }) })
    })
  })

  test('MQTT 5 [MQTT-4.12.0-6]: without a method in CONNECT, authenticate is not asked and CONNACK has none', () => {
    const options = {
      authenticate: () => {
        throw new Error('asked')
      },
    }
    expect(agreed(five, {}, options).connack).toEqual({ reasonCode: 0 })
    expect(agreed(five, { properties: { authenticationMethod: method } })).toMatchObject({ code: 'protocol-error' })
  })

  test('[MQTT-4.12.0-5]: authorize can not change the method', () => {
    const answer = { properties: { authenticationMethod: 'other' } }
    expect(agreed(enhanced, answer, { authenticate: () => of({}) })).toMatchObject({ code: 'protocol-error' })
  })

  test('the timeout covers all steps: a client that does not answer is refused', () => {
    scene('-c', { c: packets.connect(enhanced) }, (all) => {
      const authenticate = () => of({ reasonCode: 0x18 } as const)
      all.expectObservable(run(all, yes, { authenticate, timeout: 9 })).toBe('9ms #', null, error('timeout', 0x88, 3))
      const challenge = packets.auth({ reasonCode: 0x18, properties: { authenticationMethod: method } })
      all.expectSent(all.peer).toBe('-1-------(c|)', { 1: challenge, c: packets.connack({ reasonCode: 0x88 }) })
    })
  })

  test('a thousand steps cost no stack, and the connection is not left paused', () => {
    scene('-c', { c: packets.connect(enhanced) }, (all) => {
      let rounds = 0
      const authenticate = () => of({ reasonCode: rounds++ < 1_000 ? 0x18 : 0 } as const)
      all.peer.sentPackets$.subscribe(({ cmd }) => {
        if (cmd === 'auth') asapScheduler.schedule(() => all.peer.receive(auth('x')))
      })
      all.expectObservable(run(all, yes, { authenticate })).toBe('-(a|)')
      all.flush()
      expect(rounds).toBe(1_001)
      all.connection.packets$.subscribe()
      expect(all.connection.reading).toBe(true)
    })
  })

  test('the client leaves between two steps', () => {
    scene('-c-d', { c: packets.connect(enhanced), d: packets.disconnect() }, (all) => {
      const authenticate = () => of({ reasonCode: 0x18 } as const)
      all.does('----e', { e: () => all.peer.receiveEnd() })
      all.expectObservable(run(all, yes, { authenticate })).toBe('----#', null, error('transport'))
    })
  })

  test('authorize that never answers after authentication: the pause ends with the flow', () => {
    scene('-c', { c: packets.connect(enhanced) }, (all) => {
      all
        .expectObservable(
          run(all, () => NEVER, { authenticate: () => of({}) }),
          '^-----!',
        )
        .toBe('-')
      all.does('-------r', { r: () => all.connection.packets$.subscribe() })
      all.expectReads(all.peer).toBe('^!', '-------^')
    })
  })
})
