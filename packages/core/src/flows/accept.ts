import {
  catchError,
  concatMap,
  defer,
  map,
  type Observable,
  type ObservableInput,
  of,
  take,
  throwError,
  timeout,
} from 'rxjs'
import { checkOption, checkTime } from '../codec/limits.js'
import { shown } from '../codec/violation.js'
import type { Connection } from '../connection/connection.js'
import { MqttError } from '../errors.js'
import type { AuthFields, ConnackFields } from '../packet/fields.js'
import { ofType } from '../operators/of-type.js'
import type { ConnectPacket } from '../packet/packet.js'
import { askPaused } from './ask.js'
import { authenticated, type Authenticate } from './authentication.js'
import { newClientId } from './client-id.js'
import { connackFor, refusalFor } from './connack-fields.js'
import { untilOver } from './until-over.js'

/**
 * Decides about a client, now or later: the first value is the CONNACK. `{}` accepts. A `reasonCode` in MQTT 5's terms
 * does for every version, properties are left out before MQTT 5. The client id is there also where the client sent
 * none.
 */
export type Authorize = (connect: ConnectPacket, connection: Connection) => ObservableInput<ConnackFields>

/** How long a server waits for its client, and what it asks of it. */
export interface AcceptOptions {
  /**
   * Milliseconds from the start to CONNACK: the wait for CONNECT, `authenticate` and `authorize` included.
   *
   * @default 10,000
   */
  readonly timeout?: number | undefined
  /**
   * MQTT 5 enhanced authentication, before `authorize` is asked.
   *
   * @default none: a CONNECT with an `authenticationMethod` is refused with 0x8C
   */
  readonly authenticate?: Authenticate | undefined
  /**
   * Gives an id to a client that sent none; no other session may have it [MQTT-3.2.2-16].
   *
   * @default 22 random letters and digits
   */
  readonly assignClientId?: ((connect: ConnectPacket, connection: Connection) => string) | undefined
  /**
   * Seconds, from 1 to 65,535. An MQTT 5 client that asks for a longer keep-alive, or for none, is told to use this
   * one; earlier versions have no way to tell, so it does not apply to them.
   *
   * @default none
   */
  readonly maximumKeepAlive?: number | undefined
}

/** A client that was let in. */
export interface AcceptedClient {
  /** The client's packet, with the assigned client id where it sent none. */
  readonly connect: ConnectPacket
  /** What was written, in the terms of the client's version. */
  readonly connack: ConnackFields
}

/** The options of {@link accept}, checked. */
export interface AcceptSettings extends AcceptOptions {
  readonly timeout: number
}

/** @throws MqttError `'invalid-option'` */
export function acceptSettings(options: AcceptOptions): AcceptSettings {
  const { maximumKeepAlive } = options
  if (maximumKeepAlive !== undefined && checkOption('maximumKeepAlive', maximumKeepAlive) > 65_535) {
    throw new MqttError('invalid-option', `maximumKeepAlive must be at most 65535 seconds, not ${maximumKeepAlive}`)
  }
  return { ...options, timeout: checkOption('timeout', checkTime('timeout', options.timeout, 10_000)) }
}

/**
 * Opens the conversation as a server: waits for CONNECT, asks `authorize`, with reading paused while it works, writes
 * CONNACK, emits what was agreed and completes. It ends in the turn in which it emits, so who subscribes to the
 * connection's packets inside `next` (`switchMap`, `concatMap`) misses nothing that follows CONNECT. Unsubscribing
 * stops it; the connection is its owner's.
 *
 * Whoever is not let in is told by CONNACK, and the connection ends. Errors with MqttError `'refused'` when `authorize`
 * says no, with the CONNACK as `cause`, and for an authentication method that nobody asked for [MQTT-4.12.0-1]; with
 * what `authorize` or `authenticate` throws or errors with (its `reasonCode` is told, otherwise 0x80 or return code 3);
 * `'timeout'`, told as 0x88 or 3, or where no CONNECT came as nothing; `'protocol-error'` for a wrong step of
 * authentication; as `closed$` does when the connection breaks, and `'transport'` when it ends cleanly before CONNACK.
 *
 * @param connection - give it the role `'server'`, or rules of the conversation are not enforced
 * @throws MqttError `'invalid-option'`
 * @example
 * ```ts
 * accept(connection, ({ username }) => of({ reasonCode: username === 'me' ? 0x00 : 0x87 })).pipe(
 *   switchMap(({ connect }) => handle(connection, connect)),
 * )
 * ```
 */
