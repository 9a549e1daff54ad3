import {
  concatMap,
  defer,
  delay,
  EMPTY,
  finalize,
  map,
  merge,
  NEVER,
  Observable,
  of,
  type ObservableInput,
  Subject,
  takeUntil,
  tap,
  throwError,
  toArray,
} from 'rxjs'
import { Connection } from '../connection/connection.js'
import { MqttError } from '../errors.js'
import { mergeMapPausing } from '../operators/merge-map-pausing.js'
import type { PacketInput } from '../packet/fields.js'
import { encode, failure } from '../spec-support/codec.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { FakeTransport } from '../testing/fake-transport.js'
import { flat, type MarbleHelpers, marbles } from '../testing/marbles.js'
import { packets } from '../testing/packets.js'
import { join, wire } from '../testing/wire.js'
import { Session } from '../session/session.js'
import type { Transport } from '../transport.js'
import { serve } from './serve.js'
import type { ServeEvent } from './serve-event.js'
import type { ServeOptions } from './serve-options.js'
import type { ServeHandler } from './serve-peer.js'

const unhandled = expectNoUnhandled()

const connect = (fields: object = {}): PacketInput => packets.connect({ protocolVersion: 5, ...fields })
const error = (code: string, reasonCode?: number, returnCode?: number): object => ({ code, reasonCode, returnCode })
const open: ServeOptions = { authorize: () => of({}) }
const idle: ServeHandler = () => EMPTY

/** A server in a marble test: its transports are given by the test. */
interface Scene extends MarbleHelpers {
  readonly transports: Subject<Transport>
  /** What was told: the frame, the type, and what there is besides the connection. */
  readonly events: unknown[][]
  readonly serving: { unsubscribe(): void; closed: boolean }
  /** A client that comes at once and sends what the diagram says; `c` is its CONNECT in MQTT 5, `d` its goodbye. */
  peer(inbound: string, values?: Record<string, PacketInput | Uint8Array>, address?: string): FakeTransport
}

function scene(
  test: (scene: Scene) => void,
  handler: ServeHandler = idle,
  options: Partial<ServeOptions> = {},
  onEvent: (event: ServeEvent) => void = () => undefined,
): void {
  marbles((helpers) => {
    const transports = new Subject<Transport>()
    const events: unknown[][] = []
    const serving = transports.pipe(serve(handler, { ...open, ...options })).subscribe({
      next: (event) => {
        const { type, connect: packet, ...rest } = event
        const { disconnect, error: reason } = { disconnect: undefined, error: undefined, ...rest }
        const facts = [packet?.clientId, disconnect?.reasonCode, ...('error' in event ? [flat(reason)] : [])]
        events.push([helpers.now(), type, ...facts.filter((fact) => fact !== undefined)])
        onEvent(event)
      },
      error: (reason: unknown) => events.push([helpers.now(), 'error', flat(reason)]),
      complete: () => events.push([helpers.now(), 'complete']),
    })
    test({
      ...helpers,
      transports,
      events,
      serving,
      peer: (inbound, values = {}, address = undefined) => {
        const fake = helpers.transport(inbound, { c: connect(), d: packets.disconnect(), ...values })
        Object.assign(fake.info, { remoteAddress: address })
        transports.next(fake)
        return fake
      },
    })
  })
}

const connack = packets.connack()
const disconnect = (reasonCode: number): PacketInput => packets.disconnect({ reasonCode: reasonCode as 0 })

