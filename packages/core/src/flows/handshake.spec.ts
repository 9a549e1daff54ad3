import {
  concat,
  concatMap,
  delay,
  EMPTY,
  map,
  merge,
  NEVER,
  type Observable,
  of,
  switchMap,
  tap,
  throwError,
  timer,
} from 'rxjs'
import { Connection } from '../connection/connection.js'
import type { ConnectionOptions } from '../connection/options.js'
import { MqttError } from '../errors.js'
import type { ConnectFields, PacketInput } from '../packet/fields.js'
import { encode, failure } from '../spec-support/codec.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import type { FakeTransport } from '../testing/fake-transport.js'
import { flat, type MarbleHelpers, marbles } from '../testing/marbles.js'
import { packets } from '../testing/packets.js'
import { handshake, type HandshakeOptions } from './handshake.js'

expectNoUnhandled()

const protocolVersion = 5
const method = 'M'
const enhanced = { clientId: 'me', protocolVersion, properties: { authenticationMethod: method } } as const
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const auth = (data: string, fields: object = {}, authenticationMethod = method): PacketInput =>
  packets.auth({ reasonCode: 0x18, properties: { authenticationMethod, authenticationData: utf8(data) }, ...fields })
const error = (code: string, reasonCode?: number, returnCode?: number): object => ({ code, reasonCode, returnCode })
const protocolError = error('protocol-error', 0x82)

interface Scene extends MarbleHelpers {
  readonly connection: Connection
  readonly peer: FakeTransport
}

/** A client and the server that the diagram plays. */
function scene(
  inbound: string,
  values: Record<string, PacketInput | Uint8Array>,
  test: (scene: Scene) => void,
  options: ConnectionOptions = { role: 'client' },
): void {
  marbles((helpers) => {
    const peer = helpers.transport(inbound, values)
    test({ ...helpers, peer, connection: new Connection(peer, options) })
  })
}

/** What a handshake comes to, in letters: `c` for CONNACK. */
function run({ connection }: Scene, fields: ConnectFields, options?: HandshakeOptions) {
  return handshake(connection, fields, options).pipe(map(() => 'c'))
}

