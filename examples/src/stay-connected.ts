// #region client
import {
  backoff,
  Connection,
  type ConnackPacket,
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
  EMPTY,
  endWith,
  map,
  merge,
  mergeMap,
  NEVER,
  type Observable,
  retry,
  startWith,
  switchMap,
  take,
  takeUntil,
  throwError,
} from 'rxjs'

export interface StayConnectedOptions<T> {
  readonly dial$: Observable<Transport>
  /** Gets a keep-alive of 60 s where it names none, and in MQTT 5 the session's limits. */
  readonly connect: ConnectFields
  /** What to do on each connection, such as subscribing; an error of it is a reason to dial again. */
  readonly work: (connack: ConnackPacket) => Observable<T>
  /** Says goodbye, then completes. @default never */
  readonly stop$?: Observable<unknown> | undefined
  /** When to dial again, and the place to tell why. @default backoff() */
  readonly delay?: ((error: unknown, attempt: number) => Observable<unknown>) | undefined
}

/** Keeps a session connected: where a connection can't be opened, breaks, or is ended by the server, it dials again. */
export function stayConnected<T>(session: Session, options: StayConnectedOptions<T>): Observable<T> {
  const { dial$, work, stop$ = NEVER, delay = backoff() } = options
  const connect = connectFields(session, options.connect)
  return defer(() => {
    let connection: Connection | undefined
    const converse = (current: Connection): Observable<T[]> =>
      handshake(current, connect).pipe(
        switchMap((connack) => {
          const accepted = { connect, connack }
          return merge(
            session.attach(current, accepted),
            keepAlive(current, keepAliveOf(accepted)),
            work(connack).pipe(
              map((value) => [value]),
              // Only what is emitted resets `retry`, and the work may emit nothing.
              startWith([]),
            ),
            current.closed$,
          )
        }),
      )
    const goodbye$ = defer(() => {
      connection?.disconnect()
      return connection?.closed$ ?? EMPTY
    })
    return dial$.pipe(
      switchMap((transport) => {
        connection = new Connection(transport, { role: 'client' })
        return concat(
          converse(connection),
          throwError(() => new MqttError('transport', 'the server ended the connection')),
        )
      }),
      retry({ delay, resetOnSuccess: true }),
      mergeMap((values) => values),
      takeUntil(
        stop$.pipe(
          take(1),
          switchMap(() =>
            goodbye$.pipe(
              catchError(() => EMPTY),
              endWith(true),
            ),
          ),
        ),
      ),
    )
  })
}

function connectFields({ properties }: Session, connect: ConnectFields): ConnectFields {
  const { keepalive = 60, protocolVersion } = connect
  if (protocolVersion !== 5) return { ...connect, keepalive }
  return { ...connect, keepalive, properties: { ...connect.properties, ...properties } }
}
// #endregion
