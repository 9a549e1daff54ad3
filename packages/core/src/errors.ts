/**
 * What went wrong, as a value to switch on.
 *
 * - `'malformed-packet'`: bytes that cannot be read as a packet (MQTT 5 reason 0x81)
 * - `'protocol-error'`: a readable packet that breaks a rule (0x82)
 * - `'packet-too-large'`: a packet over the size limit, from the peer or for it (0x95)
 * - `'unsupported-version'`: a CONNECT of a protocol level that is not 3, 4 or 5 (0x84, return code 1)
 * - `'invalid-packet'`: a packet given to a writer that must not be sent; nothing was written
 * - `'invalid-option'`: an option outside its range
 * - `'refused'`: the peer, or an access rule, said no; `cause` is the packet that says so
 * - `'disconnected'`: the peer ended the connection by a DISCONNECT with a failure, its `cause`; or a later attachment did
 * - `'session-lost'`: the peer has forgotten the session in which a message was on its way
 * - `'store'`: a session's store failed; see `cause`
 * - `'timeout'`: something did not happen in its time
 * - `'overflow'`: a bounded buffer is full
 * - `'transport'`: the network, the operating system or the socket failed; see `cause`
 */
export type MqttErrorCode =
  | 'malformed-packet'
  | 'protocol-error'
  | 'packet-too-large'
  | 'unsupported-version'
  | 'invalid-packet'
  | 'invalid-option'
  | 'refused'
  | 'disconnected'
  | 'session-lost'
  | 'store'
  | 'timeout'
  | 'overflow'
  | 'transport'

/** What an {@link MqttError} carries besides its code and message. */
export interface MqttErrorDetails {
  /** The MQTT 5 reason code that tells the peer, such as 0x81. */
  readonly reasonCode?: number | undefined
  /** The MQTT 3.x CONNACK return code that tells the peer, such as 1. */
  readonly returnCode?: number | undefined
  /** The error underneath, such as a socket's ECONNRESET. */
  readonly cause?: unknown
}

/**
 * The one error class of the toolkit. `code` says what happened, `reasonCode` (MQTT 5) and `returnCode` (MQTT 3.x)
 * what the peer is told, `message` names the field, the value and the rule.
 *
 * @example
 * ```ts
 * connection.closed$.subscribe({ error: (error: MqttError) => console.error(error.code, error.message) })
 * ```
 */
export class MqttError extends Error {
  override readonly name: string = 'MqttError'
  readonly code: MqttErrorCode
  readonly reasonCode: number | undefined
  readonly returnCode: number | undefined

  constructor(code: MqttErrorCode, message: string, details: MqttErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.reasonCode = details.reasonCode
    this.returnCode = details.returnCode
  }
}

/** An error as an MqttError: one of another class becomes the `cause` of one with code `'transport'`. */
export function toMqttError(error: unknown): MqttError {
  if (error instanceof MqttError) return error
  return new MqttError('transport', error instanceof Error ? error.message : String(error), { cause: error })
}