describe('serve', () => {
  test('lets a client in, runs the handler, and tells when it is gone', () => {
    const calls: unknown[] = []
    const handler: ServeHandler = (connection, accepted) => {
      calls.push(connection instanceof Connection, connection.role, accepted.connect.clientId, accepted.connack)
      return EMPTY
    }
    scene(({ peer, events, expectSent, flush }) => {
      const transport = peer('--c---(d|)')
      expectSent(transport).toBe('--a---|', { a: connack })
      flush()
      expect(calls).toEqual([true, 'server', 'client', { reasonCode: 0 }])
      expect(events).toEqual([
        [2, 'opened', 'client'],
        [6, 'closed', 'client', 0],
      ])
    }, handler)
  })

  test('events have the transport, the connection, CONNECT and CONNACK', () => {
    const seen: ServeEvent[] = []
    scene(
      ({ peer, flush }) => {
        const transport = peer('c--(d|)')
        flush()
        const [opened, closed] = seen
        expect(opened).toEqual({
          type: 'opened',
          connection: expect.any(Connection) as Connection,
          connect: expect.objectContaining({ cmd: 'connect', clientId: 'client' }) as object,
          connack: { reasonCode: 0 },
        })
        expect(opened?.connection?.transport).toBe(transport)
        expect(closed).toEqual({
          type: 'closed',
          connection: opened?.connection,
          connect: opened?.connect,
          disconnect: { cmd: 'disconnect', length: 0, reasonCode: 0 },
        })
      },
      idle,
      {},
      (event) => seen.push(event),
    )
  })

  test.each(['one chunk', 'single bytes'])(
    'FAULTS 20: a handler that subscribes when it is called misses nothing that follows CONNECT, from %s',
    (how) => {
      const chunk = join(
        encode(5, connect()),
        encode(5, packets.subscribe()),
        encode(5, packets.publish({ topic: '1' }), packets.publish({ topic: '2' })),
      )
      const seen: string[] = []
      const handler: ServeHandler = ({ subscribe$, publish$ }) =>
        merge(subscribe$, publish$).pipe(tap((packet) => seen.push(packet.cmd === 'publish' ? packet.topic : 's')))
      scene(({ peer, flush, does }) => {
        const transport = peer('-')
        const pieces = how === 'one chunk' ? [chunk] : [...chunk].map((byte) => Uint8Array.of(byte))
        does('-x', { x: () => pieces.forEach((piece) => transport.receive(piece)) })
        flush()
        expect(seen).toEqual(['s', '1', '2'])
      }, handler)
    },
  )

  test('MQTT 5 and 3.1.1 [MQTT-3.12.4-1], FAULTS 19: with nobody subscribed PINGREQ is answered, the close seen', () => {
    for (const protocolVersion of [5, 4] as const) {
      scene(({ peer, events, expectSent, flush }) => {
        const values = { c: connect({ protocolVersion }), p: packets.pingreq(), m: packets.publish() }
        expectSent(peer('c-p-m-p-(d|)', values)).toBe('a-p---p-|', { a: connack, p: packets.pingresp() })
        flush()
        expect(events.map(([at, type]) => [at, type])).toEqual([
          [0, 'opened'],
          [8, 'closed'],
        ])
      })
    }
  })

  test.each([
    ['the keep-alive of CONNECT', {}, {}, 3_000],
    [
      'the Server Keep Alive that authorize gave',
      { authorize: () => of({ properties: { serverKeepAlive: 4 } }) },
      {},
      6_000,
    ],
    ['maximumKeepAlive', { maximumKeepAlive: 1 }, { serverKeepAlive: 1 }, 1_500],
  ] as const)(
    'MQTT 5 [MQTT-3.1.2-22] [MQTT-3.2.2-21], FAULTS 19: %s is enforced with nobody subscribed',
    (_, options, told, time) => {
      scene(
        ({ peer, events, expectSent, flush }) => {
          const properties = 'authorize' in options ? { serverKeepAlive: 4 } : told
          const transport = peer('c', { c: connect({ keepalive: 2 }) })
          expectSent(transport).toBe(`a ${time - 1}ms (d|)`, {
            a: packets.connack({ properties }),
            d: disconnect(0x8d),
          })
          flush()
          expect(events).toEqual([
            [0, 'opened', 'client'],
            [time + 2_000, 'closed', 'client', error('timeout', 0x8d)],
          ])
        },
        idle,
        options,
      )
    },
  )

  test('MQTT 5 [MQTT-3.1.2-22]: any packet of the client counts for its keep-alive', () => {
    scene(({ peer, events, expectSent, flush }) => {
      const values = { c: connect({ keepalive: 2 }), m: packets.publish(), p: packets.pingreq() }
      const sent = { a: connack, p: packets.pingresp(), d: disconnect(0x8d) }
      expectSent(peer('c 2s m 2s p', values)).toBe('a 4001ms p 2999ms (d|)', sent)
      flush()
      expect(events).toEqual([
        [0, 'opened', 'client'],
        [9_002, 'closed', 'client', error('timeout', 0x8d)],
      ])
    })
  })

  test('what the handler emits is ignored, and its completion changes nothing', () => {
    scene(
      ({ peer, events, expectSent, flush }) => {
        expectSent(peer('c--p-', { p: packets.pingreq() })).toBe('a--p', { a: connack, p: packets.pingresp() })
        flush()
        expect(events).toEqual([[0, 'opened', 'client']])
      },
      () => of(1, 2, 3),
    )
  })

  test('the handler is unsubscribed when the connection is over, after its streams have completed', () => {
    const seen: unknown[] = []
    const handler: ServeHandler = (connection) =>
      merge(
        connection.publish$.pipe(
          toArray(),
          tap((all) => seen.push(all.length)),
        ),
        NEVER,
      ).pipe(finalize(() => seen.push('unsubscribed')))
    scene(({ peer, flush }) => {
      peer('c-mm-(d|)', { m: packets.publish() })
      flush()
      expect(seen).toEqual([2, 'unsubscribed'])
    }, handler)
  })

  test('a slow handler that pauses gets what its client left behind', () => {
    const seen: string[] = []
    const work = ({ topic }: { topic: string }): Observable<string> => {
      seen.push(topic)
      return of(topic).pipe(delay(10))
    }
    const handler: ServeHandler = (connection) =>
      connection.publish$.pipe(mergeMapPausing(connection, work, { capacity: 1 }))
    scene(({ peer, events, flush, does }) => {
      const chunk = encode(5, ...['1', '2', '3', '4'].map((topic) => packets.publish({ topic })))
      const transport = peer('c-m', { m: chunk })
      does('---x', { x: () => transport.close() })
      flush()
      expect(seen).toEqual(['1', '2', '3', '4'])
      expect(events.at(-1)?.slice(1)).toEqual(['closed', 'client'])
    }, handler)
  })

  test('but not for ever: what is never read is dropped after pauseTimeout', () => {
    const handler: ServeHandler = (connection) => {
      connection.pause()
      return NEVER
    }
    scene(
      ({ peer, events, flush, does }) => {
        const transport = peer('c-m', { m: packets.publish() })
        does('---x', { x: () => transport.close() })
        flush()
        expect(events).toEqual([
          [0, 'opened', 'client'],
          [5_003, 'closed', 'client'],
        ])
      },
      handler,
      { connection: { pauseTimeout: 5_000 } },
    )
  })

  test('MQTT 5 [MQTT-4.12.0-7]: AUTH where CONNECT has no method is a protocol error', () => {
    for (const options of [{}, { authenticate: () => of({}) }]) {
      scene(
        ({ peer, events, expectSent, flush }) => {
          const auth = packets.auth({ reasonCode: 0x19, properties: { authenticationMethod: 'M' } })
          expectSent(peer('c-x', { x: auth })).toBe('a-(d|)', { a: connack, d: disconnect(0x82) })
          flush()
          expect(events.at(-1)).toEqual([2_002, 'closed', 'client', error('protocol-error', 0x82)])
        },
        idle,
        options,
      )
    }
  })

  test('with authenticate, clients authenticate and authenticate again', () => {
    const properties = { authenticationMethod: 'M' }
    const steps: number[] = []
    const authenticate: ServeOptions['authenticate'] = ({ reasonCode }) => {
      steps.push(reasonCode)
      return reasonCode === 0x18 ? throwError(() => new MqttError('refused', 'no', { reasonCode: 0x87 })) : of({})
    }
    scene(
      ({ peer, events, expectSent, flush }) => {
        const again = packets.auth({ reasonCode: 0x19, properties })
        const stray = packets.auth({ reasonCode: 0x18, properties })
        const values = { c: connect({ properties }), r: again, s: stray }
        expectSent(peer('c-r-r-s', values)).toBe('a-o-o-(d|)', {
          a: packets.connack({ properties }),
          o: packets.auth({ properties }),
          d: disconnect(0x82),
        })
        flush()
        expect(steps).toEqual([0x00, 0x19, 0x19])
        expect(events.at(-1)?.slice(1)).toEqual(['closed', 'client', error('protocol-error', 0x82)])
      },
      idle,
      { authenticate },
    )
  })
})

