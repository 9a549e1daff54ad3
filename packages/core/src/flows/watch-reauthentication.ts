import { catchError, exhaustMap, ignoreElements, type Observable, tap, throwError, timeout } from 'rxjs'
import { checkOption, checkTime } from '../codec/limits.js'
import type { Connection } from '../connection/connection.js'
import { MqttError } from '../errors.js'
import { ReasonCode } from '../packet/reason-code.js'
import { type Authenticate, authenticated, type Authenticating, checkStep, writeAuth } from './authentication.js'
import { leave } from '../connection/leave.js'

/** How long a client may take to prove anew who it is. */
export interface WatchReauthenticationOptions {
  /**
   * Milliseconds from AUTH 0x19 to the end of the exchange.
   *
   * @default 10,000
   */
  readonly timeout?: number | undefined
}

/**
 * Lets a client prove anew who it is, as its server: each AUTH 0x19 of the method of CONNECT [MQTT-4.12.1-1] is given
 * to `authenticate`, which may ask further, and answered by AUTH 0x00. The connection is read for it; it is paused
 * while `authenticate` works. Emits nothing; completes when the connection is over.
 *
 * Errors with what `authenticate` throws or errors with, `'protocol-error'` for an AUTH out of place, and `'timeout'`,
 * reason 0x87; the connection has then been ended, with DISCONNECT [MQTT-4.12.1-2].
 *
 * @throws MqttError `'invalid-option'`
 * @example
 * ```ts
 * accept(connection, authorize, { authenticate }).pipe(
 *   switchMap(({ connect }) => merge(watchReauthentication(connection, connect, authenticate), handle(connection))),
 * )
 * ```
 */
export function watchReauthentication(
  connection: Connection,
  connect: Authenticating,
  authenticate: Authenticate,
  options: WatchReauthenticationOptions = {},
): Observable<never> {
  const each = checkOption('timeout', checkTime('timeout', options.timeout, 10_000))
  const method = connect.properties?.authenticationMethod
  const late = (): MqttError =>
    new MqttError('timeout', `no end of re-authentication within ${each} ms`, { reasonCode: ReasonCode.NotAuthorized })
  return connection.auth$.pipe(
    exhaustMap((auth) => {
      checkStep(auth, method, ReasonCode.ReAuthenticate, 'MQTT-4.12.1-1')
      return authenticated(connection, auth, method as string, authenticate).pipe(
        timeout({ first: each, with: () => throwError(late) }),
        tap((answer) => writeAuth(connection, answer, ReasonCode.Success, method as string)),
      )
    }),
    catchError((error: unknown) => {
      leave(connection, error)
      return throwError(() => error)
    }),
    ignoreElements(),
  )
}
