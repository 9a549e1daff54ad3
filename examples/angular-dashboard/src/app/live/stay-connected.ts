import {
  backoff,
  Connection,
  type ConnectFields,
  handshake,
  keepAlive,
  keepAliveOf,
  MqttError,
  type Session,
  type Transport,
} from '@rxmqtt/core'
import {
  catchError,
  concat,
  defer,
  ignoreElements,
  merge,
  mergeMap,
  NEVER,
  type Observable,
  of,
  race,
  retry,
  startWith,
  switchMap,
  takeUntil,
  tap,
  throwError,
} from 'rxjs'
import { type Problem, problemOf } from './problem.js'

export type ConnectionState =
  | { readonly type: 'stopped' }
  | { readonly type: 'connecting' }
  | { readonly type: 'connected' }
  /** `within`: seconds to the next attempt at most; undefined: it waits for the network, or for somebody to do something. */
  | { readonly type: 'waiting'; readonly problem: Problem; readonly within: number | undefined }

export interface StayConnectedOptions {
  readonly dial$: Observable<Transport>
  readonly connect: ConnectFields
  /** What to do on each connection, beside taking messages. */
  readonly work$: Observable<unknown>
  /** What to do beside each connection from its first packet to its last, which is only looked at. */
  readonly tap: (connection: Connection) => Observable<unknown>
  readonly isOnline: () => boolean
  /** The network came and went. */
  readonly online$: Observable<unknown>
  readonly offline$: Observable<unknown>
  /** Don't wait any longer. */
  readonly retryNow$: Observable<unknown>
  /** Says goodbye, then completes. */
  readonly stop$: Observable<unknown>
}

/** Milliseconds from CONNECT to CONNACK. */
const patience = 5_000
const jitter = 0.25
const delays = { initial: 500, factor: 2, maximum: 8_000, jitter }
const backingOff = backoff(delays)

/** Keeps a session connected, and tells how that goes. */
export function stayConnected(session: Session, options: StayConnectedOptions): Observable<ConnectionState> {
  const { dial$, isOnline, online$, offline$, retryNow$, stop$ } = options
  return defer(() => {
    let failures = 0
    let connection: Connection | undefined
    let problem: Problem | undefined

    const attempt$ = defer(() => {
      connection = undefined
      const cut$ = offline$.pipe(mergeMap(() => throwError(() => new MqttError('transport', 'the network is gone'))))
      return merge(dial$, cut$)
    }).pipe(
      switchMap((transport) => {
        connection = new Connection(transport, { role: 'client' })
        return merge(options.tap(connection).pipe(ignoreElements()), converse(session, connection, options))
      }),
      tap(() => {
        failures = 0
      }),
      startWith<ConnectionState>({ type: 'connecting' }),
      catchError((error: unknown) => {
        failures++
        problem = problemOf(error, { wasOpen: connection !== undefined, isOnline: isOnline() })
        const isTimed = !problem.isFinal && problem.kind !== 'offline'
        const waiting = { type: 'waiting', problem, within: isTimed ? longestDelay(failures) : undefined } as const
        return concat(
          of<ConnectionState>(waiting),
          throwError(() => error),
        )
      }),
    )
    const delay = (error: unknown): Observable<unknown> => {
      if (problem?.isFinal) return retryNow$
      const passed$ = problem?.kind === 'offline' ? NEVER : backingOff(error, failures)
      return race(passed$, online$, retryNow$)
    }
    return attempt$.pipe(retry({ delay }), takeUntil(stop$.pipe(tap(() => connection?.disconnect()))))
  })
}

/** From CONNECT to the end, which is always an error. */
function converse(
  session: Session,
  connection: Connection,
  options: StayConnectedOptions,
): Observable<ConnectionState> {
  const { connect, work$ } = options
  return handshake(connection, connect, { timeout: patience }).pipe(
    switchMap((connack) => {
      const accepted = { connect, connack }
      const over$ = throwError(() => new MqttError('transport', 'The server closed the connection.'))
      return merge(
        of<ConnectionState>({ type: 'connected' }),
        session.attach(connection, accepted),
        keepAlive(connection, keepAliveOf(accepted), { timeout: patience }),
        work$.pipe(ignoreElements()),
        concat(connection.closed$, over$),
      )
    }),
  )
}

/** Seconds that `backoff` takes at most before an attempt. */
function longestDelay(failures: number): number {
  const { initial, factor, maximum } = delays
  const nominal = Math.min(initial * factor ** (failures - 1), maximum / (1 + 3 * jitter))
  return Math.ceil((nominal * (1 + 3 * jitter)) / 1_000)
}