describe('serve: who is not let in', () => {
  test.each([
    ['refused', () => of({ reasonCode: 0x87 } as const), error('refused', 0x87), 0x87],
    ['errors', () => throwError(() => new Error('no')), { error: 'Error', message: 'no' }, 0x80],
  ] as const)('authorize %s: a refused event, and nothing after it', (_, authorize, reason, reasonCode) => {
    scene(
      ({ peer, events, expectSent, flush }) => {
        expectSent(peer('-c')).toBe('-(r|)', { r: packets.connack({ reasonCode }) })
        flush()
        expect(events).toEqual([[1, 'refused', 'client', reason]])
      },
      () => {
        throw new Error('called')
      },
      { authorize },
    )
  })

  test('FAULTS 4: no CONNECT, or part of one, in connectTimeout: the transport is destroyed', () => {
    for (const [options, time] of [
      [{}, 10_000],
      [{ connectTimeout: 700 }, 700],
    ] as const) {
      scene(
        ({ peer, events, expectSent, flush }) => {
          expectSent(peer('-')).toBe(`${time}ms #`)
          expectSent(peer('p', { p: wire('10 0e 0004 "MQ"') })).toBe(`${time}ms #`)
          flush()
          expect(events).toEqual([
            [time, 'refused', error('timeout')],
            [time, 'refused', error('timeout')],
          ])
        },
        idle,
        options,
      )
    }
  })

  test('authorize never answers: a refused event after connectTimeout', () => {
    scene(
      ({ peer, events, expectSent, flush }) => {
        expectSent(peer('c')).toBe('700ms (r|)', { r: packets.connack({ reasonCode: 0x88 }) })
        flush()
        expect(events).toEqual([[700, 'refused', 'client', error('timeout', 0x88, 3)]])
      },
      idle,
      { authorize: () => NEVER, connectTimeout: 700 },
    )
  })

  test('the event has the transport, the connection and CONNECT', () => {
    const seen: ServeEvent[] = []
    scene(
      ({ peer, flush }) => {
        const transport = peer('c', { c: connect({ clientId: '' }) })
        flush()
        expect(seen).toEqual([
          {
            type: 'refused',
            transport,
            connection: expect.any(Connection) as Connection,
            connect: expect.objectContaining({ clientId: 'x' }) as object,
            error: expect.any(MqttError) as MqttError,
          },
        ])
      },
      idle,
      { authorize: () => of({ reasonCode: 0x87 }), assignClientId: () => 'x' },
      (event) => seen.push(event),
    )
  })

  const refused = [0, 'refused', error('overflow')]

  test('a peer over maximumPeers is destroyed without being read, until another one is gone', () => {
    scene(
      ({ peer, events, expectSent, expectReads, flush, does }) => {
        peer('c----(d|)')
        peer('c')
        const third = peer('c')
        expectSent(third).toBe('#')
        expectReads(third).toBe()
        does('--------x', { x: () => peer('-').receive(connect({ clientId: 'fourth' })) })
        flush()
        expect(events).toEqual([
          refused,
          [0, 'opened', 'client'],
          [0, 'opened', 'client'],
          [5, 'closed', 'client', 0],
          [8, 'opened', 'fourth'],
        ])
      },
      idle,
      { maximumPeers: 2 },
    )
  })

  test('a peer counts until its goodbye is over', () => {
    scene(
      ({ peer, events, flush, does }) => {
        peer('c')
        does('1s x 999ms y', { x: () => peer('c'), y: () => peer('c', { c: connect({ clientId: 'next' }) }) })
        flush()
        expect(events.map(([at, type]) => [at, type])).toEqual([
          [0, 'refused'],
          [1_000, 'refused'],
          [2_000, 'refused'],
        ])
      },
      idle,
      { maximumPeers: 1, authorize: () => of({ reasonCode: 0x87 }) },
    )
  })

  test('maximumHalfOpen counts who is not decided about', () => {
    scene(
      ({ peer, events, flush, does }) => {
        peer('--c')
        peer('-c')
        peer('-')
        does('---x', { x: () => peer('-').receive(connect({ clientId: 'late' })) })
        flush()
        expect(events.slice(0, 4)).toEqual([
          refused,
          [1, 'opened', 'client'],
          [2, 'opened', 'client'],
          [3, 'opened', 'late'],
        ])
      },
      idle,
      { maximumHalfOpen: 2 },
    )
  })

  test('nor who was refused, while its goodbye is under way', () => {
    scene(
      ({ peer, events, flush, does }) => {
        peer('c')
        does('-x', { x: () => peer('-').receive(connect({ clientId: 'next' })) })
        flush()
        expect(events).toEqual([
          [0, 'refused', 'client', error('refused', 0x87)],
          [1, 'opened', 'next'],
        ])
      },
      idle,
      {
        maximumHalfOpen: 1,
        authorize: ({ clientId }) => of(clientId === 'next' ? {} : ({ reasonCode: 0x87 } as const)),
      },
    )
  })

  test('who never said CONNECT is forgotten', () => {
    scene(({ peer, events, transports, flush }) => {
      peer('-#')
      peer('-')
      transports.complete()
      flush()
      expect(events).toEqual([
        [1, 'refused', error('transport')],
        [10_000, 'refused', error('timeout')],
        [10_000, 'complete'],
      ])
    })
  })

  test('maximumPerAddress counts each address; who has none is not counted', () => {
    scene(
      ({ peer, events, flush, does }) => {
        for (const address of ['a', 'a', 'b', undefined, undefined]) peer('c-(d|)', {}, address)
        does('---x', { x: () => peer('-', {}, 'a').receive(connect()) })
        flush()
        expect(events.map(([at, type]) => `${String(at)} ${String(type)}`)).toEqual([
          '0 refused',
          ...Array<string>(4).fill('0 opened'),
          ...Array<string>(4).fill('2 closed'),
          '3 opened',
        ])
      },
      idle,
      { maximumPerAddress: 1 },
    )
  })

  test.each([
    { connectTimeout: 0 },
    { maximumPeers: 0 },
    { maximumHalfOpen: 1.5 },
    { maximumPerAddress: Number.NaN },
    { maximumKeepAlive: 65_536 },
    { connection: { drainTimeout: -1 } },
    { authorize: undefined as never },
  ])('%j is an invalid option', (options) => {
    expect(failure(() => serve(idle, { ...open, ...options }))).toMatchObject({ code: 'invalid-option' })
  })

  test('so is a handler that is no function', () => {
    expect(failure(() => serve(undefined as never, open))).toMatchObject({ code: 'invalid-option' })
  })
})

