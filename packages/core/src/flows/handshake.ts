import { catchError, defer, merge, NEVER, type Observable, take, tap, throwError, timeout } from 'rxjs'
import { checkOption, checkTime } from '../codec/limits.js'
import { protocolError, shown } from '../codec/violation.js'
import type { Connection } from '../connection/connection.js'
import { MqttError } from '../errors.js'
import type { ConnectFields } from '../packet/fields.js'
import type { ConnackPacket } from '../packet/packet.js'
import { ReasonCode, ReturnCode } from '../packet/reason-code.js'
import { answerChallenges, type Authenticate, checkMethod } from './authentication.js'
import { leave } from '../connection/leave.js'
import { untilOver } from './until-over.js'

/** How long a client waits for its server, and how it proves who it is. */
export interface HandshakeOptions {
  /**
   * Milliseconds from CONNECT to CONNACK, enhanced authentication included.
   *
   * @default 30,000
   */
  readonly timeout?: number | undefined
  /**
   * MQTT 5: answers each AUTH of the server, where CONNECT has an `authenticationMethod`.
   *
   * @default none: a server that asks is refused
   */
  readonly authenticate?: Authenticate | undefined
}

/**
 * Opens the conversation as a client: writes CONNECT, emits the accepting CONNACK and completes. It ends in the turn in
 * which it emits, so who subscribes to the connection's packets inside `next` (`switchMap`, `concatMap`) misses nothing
 * that follows CONNACK. Unsubscribing stops waiting; the connection is its owner's.
 *
 * Errors with MqttError `'refused'` when the server says no, with its `reasonCode` or `returnCode`, the CONNACK as
 * `cause` and in it the server reference; `'timeout'` without an answer in time; `'protocol-error'` for an answer that
 * is none, such as a session present that CONNECT had discarded [MQTT-3.2.2-4] or another authentication method
 * [MQTT-4.12.0-5]; with what `authenticate` errors with; with `'invalid-packet'` for a CONNECT that can't be written,
 * after which the connection is as before; as `closed$` does when the connection breaks, and `'transport'` when it ends
 * cleanly before CONNACK. But for `'invalid-packet'` the connection has then been ended.
 *
 * @param fields - the CONNECT; give the connection the role `'client'`, or rules of the conversation are not enforced
 * @throws MqttError `'invalid-option'`
 * @example
 * ```ts
 * handshake(connection, { clientId: 'me', keepalive: 60 }).pipe(
 *   switchMap(({ sessionPresent }) => work(connection, sessionPresent)),
 * )
 * ```
 */
export function handshake(
  connection: Connection,
  fields: ConnectFields,
  options: HandshakeOptions = {},
): Observable<ConnackPacket> {
  const first = checkOption('timeout', checkTime('timeout', options.timeout, 30_000))
  const method = fields.properties?.authenticationMethod
  return defer(() => {
    let isStarted = false
    const challenges$ = answerChallenges(connection, connection.auth$, method, options.authenticate)
    const connack$ = connection.connack$.pipe(tap((connack) => check(connection, connack, fields)))
    const start$ = defer(() => {
      connection.connect(fields)
      isStarted = true
      return NEVER
    })
    return merge(challenges$, connack$, start$).pipe(
      untilOver(connection, 'CONNACK'),
      take(1),
      timeout({ first, with: () => throwError(() => new MqttError('timeout', `no CONNACK within ${first} ms`)) }),
      catchError((error: unknown) => {
        if (isStarted) leave(connection, error)
        return throwError(() => error)
      }),
    )
  })
}

/** @throws MqttError `'refused'` or `'protocol-error'` */
function check(connection: Connection, connack: ConnackPacket, fields: ConnectFields): void {
  const { sessionPresent, properties } = connack
  if ((connack.reasonCode ?? connack.returnCode ?? 0) !== 0) {
    // The server has said its last word, and wants none.
    connection.end()
    throw refusedBy(connack)
  }
  if (sessionPresent && fields.clean !== false) {
    throw protocolError('CONNACK sessionPresent must be false where CONNECT is clean [MQTT-3.2.2-4] [MQTT-3.2.2-1]')
  }
  checkMethod(properties?.authenticationMethod, fields.properties?.authenticationMethod, 'CONNACK')
}

/** The error of a CONNACK that says no: its message has all that the server gave. */
function refusedBy(connack: ConnackPacket): MqttError {
  const { reasonCode, returnCode, properties } = connack
  const what =
    reasonCode === undefined
      ? `return code ${returnCode} ${nameIn(ReturnCode, returnCode)}`
      : `reason 0x${reasonCode.toString(16)} ${nameIn(ReasonCode, reasonCode)}`
  const why = properties?.reasonString === undefined ? '' : `, ${shown(properties.reasonString)}`
  const where = properties?.serverReference === undefined ? '' : `, use ${shown(properties.serverReference)}`
  const message = `the server refused the connection: ${what}${why}${where}`
  return new MqttError('refused', message, { reasonCode, returnCode, cause: connack })
}

function nameIn(codes: Readonly<Record<string, number>>, code: number | undefined): string {
  return Object.keys(codes).find((name) => codes[name] === code) ?? ''
}