describe('handshake', () => {
  test.each([3, 4, 5] as const)('writes CONNECT, emits CONNACK and completes, in MQTT level %i', (version) => {
    const fields = { clientId: 'me', protocolVersion: version }
    const connack = packets.connack(version === 5 ? { properties: { serverKeepAlive: 7 } } : {})
    scene('--c', { c: connack }, ({ connection, peer, expectSent, expectObservable, expectReads }) => {
      const expected =
        version === 5
          ? { cmd: 'connack', length: 6, sessionPresent: false, reasonCode: 0, properties: { serverKeepAlive: 7 } }
          : { cmd: 'connack', length: 2, sessionPresent: false, returnCode: 0 }
      expectObservable(handshake(connection, fields)).toBe('--(c|)', { c: expected })
      expectSent(peer).toBe('c', { c: packets.connect({ ...fields }) })
      expectReads(peer).toBe('^-!')
    })
  })

  test('is cold: nothing is written before it is subscribed', () => {
    scene('', {}, ({ connection, peer, expectObservable, expectSent }) => {
      expectObservable(handshake(connection, {}), '---^--!').toBe('')
      expectSent(peer).toBe('---c', { c: packets.connect({ clientId: '' }) })
    })
  })

  test.each(['switchMap', 'concat', 'later'] as const)('what follows CONNACK in its chunk is not lost: %s', (how) => {
    const chunk = encode(4, packets.connack(), packets.publish({ topic: '1' }), packets.publish({ topic: '2' }))
    scene('-c', { c: chunk }, ({ connection, expectObservable }) => {
      const topics$ = connection.publish$.pipe(map(({ topic }) => topic))
      const handshake$ = handshake(connection, { clientId: 'me' })
      const seen: Record<typeof how, Observable<string>> = {
        switchMap: handshake$.pipe(switchMap(() => topics$)),
        concat: concat(handshake$.pipe(map(() => 'c')), topics$),
        later: handshake$.pipe(
          delay(5),
          concatMap(() => topics$),
        ),
      }
      const diagram = { switchMap: '-(12)', concat: '-(c12)', later: '------(12)' }
      expectObservable(seen[how]).toBe(diagram[how])
    })
  })

  test('ends its subscriptions in the turn in which it emits', () => {
    scene('-c-p', { c: packets.connack(), p: packets.publish() }, ({ connection, peer, expectReads, flush }) => {
      handshake(connection, {}).subscribe()
      expectReads(peer).toBe('^!')
      flush()
      expect(connection.reading).toBe(false)
      expect(connection.packetsReceived).toBe(1)
    })
  })

  test.each([
    [4, { returnCode: 5 }, error('refused', undefined, 5), /return code 5 NotAuthorized$/],
    [3, { returnCode: 2 }, error('refused', undefined, 2), /return code 2 IdentifierRejected$/],
    [
      5,
      { reasonCode: 0x9c, properties: { reasonString: 'busy', serverReference: 'other:1883' } },
      error('refused', 0x9c),
      /reason 0x9c UseAnotherServer, "busy", use "other:1883"$/,
    ],
  ] as const)(
    'a refusal in level %i is an error with the CONNACK as its cause: %j',
    (version, fields, expected, text) => {
      scene('--c', { c: packets.connack(fields) }, (all) => {
        const seen: MqttError[] = []
        const refused$ = run(all, { protocolVersion: version, clientId: 'me' }).pipe(
          tap({ error: (reason: unknown) => seen.push(reason as MqttError) }),
        )
        all.expectObservable(refused$).toBe('--#', null, expected)
        // No DISCONNECT: the server has said the last word.
        all.expectSent(all.peer).toBe('c-|', { c: packets.connect({ protocolVersion: version, clientId: 'me' }) })
        all.flush()
        expect(seen[0]?.message).toMatch(text)
        expect(seen[0]?.cause).toMatchObject({ cmd: 'connack', ...fields })
      })
    },
  )

  test('so it is without a role too', () => {
    const fields = { clientId: 'me', protocolVersion } as const
    scene(
      '--c',
      { c: packets.connack({ reasonCode: 0x88 }) },
      (all) => {
        all.expectObservable(run(all, fields)).toBe('--#', null, error('refused', 0x88))
        all.expectSent(all.peer).toBe('c-|', { c: packets.connect(fields) })
      },
      {},
    )
  })

  test.each([
    [5, [packets.disconnect({ reasonCode: 0x80 })]],
    [4, []],
  ] as const)('no CONNACK in time is a timeout, and the connection is ended, in level %i', (version, goodbye) => {
    for (const [options, time] of [
      [{}, 30_000],
      [{ timeout: 10 }, 10],
    ] as const) {
      scene('', {}, (all) => {
        const fields = { protocolVersion: version, clientId: 'me' }
        all.expectObservable(run(all, fields, options)).toBe(`${time}ms #`, null, error('timeout'))
        const end = goodbye.length > 0 ? '(d|)' : '|'
        all
          .expectSent(all.peer)
          .toBe(`c ${time - 1}ms ${end}`, { c: packets.connect(fields), ...(goodbye[0] && { d: goodbye[0] }) })
        all.expectObservable(all.connection.closed$).toBe(`${time + 2_000}ms |`)
      })
    }
  })

  test('with the answer the clock stops', () => {
    scene('--c', { c: packets.connack() }, (all) => {
      all.expectObservable(run(all, {}, { timeout: 3 })).toBe('--(c|)')
      all.flush()
      // Virtual time stands where the last task was.
      expect(all.now()).toBe(2)
    })
  })

  test.each([0, -1, 1.5, 2_147_483_648, Number.NaN])('a timeout of %p is an invalid option', (timeout) => {
    scene('', {}, ({ connection }) => {
      expect(failure(() => handshake(connection, {}, { timeout }))).toMatchObject({ code: 'invalid-option' })
    })
  })

  test('the connection ends before CONNACK: a clean end is an error too, a broken one is told as it is', () => {
    scene('---|', {}, (all) => {
      all.peer.sink.next = () => undefined
      all.expectObservable(run(all, {})).toBe('---#', null, error('transport'))
    })
    scene('---#', {}, (all) => {
      all.expectObservable(run(all, {})).toBe('---#', null, error('transport'))
    })
    scene('-', {}, (all) => {
      all.does('---x', { x: () => all.connection.destroy(new MqttError('overflow', 'x', { reasonCode: 0x97 })) })
      all.expectObservable(run(all, {})).toBe('---#', null, error('overflow', 0x97))
    })
  })

  test('on a connection that is over nothing is written', () => {
    scene('-', {}, (all) => {
      all.connection.destroy()
      all.expectObservable(run(all, {})).toBe('#', null, error('transport'))
      all.expectSent(all.peer).toBe('#')
    })
  })

  test('a CONNECT that cannot be written is an error, and the connection is as before', () => {
    scene('--c', { c: packets.connack() }, (all) => {
      const will = { topic: 'a/#', payload: '', qos: 0, retain: false } as const
      all.expectObservable(run(all, { clientId: 'me', will })).toBe('#', null, {
        ...error('invalid-packet', 0x82),
      })
      all.expectObservable(run(all, { clientId: 'me' })).toBe('--(c|)')
      all.expectSent(all.peer).toBe('c', { c: packets.connect({ clientId: 'me' }) })
    })
  })

  test('unsubscribing stops it and leaves the connection to its owner', () => {
    scene('-----c', { c: packets.connack() }, (all) => {
      all.expectObservable(run(all, {}), '^--!').toBe('----')
      all.expectSent(all.peer).toBe('c', { c: packets.connect({ clientId: '' }) })
      all.expectReads(all.peer).toBe('^--!')
      all.flush()
      expect(all.now()).toBe(5)
    })
  })

  test('bytes that are no CONNACK: the reason of the connection comes through', () => {
    const publish = encode(4, packets.publish())
    scene('--p', { p: publish }, (all) => {
      all.expectObservable(run(all, {})).toBe('--#', null, protocolError)
    })
  })

  test.each([
    ['MQTT 5 [MQTT-3.2.2-4]', 5],
    ['MQTT 3.1.1 [MQTT-3.2.2-1]', 4],
  ] as const)('%s: a session present that a clean CONNECT had discarded is a protocol error', (_, version) => {
    const fields = (clean: boolean | undefined): ConnectFields => ({ clientId: 'me', protocolVersion: version, clean })
    for (const clean of [true, undefined]) {
      scene('-c', { c: packets.connack({ sessionPresent: true }) }, (all) => {
        all.expectObservable(run(all, fields(clean))).toBe('-#', null, protocolError)
      })
    }
    scene('-c', { c: packets.connack({ sessionPresent: true }) }, (all) => {
      all.expectObservable(run(all, fields(false))).toBe('-(c|)')
    })
  })
})