describe('serve, FAULTS 18: a handler that fails', () => {
  const no = new Error('no')
  const flatNo = { error: 'Error', message: 'no' }
  const thrower = (what: unknown) => (): never => {
    throw what
  }
  const fails: [string, ServeHandler, number, unknown, number][] = [
    ['throws', thrower(no), 0, flatNo, 0x80],
    ['throws undefined', thrower(undefined), 0, undefined, 0x80],
    ['throws a string', thrower('no'), 0, 'no', 0x80],
    ['returns what is no Observable', () => undefined as never, 0, expect.anything(), 0x80],
    ['errors at once', () => throwError(() => no), 0, flatNo, 0x80],
    ['errors in an operator', ({ publish$ }) => publish$.pipe(map(thrower(no))), 2, flatNo, 0x80],
    ['errors in a tap', ({ packets$ }) => packets$.pipe(tap(thrower(null))), 2, null, 0x80],
    ['errors later', () => of(1).pipe(delay(2), concatMap(thrower(no))), 2, flatNo, 0x80],
    ['errors in its subscribe function', () => new Observable<never>(thrower(no)), 0, flatNo, 0x80],
    [
      'errors with a reason of DISCONNECT',
      () => throwError(() => new MqttError('overflow', 'x', { reasonCode: 0x97 })),
      0,
      error('overflow', 0x97),
      0x97,
    ],
    [
      'errors with another reason',
      () => throwError(() => new MqttError('store', 'x', { reasonCode: 0x86 })),
      0,
      error('store', 0x86),
      0x80,
    ],
    [
      'writes a bad packet',
      (connection) => defer(() => of(connection.publish({ topic: '#' }))),
      0,
      error('invalid-packet', 0x82),
      0x80,
    ],
  ]
  test.each(fails)(
    '%s: its own connection ends with the right DISCONNECT, others go on',
    (_, handler, at, reason, code) => {
      const both: ServeHandler = (connection, accepted) =>
        accepted.connect.clientId === 'bad' ? handler(connection, accepted) : connection.publish$
      scene(({ peer, events, expectSent, flush }) => {
        const bad = peer('c-m', { c: connect({ clientId: 'bad' }), m: packets.publish() })
        const good = peer('c-m-p', { c: connect({ clientId: 'good' }), m: packets.publish(), p: packets.pingreq() })
        expectSent(bad).toBe(at === 0 ? '(ad|)' : 'a-(d|)', { a: connack, d: disconnect(code) })
        expectSent(good).toBe('a---p', { a: connack, p: packets.pingresp() })
        flush()
        expect(events.filter(([, , id]) => id === 'bad')).toEqual([
          [0, 'opened', 'bad'],
          reason === undefined ? [at, 'failed', 'bad'] : [at, 'failed', 'bad', reason],
          [at + 2_000, 'closed', 'bad', ...(reason === undefined || reason === null ? [] : [reason])],
        ])
        expect(events.filter(([, , id]) => id === 'good')).toEqual([[0, 'opened', 'good']])
      }, both)
    },
  )

  test('an MQTT 3.1.1 client is told nothing, and its connection ends', () => {
    scene(({ peer, expectSent }) => {
      expectSent(peer('c', { c: packets.connect() })).toBe('(a|)', { a: connack })
    }, thrower(no))
  })

  test('a promise that rejects', async () => {
    const events: unknown[] = []
    const [near] = served(
      () => Promise.reject(no),
      (event) => events.push(event),
    )
    near.receive(connect())
    await settle()
    expect(events).toEqual([
      expect.objectContaining({ type: 'opened' }),
      expect.objectContaining({ type: 'failed', error: no }),
    ])
    near.receiveEnd()
    await settle()
    expect(events.at(-1)).toMatchObject({ type: 'closed' })
  })

  test('a subscribe of its own that throws is reported by RxJS, and the stream goes on', async () => {
    const seen: string[] = []
    const [near] = served((connection) => {
      connection.publish$.subscribe(({ topic }) => {
        seen.push(topic)
        throw no
      })
      return connection.publish$.pipe(tap(({ topic }) => seen.push(`${topic}!`)))
    })
    near.receive(connect())
    near.receive(packets.publish({ topic: '1' }))
    near.receive(packets.publish({ topic: '2' }))
    await settle()
    expect(seen).toEqual(['1', '1!', '2', '2!'])
    expect(await unhandled()).toEqual([no, no])
    near.receive(packets.disconnect())
    near.receiveEnd()
    await settle()
  })

  test('with a Session: what the client did wrong to it is why it failed, and why it is closed', () => {
    const handler: ServeHandler = (connection, accepted) => new Session().attach(connection, accepted)
    scene(({ peer, events, expectSent, flush }) => {
      expectSent(peer('c-m', { m: packets.puback() })).toBe('a-(d|)', { a: connack, d: disconnect(0x82) })
      flush()
      expect(events).toEqual([
        [0, 'opened', 'client'],
        [2, 'failed', 'client', error('protocol-error', 0x82)],
        [2_002, 'closed', 'client', error('protocol-error', 0x82)],
      ])
    }, handler)
  })

  test('that errors as the connection does is no failure', () => {
    const handler: ServeHandler = (connection) => connection.closed$
    scene(({ peer, events, flush }) => {
      peer('c-#')
      flush()
      expect(events).toEqual([
        [0, 'opened', 'client'],
        [2, 'closed', 'client', error('transport')],
      ])
    }, handler)
  })

  test('that errors when its client says goodbye fails too, and nothing more is said', () => {
    const handler: ServeHandler = ({ disconnect$ }) => disconnect$.pipe(map(thrower(no)))
    scene(({ peer, events, expectSent, flush }) => {
      expectSent(peer('c-(d|)')).toBe('a-|', { a: connack })
      flush()
      expect(events.map(([at, type]) => [at, type])).toEqual([
        [0, 'opened'],
        [2, 'failed'],
        [2, 'closed'],
      ])
    }, handler)
  })

  test('whose teardown throws fails when the connection is over', () => {
    const handler: ServeHandler = () => NEVER.pipe(finalize(thrower(no)))
    scene(({ peer, events, flush }) => {
      peer('c-(d|)')
      flush()
      expect(events.map(([at, type]) => [at, type])).toEqual([
        [0, 'opened'],
        [2, 'failed'],
        [2, 'closed'],
      ])
      // The connection had ended cleanly.
      expect(events.at(-1)).toEqual([2, 'closed', 'client', 0])
    }, handler)
  })

  test('a subscriber of the events that throws stops no peer', async () => {
    const [near, sent] = served(idle, () => {
      throw no
    })
    near.receive(connect())
    near.receive(packets.pingreq())
    await settle()
    expect(sent).toEqual(['connack', 'pingresp'])
    expect(await unhandled()).toEqual([no])
    near.receive(packets.disconnect())
    near.receiveEnd()
    await settle()
    expect(await unhandled()).toEqual([no])
  })
})

