import { catchError, defer, filter, map, merge, NEVER, type Observable, take, throwError, timeout } from 'rxjs'
import { checkOption, checkTime } from '../codec/limits.js'
import { invalidPacket } from '../codec/violation.js'
import type { Connection } from '../connection/connection.js'
import { MqttError } from '../errors.js'
import type { AuthPacket } from '../packet/packet.js'
import { ReasonCode } from '../packet/reason-code.js'
import { answerChallenges, type Authenticate, type Authenticating, checkMethod, writeAuth } from './authentication.js'
import { leave } from '../connection/leave.js'
import { untilOver } from './until-over.js'

/** What a client begins with, and how long its server may take. */
export interface ReauthenticateOptions {
  /**
   * What the first AUTH carries besides the method.
   *
   * @default none
   */
  readonly authenticationData?: Uint8Array | undefined
  /**
   * Milliseconds for the whole exchange.
   *
   * @default 30,000
   */
  readonly timeout?: number | undefined
}

/**
 * Proves anew who a client is, on a connection that was accepted with enhanced authentication: writes AUTH 0x19 with
 * the method of CONNECT [MQTT-4.12.1-1], answers each AUTH 0x18 of the server, emits its AUTH 0x00 and completes. Other
 * packets go on meanwhile.
 *
 * Errors with MqttError `'disconnected'` where the server refuses, its DISCONNECT as `cause`; `'timeout'`;
 * `'protocol-error'` for a wrong step; with what `authenticate` errors with; as `closed$` does. The connection has then
 * been ended, with DISCONNECT [MQTT-4.12.1-2]. Errors with `'invalid-packet'` where CONNECT had no method
 * [MQTT-4.12.0-7] or was not accepted, and changes nothing.
 *
 * @param connect - what the handshake was given
 * @throws MqttError `'invalid-option'`
 * @example
 * ```ts
 * reauthenticate(connection, connect, () => of({ properties: { authenticationData: token() } })).subscribe()
 * ```
 */
export function reauthenticate(
  connection: Connection,
  connect: Authenticating,
  authenticate?: Authenticate,
  options: ReauthenticateOptions = {},
): Observable<AuthPacket> {
  const { authenticationData } = options
  const first = checkOption('timeout', checkTime('timeout', options.timeout, 30_000))
  const method = connect.properties?.authenticationMethod
  return defer(() => {
    let isStarted = false
    const { auth$, disconnect$ } = connection
    const challenges$ = answerChallenges(
      connection,
      auth$.pipe(filter(({ reasonCode }) => reasonCode !== ReasonCode.Success)),
      method,
      authenticate,
    )
    const success$ = auth$.pipe(
      filter(({ reasonCode }) => reasonCode === ReasonCode.Success),
      map((auth) => {
        // An AUTH without a body says success and nothing else [MQTT5 3.15.2.1].
        if (auth.properties !== undefined) checkMethod(auth.properties.authenticationMethod, method, 'AUTH')
        return auth
      }),
    )
    const refused$ = disconnect$.pipe(
      map((cause) => {
        const message = 'the server disconnected in re-authentication'
        throw new MqttError('disconnected', message, { reasonCode: cause.reasonCode, cause })
      }),
    )
    const start$ = defer(() => {
      if (method === undefined) throw invalidPacket('AUTH needs an authenticationMethod in CONNECT [MQTT-4.12.0-7]')
      const properties = authenticationData === undefined ? {} : { authenticationData }
      writeAuth(connection, { properties }, ReasonCode.ReAuthenticate, method)
      isStarted = true
      return NEVER
    })
    const late = (): MqttError => new MqttError('timeout', `no end of re-authentication within ${first} ms`)
    return merge(challenges$, success$, refused$, start$).pipe(
      untilOver(connection, 'the end of re-authentication'),
      take(1),
      timeout({ first, with: () => throwError(late) }),
      catchError((error: unknown) => {
        if (isStarted) leave(connection, error)
        return throwError(() => error)
      }),
    )
  })
}