export function accept(
  connection: Connection,
  authorize: Authorize,
  options: AcceptOptions = {},
): Observable<AcceptedClient> {
  return acceptance(connection, authorize, acceptSettings(options))
}

/** @param onConnect - told of CONNECT, with the client id that applies */
export function acceptance(
  connection: Connection,
  authorize: Authorize,
  settings: AcceptSettings,
  onConnect?: (connect: ConnectPacket) => void,
): Observable<AcceptedClient> {
  const { timeout: first } = settings
  return defer(() => {
    let received: ConnectPacket | undefined
    const tooLate = (): MqttError =>
      received === undefined
        ? new MqttError('timeout', `no CONNECT within ${first} ms`)
        : new MqttError('timeout', `not accepted within ${first} ms`, { reasonCode: 0x88, returnCode: 3 })
    return connection.packets$.pipe(
      ofType('connect'),
      take(1),
      concatMap((packet) => {
        received = packet
        const connect = withClientId(packet, connection, settings)
        onConnect?.(connect)
        return authentication(connect, connection, settings).pipe(
          concatMap((proof) =>
            askPaused(connection, 'authorize', () => authorize(connect, connection)).pipe(
              map((answer) => write(connection, packet, connect, answer, proof, settings)),
            ),
          ),
        )
      }),
      untilOver(connection, 'it was accepted'),
      take(1),
      timeout({ first, with: () => throwError(tooLate) }),
      catchError((error: unknown) => {
        if (received !== undefined) refuse(connection, received, error)
        else connection.destroy(error)
        return throwError(() => error)
      }),
    )
  })
}

/** Says no, and ends the connection. */
export function refuse(connection: Connection, connect: ConnectPacket, error: unknown): void {
  try {
    connection.connack(refusalFor(connect.protocolVersion, error))
  } catch {
    // Only because the client takes no packet as large as this one, or has just said goodbye.
  }
  connection.end()
}

function withClientId(connect: ConnectPacket, connection: Connection, settings: AcceptSettings): ConnectPacket {
  if (connect.clientId !== '') return connect
  const { assignClientId = newClientId } = settings
  const clientId: unknown = assignClientId(connect, connection)
  if (typeof clientId === 'string' && clientId !== '') return { ...connect, clientId }
  throw new MqttError('invalid-option', `assignClientId must give a client id, not ${shown(clientId)} [MQTT-3.2.2-16]`)
}

function authentication(
  { properties }: ConnectPacket,
  connection: Connection,
  { authenticate }: AcceptSettings,
): Observable<AuthFields | undefined> {
  const method = properties?.authenticationMethod
  if (method === undefined) return of(undefined)
  if (authenticate !== undefined) {
    const { authenticationMethod, authenticationData } = properties ?? {}
    const step = { authenticationMethod, ...(authenticationData === undefined ? {} : { authenticationData }) }
    return authenticated(connection, { cmd: 'auth', reasonCode: 0, properties: step }, method, authenticate)
  }
  const message = `authentication method ${shown(method)} is not supported [MQTT-4.12.0-1]`
  return throwError(() => new MqttError('refused', message, { reasonCode: 0x8c }))
}

/** Writes CONNACK. @throws MqttError `'refused'` for one that says no, `'invalid-packet'` */
function write(
  connection: Connection,
  packet: ConnectPacket,
  proposed: ConnectPacket,
  answer: ConnackFields,
  proof: AuthFields | undefined,
  { maximumKeepAlive }: AcceptSettings,
): AcceptedClient {
  const assigned = packet.clientId === ''
  const clientId = (assigned ? answer.properties?.assignedClientIdentifier : undefined) ?? proposed.clientId
  const connect = clientId === proposed.clientId ? proposed : { ...proposed, clientId }
  const connack = connackFor(connect, answer, { assigned, authentication: proof, maximumKeepAlive })
  const sent = connection.packetsSent
  connection.connack(connack)
  if (connection.packetsSent === sent) throw new MqttError('transport', 'the connection ended before it was accepted')
  const { reasonCode, returnCode } = connack
  if ((reasonCode ?? returnCode ?? 0) === 0) return { connect, connack }
  connection.end()
  const code = reasonCode === undefined ? `return code ${returnCode}` : `reason 0x${reasonCode.toString(16)}`
  const message = `${shown(clientId)} was refused with ${code}`
  throw new MqttError('refused', message, { reasonCode, returnCode, cause: { cmd: 'connack', ...connack } })
}