describe('serve, FAULTS 22: nobody has an error handler', () => {
  test('no failure of a connection is an uncaught exception', async () => {
    for (const end of [
      (near: FakeTransport) => near.receive(wire('ff ff ff ff ff')),
      (near: FakeTransport) => near.receiveEnd(new MqttError('transport', 'reset')),
      (near: FakeTransport) => near.receive(packets.connect({ protocolVersion: 5 })),
      (near: FakeTransport) => near.close(),
    ]) {
      const [near] = served(({ publish$ }) => {
        publish$.subscribe()
        return publish$
      })
      near.receive(connect())
      await settle()
      end(near)
      await settle()
      near.close()
      await settle()
    }
    expect(await unhandled()).toEqual([])
  })
})

describe('serve: how it ends', () => {
  test('the source completes: peers go on, and it completes when the last one is gone', () => {
    scene(({ peer, events, transports, flush, does }) => {
      peer('c--(d|)')
      peer('c-------(d|)')
      does('-x', { x: () => transports.complete() })
      flush()
      expect(events.slice(2)).toEqual([
        [3, 'closed', 'client', 0],
        [8, 'closed', 'client', 0],
        [8, 'complete'],
      ])
    })
  })

  test('with no peer it completes at once', () => {
    marbles(({ cold, expectObservable }) => {
      expectObservable(cold<Transport>('--|').pipe(serve(idle, open))).toBe('--|')
      expectObservable(EMPTY.pipe(serve(idle, open))).toBe('|')
      expectObservable(NEVER.pipe(serve(idle, open))).toBe('-')
    })
  })

  test('after a peer that was refused too, when its goodbye is over', () => {
    scene(
      ({ peer, events, transports, flush }) => {
        peer('c')
        transports.complete()
        flush()
        expect(events).toEqual([
          [0, 'refused', 'client', error('refused', 0x87)],
          [2_000, 'complete'],
        ])
      },
      idle,
      { authorize: () => of({ reasonCode: 0x87 }) },
    )
  })

  test('takeUntil before it is a graceful stop', () => {
    marbles(({ transport, cold, expectObservable, hot }) => {
      const peer = transport('c----(d|)', { c: connect(), d: packets.disconnect() })
      const stop$ = hot('--s')
      const transports$ = cold<Transport>('a-b', { a: peer, b: transport('c', { c: connect() }) })
      const listening$ = transports$.pipe(takeUntil(stop$))
      const types$ = listening$.pipe(
        serve(idle, open),
        map(({ type }) => type[0]!),
      )
      expectObservable(types$).toBe('o----(c|)')
    })
  })

  test('unsubscribing says goodbye to MQTT 5 clients, ends all, unsubscribes handlers and leaves nothing', () => {
    const ended: string[] = []
    const handler: ServeHandler = (_, { connect: { clientId } }) => NEVER.pipe(finalize(() => ended.push(clientId)))
    scene(
      ({ peer, events, serving, expectSent, flush, does, now }) => {
        const five = peer('c')
        const four = peer('c', { c: packets.connect({ clientId: 'four' }) })
        const waiting = peer('-')
        const asking = peer('c', { c: connect({ clientId: 'ask' }) })
        const refusedOne = peer('--c', { c: connect({ clientId: 'no' }) })
        does('---x', { x: () => serving.unsubscribe() })
        expectSent(five).toBe('a--(d|)', { a: connack, d: disconnect(0x8b) })
        expectSent(four).toBe('a--|', { a: connack })
        expectSent(waiting).toBe('---#')
        expectSent(asking).toBe('---(r|)', { r: packets.connack({ reasonCode: 0x88 }) })
        expectSent(refusedOne).toBe('--(r|)', { r: packets.connack({ reasonCode: 0x87 }) })
        const closed: number[] = []
        for (const each of [five, four, waiting, asking, refusedOne]) {
          each.closed$.subscribe({ error: () => closed.push(now()), complete: () => closed.push(now()) })
        }
        flush()
        expect(ended).toEqual(['client', 'four'])
        expect(events.map(([at, type]) => [at, type])).toEqual([
          [0, 'opened'],
          [0, 'opened'],
          [2, 'refused'],
        ])
        // The goodbyes are bounded by drainTimeout, and no timer is left after them.
        expect(closed).toEqual([3, 2_002, 2_003, 2_003, 2_003])
        expect(now()).toBe(2_003)
      },
      handler,
      {
        authorize: ({ clientId }) => {
          if (clientId === 'no') return of({ reasonCode: 0x87 })
          return clientId === 'ask' ? NEVER : of({})
        },
      },
    )
  })

  test('that is bounded by drainTimeout', () => {
    scene(
      ({ peer, serving, flush, does, now }) => {
        const transport = peer('c')
        let closedAt = -1
        transport.closed$.subscribe({ complete: () => (closedAt = now()) })
        does('---x', { x: () => serving.unsubscribe() })
        flush()
        expect(closedAt).toBe(73)
        expect(now()).toBe(73)
      },
      idle,
      { connection: { drainTimeout: 70 } },
    )
  })

  test('handlers may still write while they are unsubscribed', () => {
    const handler: ServeHandler = (connection) => NEVER.pipe(finalize(() => connection.publish({ topic: 'bye' })))
    scene(({ peer, serving, expectSent, does }) => {
      const transport = peer('c')
      does('-x', { x: () => serving.unsubscribe() })
      expectSent(transport).toBe('a(md|)', { a: connack, m: packets.publish({ topic: 'bye' }), d: disconnect(0x8b) })
    }, handler)
  })

  test('a teardown that throws keeps no other peer from its goodbye', () => {
    const handler: ServeHandler = () =>
      NEVER.pipe(
        finalize(() => {
          throw new Error('no')
        }),
      )
    scene(({ peer, serving, expectSent, does, flush }) => {
      const first = peer('c')
      const second = peer('c')
      const seen: unknown[] = []
      does('-x', {
        x: () => {
          try {
            serving.unsubscribe()
          } catch (reason) {
            seen.push((reason as Error).name)
          }
        },
      })
      expectSent(first).toBe('a(d|)', { a: connack, d: disconnect(0x8b) })
      expectSent(second).toBe('a(d|)', { a: connack, d: disconnect(0x8b) })
      flush()
      expect(seen).toEqual(['UnsubscriptionError'])
    }, handler)
  })

  test('unsubscribing inside an event', () => {
    const called: string[] = []
    let stop = (): void => undefined
    scene(
      ({ peer, serving, expectSent, flush }) => {
        stop = () => serving.unsubscribe()
        expectSent(peer('-c')).toBe('-(ad|)', { a: connack, d: disconnect(0x8b) })
        flush()
        expect(called).toEqual([])
      },
      () => {
        called.push('handler')
        return EMPTY
      },
      {},
      () => stop(),
    )
  })

  test('unsubscribing inside the handler unsubscribes the handler too', () => {
    const seen: string[] = []
    let stop = (): void => undefined
    const handler: ServeHandler = () =>
      new Observable((subscriber) => {
        subscriber.add(() => seen.push('unsubscribed'))
        stop()
      })
    scene(({ peer, serving, expectSent, flush }) => {
      stop = () => serving.unsubscribe()
      expectSent(peer('-c')).toBe('-(ad|)', { a: connack, d: disconnect(0x8b) })
      flush()
      expect(seen).toEqual(['unsubscribed'])
    }, handler)
  })

  test('an error of the source is passed on, and peers are said goodbye to', () => {
    scene(({ peer, events, transports, expectSent, flush, does }) => {
      const transport = peer('c')
      does('--x', { x: () => transports.error(new MqttError('transport', 'EMFILE')) })
      expectSent(transport).toBe('a-(d|)', { a: connack, d: disconnect(0x8b) })
      flush()
      expect(events).toEqual([
        [0, 'opened', 'client'],
        [2, 'error', error('transport')],
      ])
    })
  })

  test('each subscription is a server of its own', () => {
    marbles(({ transport, cold, expectObservable }) => {
      const server = serve(idle, { ...open, maximumPeers: 1 })
      const one = (): Observable<string> =>
        cold<Transport>('a', { a: transport('c', { c: connect() }) }).pipe(
          server,
          map(({ type }) => type[0]!),
        )
      expectObservable(one()).toBe('o')
      expectObservable(one()).toBe('o')
    })
  })
})

/** A server with one client, in real time. */
function served(
  handler: (...args: Parameters<ServeHandler>) => ObservableInput<unknown>,
  next: (event: ServeEvent) => void = () => undefined,
): [FakeTransport, string[]] {
  const transport = new FakeTransport()
  const sent: string[] = []
  transport.sentPackets$.subscribe({ next: ({ cmd }) => sent.push(cmd), error: () => undefined })
  of<Transport>(transport).pipe(serve(handler, open)).subscribe({ next })
  return [transport, sent]
}

function settle(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 5)
  })
}
