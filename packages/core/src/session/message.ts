import { asyncScheduler } from 'rxjs'
import { Encoder } from '../codec/encoder.js'
import { Protocol } from '../codec/protocol.js'
import { toUtf8, utf8Length } from '../codec/utf8.js'
import type { MqttError } from '../errors.js'
import type { PacketInput, Payload } from '../packet/fields.js'
import type { PublishPacket, QoS } from '../packet/packet.js'
import type { PublishProperties, ReasonProperties } from '../packet/properties.js'
import type { PubackReasonCode, PubrelReasonCode } from '../packet/reason-code.js'
import type { StoredMessage } from './session-store.js'

/** A message as `publish` of a session takes it: what the packet has besides is the session's business. */
export interface Message {
  readonly topic: string
  /** @default empty */
  readonly payload?: Payload | undefined
  /** @default 0 */
  readonly qos?: QoS | undefined
  /** @default false */
  readonly retain?: boolean | undefined
  /** MQTT 5; left out for a peer of MQTT 3. A topic alias is not taken over: the session makes its own. */
  readonly properties?: PublishProperties | undefined
}

/** How the peer took a message. */
export interface PublishResult {
  readonly qos: QoS
  /** Of PUBACK or PUBCOMP; 0 with QoS 0 and before MQTT 5. 0x10: nobody subscribed to it. */
  readonly reasonCode: PubackReasonCode | PubrelReasonCode
  readonly properties?: ReasonProperties | undefined
}

/** A message from the peer, for one consumer. */
export interface Delivery {
  /** Its topic is there also where only an alias was sent. The payload is a view: `slice()` what you keep. */
  readonly packet: PublishPacket
  /**
   * Acknowledges the message, in MQTT 5 with a reason; does nothing with QoS 0, the second time, and with `ack: 'auto'` once
   * `next` returned. Where the connection is over the peer sends a message of QoS 1 again, and it is delivered again.
   * Before MQTT 5 there are no reasons: a refusal is an acknowledgement.
   *
   * @throws MqttError `'invalid-packet'` for a reason code that PUBACK and PUBREC don't have
   */
  ack(reasonCode?: PubackReasonCode): void
}

/** A message that was not delivered, by a policy or because it can't be. */
export interface DroppedMessage {
  readonly message: Message
  /**
   * `'overflow'`, `'timeout'` (its expiry interval is over), `'session-lost'`, `'packet-too-large'`, `'refused'` or
   * `'invalid-packet'`
   */
  readonly error: MqttError
}

const checker = new Encoder({ protocol: new Protocol(5), maximumPacketSize: 268_435_460 })

/**
 * Checks a packet that is not written yet, as MQTT 5 has it.
 *
 * @throws MqttError `'invalid-packet'`
 */
export function checkPacket(packet: PacketInput): void {
  checker.check(packet)
}

/**
 * Checks a message that is not written yet.
 *
 * @throws MqttError `'invalid-packet'`
 */
export function checkMessage(message: Message): void {
  const { topic, payload, qos, retain, properties } = message
  const messageId = qos === 1 || qos === 2 ? 1 : undefined
  checker.check({
    cmd: 'publish',
    topic,
    payload,
    qos,
    retain,
    properties: withAlias(properties, undefined),
    messageId,
  })
}

/** Properties with this topic alias in place of what the message says. */
export function withAlias(
  properties: PublishProperties | undefined,
  topicAlias: number | undefined,
): PublishProperties | undefined {
  return topicAlias === properties?.topicAlias ? properties : { ...properties, topicAlias }
}

/** A message that nobody else changes: its bytes its own, where they were views of more. */
export function keptMessage(message: Message): StoredMessage {
  const { topic, payload = '', qos, retain = false, properties } = message
  const bytes = typeof payload === 'string' ? toUtf8(payload) : payload
  return { topic, payload: ownBytes(bytes), qos: qos as 1 | 2, retain, properties: ownProperties(properties) }
}

/**
 * The bytes that a message takes while it waits, as `maxQueuedBytes` counts them: its payload, and what its properties have of
 * text and data.
 *
 * @example
 * ```ts
 * messageBytes({ topic: 'a', payload: 'hi', properties: { userProperties: { k: 'v' } } }) // 4
 * ```
 */
export function messageBytes({ payload = '', properties }: Message): number {
  const bytes = bytesOf(payload)
  if (properties === undefined) return bytes
  const { contentType = '', responseTopic = '', correlationData = '', userProperties = {} } = properties
  const users = Object.entries(userProperties).flatMap(([name, value]) => [name, value].flat())
  return [contentType, responseTopic, correlationData, ...users].reduce((sum, value) => sum + bytesOf(value), bytes)
}

function bytesOf(value: Payload): number {
  return typeof value === 'string' ? utf8Length(value) : value.byteLength
}

/** The message with bytes of its own, where they were views of more. */
export function ownMessage<M extends Message>(message: M): M {
  const { payload, properties } = message
  const ownPayload = typeof payload === 'string' ? payload : payload && ownBytes(payload)
  const own = ownProperties(properties)
  return ownPayload === payload && own === properties ? message : { ...message, payload: ownPayload, properties: own }
}

/** Correlation data is a view of its chunk too. */
function ownProperties(properties: PublishProperties | undefined): PublishProperties | undefined {
  const data = properties?.correlationData
  if (data === undefined || data.byteLength === data.buffer.byteLength) return properties
  return { ...properties, correlationData: ownBytes(data) }
}

function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength < bytes.buffer.byteLength ? new Uint8Array(bytes) : bytes
}

/** When a message expires, in milliseconds since the epoch. */
export function expiryOf(message: Message): number | undefined {
  const seconds = message.properties?.messageExpiryInterval
  return seconds === undefined ? undefined : asyncScheduler.now() + seconds * 1_000
}

/** The seconds that a message has left [MQTT-3.3.2-6]. */
export function secondsLeft(expiresAt: number): number {
  return Math.max(0, Math.ceil((expiresAt - asyncScheduler.now()) / 1_000))
}

/** Told of each message that is dropped. */
export type OnDropped = (dropped: DroppedMessage) => void
