import {
  expand,
  filter,
  EMPTY,
  ignoreElements,
  map,
  mergeMap,
  type Observable,
  type ObservableInput,
  switchMap,
  take,
  tap,
} from 'rxjs'
import { invalidPacket, protocolError, shown } from '../codec/violation.js'
import type { Connection } from '../connection/connection.js'
import type { AuthFields } from '../packet/fields.js'
import type { AuthPacket } from '../packet/packet.js'
import type { AuthenticationProperties, AuthProperties } from '../packet/properties.js'
import { type AuthReasonCode, ReasonCode } from '../packet/reason-code.js'
import { ask, askPaused } from './ask.js'

/**
 * One step of MQTT 5 enhanced authentication as {@link Authenticate} gets it: an AUTH of the peer. On a server the
 * first one stands for the CONNECT, with its method and data and `reasonCode` 0x00; of a re-authentication it has 0x19;
 * all others 0x18.
 */
export type AuthStep = Omit<AuthPacket, 'length'>

/**
 * Answers a step of enhanced authentication, now or later; the first value counts. The method is filled in.
 *
 * On a client the answer is what the next AUTH carries, its `reasonCode` is 0x18 whatever it says [MQTT-4.12.0-3]. On a
 * server `reasonCode` 0x18 asks the client further [MQTT-4.12.0-2], and 0x00, the default, says that the client is who
 * it claims to be: `authenticationData` then goes into CONNACK. To refuse, it throws or errors: with the `reasonCode`
 * of an MqttError, such as 0x86, 0x87 or 0x8C, otherwise 0x80 [MQTT-4.12.0-4]. What it knows of the steps before is its
 * own to keep, a connection.
 */
export type Authenticate = (auth: AuthStep, connection: Connection) => ObservableInput<AuthFields>

/** A CONNECT by what it says of enhanced authentication: the packet, or the fields it was written with. */
export interface Authenticating {
  readonly properties?: AuthenticationProperties | undefined
}

/** A step that has the right method and reason [MQTT-4.12.0-5] [MQTT-4.12.0-6] [MQTT-4.12.0-7]. */
export function checkStep(auth: AuthStep, method: string | undefined, reasonCode: AuthReasonCode, rule: string): void {
  if (method === undefined) {
    throw protocolError(
      'AUTH must not be sent where CONNECT has no authenticationMethod [MQTT-4.12.0-6] [MQTT-4.12.0-7]',
    )
  }
  checkMethod(auth.properties?.authenticationMethod, method, 'AUTH')
  if (auth.reasonCode !== reasonCode) {
    throw protocolError(`AUTH reason code must be ${hex(reasonCode)} here, not ${hex(auth.reasonCode)} [${rule}]`)
  }
}

/** The method of a packet, which is that of CONNECT or, as there, none. */
export function checkMethod(method: string | undefined, agreed: string | undefined, packet: string): void {
  if (method === agreed) return
  if (agreed === undefined) {
    throw protocolError(`${packet} must not have an authenticationMethod where CONNECT has none [MQTT-4.12.0-6]`)
  }
  const was = method === undefined ? 'none' : shown(method)
  throw protocolError(
    `${packet} authenticationMethod must be ${shown(agreed)}, as in CONNECT, not ${was} [MQTT-4.12.0-5]`,
  )
}

/** The client's side: answers each AUTH 0x18 of the server, one at a time. Emits nothing. */
export function answerChallenges(
  connection: Connection,
  auth$: Observable<AuthPacket>,
  method: string | undefined,
  authenticate: Authenticate | undefined,
): Observable<never> {
  let isAnswering = false
  return auth$.pipe(
    mergeMap((auth) => {
      checkStep(auth, method, ReasonCode.ContinueAuthentication, 'MQTT-4.12.0-2')
      if (authenticate === undefined)
        throw invalidPacket(`no authenticate was given to answer AUTH by ${shown(method)}`)
      if (isAnswering) throw protocolError('AUTH must not follow an AUTH that was not answered [MQTT5 4.12]')
      isAnswering = true
      return ask('authenticate', () => authenticate(auth, connection))
    }),
    tap((answer) => {
      isAnswering = false
      writeAuth(connection, answer, ReasonCode.ContinueAuthentication, method as string)
    }),
    ignoreElements(),
  )
}

/**
 * The server's side: asks `authenticate` about `first`, the client about what it wants to know, and so on. Emits the
 * answer that let the client in.
 */
export function authenticated(
  connection: Connection,
  first: AuthStep,
  method: string,
  authenticate: Authenticate,
): Observable<AuthFields> {
  const answerTo = (step: AuthStep): Observable<AuthFields> =>
    askPaused(connection, 'authenticate', () => authenticate(step, connection)).pipe(map(checkAnswer))
  const next = (answer: AuthFields): Observable<AuthFields> => {
    writeAuth(connection, answer, ReasonCode.ContinueAuthentication, method)
    return connection.auth$.pipe(
      take(1),
      switchMap((auth) => {
        checkStep(auth, method, ReasonCode.ContinueAuthentication, 'MQTT-4.12.0-3')
        return answerTo(auth)
      }),
    )
  }
  return answerTo(first).pipe(
    expand((answer) => (isFinal(answer) ? EMPTY : next(answer))),
    filter(isFinal),
  )
}

/** Writes AUTH with the method of CONNECT [MQTT-4.12.0-5] [MQTT-4.12.1-1]. */
export function writeAuth(
  connection: Connection,
  answer: AuthFields,
  reasonCode: AuthReasonCode,
  method: string,
): void {
  const properties: AuthProperties = { ...answer.properties, authenticationMethod: method }
  connection.auth({ reasonCode, properties })
}

function isFinal({ reasonCode = 0 }: AuthFields): boolean {
  return reasonCode === ReasonCode.Success
}

function checkAnswer(answer: AuthFields): AuthFields {
  const { reasonCode = 0 } = answer
  if (reasonCode === 0 || reasonCode === ReasonCode.ContinueAuthentication) return answer
  throw invalidPacket(`authenticate must answer with reasonCode 0x00 or 0x18, not ${shown(reasonCode)} [MQTT-4.12.0-2]`)
}

function hex(code: number): string {
  return `0x${code.toString(16).padStart(2, '0')}`
}
