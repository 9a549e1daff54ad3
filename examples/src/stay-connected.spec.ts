import { backoff, type ConnectFields, MqttError, Session } from '@rxmqtt/core'
import { marbles, packets } from '@rxmqtt/core/testing'
import { defer, EMPTY, NEVER, type Observable, of, startWith, throwError } from 'rxjs'
import { stayConnected } from './stay-connected.js'

const values = { a: packets.connack(), r: packets.connack({ returnCode: 5 }) }
const connect: ConnectFields = { clientId: 'me' }

describe('stayConnected', () => {
  /** The attempts that `delay` is given, and when; of each dial what its server sends, or undefined: nobody is there. */
  function attemptsAt(
    servers: readonly (string | undefined)[],
    work: () => Observable<string>,
    heard: string,
  ): [attempt: number, at: number][] {
    const attempts: [number, number][] = []
    marbles(({ transport, expectObservable, flush, now }) => {
      const wait = backoff({ jitter: 0 })
      const transports = servers.map((server) => server && transport(server, values)).values()
      const dial$ = defer(() => {
        const { value: server } = transports.next()
        if (!server) return throwError(() => new MqttError('transport', 'nobody there'))
        return NEVER.pipe(startWith(server))
      })
      const delay = (error: unknown, attempt: number): Observable<0> => {
        attempts.push([attempt, now()])
        return wait(error, attempt)
      }
      expectObservable(stayConnected(new Session(), { dial$, connect, work, delay }), '^ 12s !').toBe(heard)
      flush()
    })
    return attempts
  }

  it('waits as for the first time after a good connection, though the work emits nothing', () => {
    expect(attemptsAt([undefined, undefined, '3001ms a 498ms #', undefined, '6501ms a'], () => EMPTY, '-')).toEqual([
      [1, 0],
      [2, 1_000],
      [1, 3_500],
      [2, 4_500],
    ])
  })

  it('passes on what the work emits, and nothing else', () => {
    expect(attemptsAt(['-a 498ms #', '1501ms a'], () => of('x', 'y'), '-(xy) 1496ms (xy)')).toEqual([[1, 500]])
  })

  it('waits longer each time while the server refuses', () => {
    expect(attemptsAt(['-r', '1002ms r', '3003ms r', '7004ms a'], () => EMPTY, '-')).toEqual([
      [1, 1],
      [2, 1_002],
      [3, 3_003],
    ])
  })

  it.each([
    [{}, 60],
    [{ keepalive: 10 }, 10],
  ])('%j: sends PINGREQ for a keep-alive of %i seconds', (more, keepalive) => {
    marbles(({ transport, expectObservable, expectSent }) => {
      const server = transport('-a', values)
      const dial$ = NEVER.pipe(startWith(server))
      const online$ = stayConnected(new Session(), { dial$, connect: { ...connect, ...more }, work: () => EMPTY })
      expectObservable(online$, `^ ${keepalive * 750}ms !`).toBe('-')
      const sent = { c: packets.connect({ clientId: 'me', keepalive }), p: packets.pingreq() }
      expectSent(server).toBe(`c ${keepalive * 500}ms p`, sent)
    })
  })

  it('has none where the caller says 0', () => {
    marbles(({ transport, expectObservable, expectSent }) => {
      const server = transport('-a', values)
      const dial$ = NEVER.pipe(startWith(server))
      const session = new Session()
      expectObservable(
        stayConnected(session, { dial$, connect: { ...connect, keepalive: 0 }, work: () => EMPTY }),
        '^ 200s !',
      ).toBe('-')
      expectSent(server).toBe('c', { c: packets.connect({ clientId: 'me', keepalive: 0 }) })
    })
  })

  it("tells an MQTT 5 server the session's limits, whatever else it is told", () => {
    marbles(({ transport, expectObservable, expectSent }) => {
      const server = transport('-a', values)
      const dial$ = NEVER.pipe(startWith(server))
      const session = new Session({ receiveMaximum: 7, topicAliasMaximum: 3 })
      const five: ConnectFields = { ...connect, protocolVersion: 5, properties: { sessionExpiryInterval: 9 } }
      expectObservable(stayConnected(session, { dial$, connect: five, work: () => EMPTY }), '^ 1s !').toBe('-')
      const properties = { sessionExpiryInterval: 9, receiveMaximum: 7, topicAliasMaximum: 3 }
      expectSent(server).toBe('c', { c: packets.connect({ ...five, keepalive: 60, properties }) })
    })
  })
})