describe('handshake with enhanced authentication', () => {
  const success = packets.connack({ properties: { authenticationMethod: method, authenticationData: utf8('ok') } })

  test('MQTT 5 [MQTT-4.12.0-3] [MQTT-4.12.0-5]: each AUTH is answered by AUTH 0x18 with the method of CONNECT', () => {
    scene('-1--2--c', { 1: auth('one'), 2: auth('two'), c: success }, (all) => {
      const steps: unknown[] = []
      const authenticate: HandshakeOptions['authenticate'] = (step, connection) => {
        steps.push(step.properties?.authenticationData, connection === all.connection)
        // Whatever it says of reason and method.
        return of({
          reasonCode: 0x00,
          properties: { authenticationMethod: 'other', authenticationData: utf8(`re${steps.length}`) },
        } as const)
      }
      all.expectObservable(run(all, enhanced, { authenticate })).toBe('-------(c|)')
      all.expectSent(all.peer).toBe('c1--2', { c: packets.connect(enhanced), 1: auth('re2'), 2: auth('re4') })
      all.flush()
      expect(steps).toEqual([utf8('one'), true, utf8('two'), true])
    })
  })

  test('an answer may take its time; of several the first counts', () => {
    scene('-1-----c', { 1: auth('one'), c: success }, (all) => {
      const authenticate = () => merge(of({}), NEVER).pipe(delay(3))
      all.expectObservable(run(all, enhanced, { authenticate })).toBe('-------(c|)')
      const answer = packets.auth({ reasonCode: 0x18, properties: { authenticationMethod: method } })
      all.expectSent(all.peer).toBe('c---1', { c: packets.connect(enhanced), 1: answer })
    })
  })

  const wrong: [string, PacketInput, ConnectFields][] = [
    ['[MQTT-4.12.0-5]: an AUTH of another method', auth('x', {}, 'other'), enhanced],
    [
      '[MQTT-4.12.0-5]: an accepting CONNACK of another method',
      packets.connack({ properties: { authenticationMethod: 'N' } }),
      enhanced,
    ],
    ['[MQTT-4.12.0-5]: an accepting CONNACK without the method', packets.connack(), enhanced],
    ['[MQTT-4.12.0-2]: an AUTH 0x19 from the server', auth('x', { reasonCode: 0x19 }), enhanced],
    ['[MQTT-4.12.0-2]: an AUTH 0x00 before CONNACK', auth('x', { reasonCode: 0 }), enhanced],
    ['[MQTT-4.12.0-6]: an AUTH where CONNECT has no method', auth('x'), { clientId: 'me', protocolVersion }],
    ['[MQTT-4.12.0-6]: a method in CONNACK where CONNECT has none', success, { clientId: 'me', protocolVersion }],
  ]
  test.each(wrong)('MQTT 5 %s is a protocol error', (_, packet, fields) => {
    scene('-x', { x: packet }, (all) => {
      const authenticate = () => of({})
      all.expectObservable(run(all, fields, { authenticate })).toBe('-#', null, protocolError)
      all
        .expectSent(all.peer)
        .toBe('c(d|)', { c: packets.connect(fields), d: packets.disconnect({ reasonCode: 0x82 }) })
    })
  })

  test('a refusal needs no method', () => {
    scene('-c', { c: packets.connack({ reasonCode: 0x8c }) }, (all) => {
      all.expectObservable(run(all, enhanced)).toBe('-#', null, error('refused', 0x8c))
    })
  })

  test('a second AUTH before the answer to the first is a protocol error', () => {
    scene('-12', { 1: auth('1'), 2: auth('2') }, (all) => {
      all.expectObservable(run(all, enhanced, { authenticate: () => NEVER })).toBe('--#', null, protocolError)
    })
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('no')
      },
      { error: 'Error', message: 'no' },
      0x80,
    ],
    [
      'throws what is no error',
      () => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- whatever it throws
        throw 'no'
      },
      'no',
      0x80,
    ],
    [
      'errors',
      () => throwError(() => new MqttError('refused', 'no', { reasonCode: 0x97 })),
      error('refused', 0x97),
      0x97,
    ],
    [
      "errors with a server's reason",
      () => throwError(() => new MqttError('refused', 'no', { reasonCode: 0x87 })),
      error('refused', 0x87),
      0x80,
    ],
    ['gives nothing', () => EMPTY, error('invalid-option'), 0x80],
    ['is missing', undefined, error('invalid-packet'), 0x80],
  ] as const)('authenticate %s: its error, and DISCONNECT', (_, authenticate, expected, reasonCode) => {
    scene('-1', { 1: auth('x') }, (all) => {
      const seen: unknown[] = []
      handshake(all.connection, enhanced, { authenticate }).subscribe({ error: (reason: unknown) => seen.push(reason) })
      all.expectSent(all.peer).toBe('c(d|)', { c: packets.connect(enhanced), d: packets.disconnect({ reasonCode }) })
      all.flush()
      expect(flat(seen)).toEqual([expected])
    })
  })

  test('authenticate never answers: the timeout covers it, and its work is unsubscribed', () => {
    scene('-1', { 1: auth('x') }, (all) => {
      const work$ = all.cold('-')
      all
        .expectObservable(run(all, enhanced, { timeout: 5, authenticate: () => work$ }))
        .toBe('-----#', null, error('timeout'))
      all.expectSubscriptions(work$.subscriptions).toBe('-^---!')
    })
  })

  test('the server refuses while authenticate works: the refusal is told at once', () => {
    scene('-1-c', { 1: auth('x'), c: packets.connack({ reasonCode: 0x87 }) }, (all) => {
      const authenticate = () => timer(100).pipe(map(() => ({})))
      all.expectObservable(run(all, enhanced, { authenticate })).toBe('---#', null, error('refused', 0x87))
    })
  })
})
