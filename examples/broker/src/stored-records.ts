import { Decoder, Encoder, type Message, MqttError, Protocol, type PublishPacket, type Will } from '@rxmqtt/core'
import { quoted } from './describe.js'
import type { ClientRecord, RetainedMessage, StoredSubscription } from './store.js'

export type Kind = 'client' | 'retained'

/** A retained message, and its place among those that arrived before and after it. */
export interface Arrival {
  readonly message: RetainedMessage
  readonly order: number
}

/** Sessions have keys that begin with `!rxmqtt!`. A key ends with the name, so that each name has one of its own. */
const prefixes = { client: '!broker!c', retained: '!broker!r' } as const
const protocol = new Protocol(5)
/** The largest packet that the standard allows. */
const maximumPacketSize = 268_435_460
const encoder = new Encoder({ protocol, maximumPacketSize })
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** What a store says: a client, where it is told, hears that this end has a problem of its own, 0x83. */
export function storeFailure(message: string, cause?: unknown): MqttError {
  return new MqttError('store', message, { reasonCode: 0x83, cause })
}

/** @throws MqttError `'store'` for a name with a lone surrogate, which UTF-8 can't express */
export function keyOf(kind: Kind, name: string): Uint8Array {
  const key = Buffer.from(prefixes[kind] + name)
  if (key.toString() !== prefixes[kind] + name) throw storeFailure(`a name must be UTF-8: ${quoted(name)}`)
  return key
}

/** Where the keys of a kind are. */
export function rangeOf(kind: Kind): { readonly gte: Uint8Array; readonly lt: Uint8Array } {
  const gte = Buffer.from(prefixes[kind])
  const lt = Buffer.from(gte)
  lt[lt.length - 1]! += 1
  return { gte, lt }
}

/** @throws MqttError `'store'` for a will that no packet can carry */
export function writeClient({ clientId: _, will, ...rest }: ClientRecord): Uint8Array {
  if (will === undefined) return join(rest)
  const { willDelayInterval, ...properties } = will.properties ?? {}
  const hasProperties = will.properties !== undefined
  return join({ ...rest, willDelayInterval, hasProperties }, { ...will, properties })
}

/** @throws MqttError `'store'` for one that is damaged, naming its key */
export function readClient(key: Uint8Array, value: Uint8Array): ClientRecord {
  return reading(key, () => {
    const { head, packet } = split(value)
    const { expiryInterval, disconnectedAt, subscriptions } = head
    const isRight =
      isNumber(expiryInterval) &&
      isNumberOrMissing(disconnectedAt) &&
      Array.isArray(subscriptions) &&
      subscriptions.every(isSubscription)
    if (!isRight) throw new TypeError('it has not the fields of a client')
    const clientId = nameOf('client', key)
    return { clientId, expiryInterval, disconnectedAt, subscriptions, will: packet && willOf(packet, head) }
  })
}

/** @throws MqttError `'store'` for a message that no packet can carry */
export function writeRetained({ message, order }: Arrival): Uint8Array {
  return join({ order, expiresAt: message.expiresAt }, message)
}

/** @throws MqttError `'store'` for one that is damaged, naming its key */
export function readRetained(key: Uint8Array, value: Uint8Array): Arrival {
  return reading(key, () => {
    const { head, packet } = split(value)
    const { order, expiresAt } = head
    const isRight = isNumber(order) && isNumberOrMissing(expiresAt) && packet?.topic === nameOf('retained', key)
    if (!isRight) throw new TypeError('it is not the message of its topic')
    const { topic, payload, qos, retain, properties } = packet
    return { message: { topic, payload: payload.slice(), qos, retain, properties, expiresAt }, order }
  })
}

/** The length of what JSON can tell, that, and a message as an MQTT 5 PUBLISH, which keeps its user properties in order. */
function join(head: object, message?: Message): Uint8Array {
  const json = Buffer.from(JSON.stringify(head))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(json.length)
  return Buffer.concat([length, json, ...(message === undefined ? [] : frameOf(message))])
}

function frameOf({ topic, payload, qos, retain, properties }: Message): readonly Uint8Array[] {
  const messageId = qos ? 1 : undefined
  try {
    encoder.write({ cmd: 'publish', topic, payload, qos, retain, properties, messageId })
  } catch (cause) {
    throw storeFailure(`a message that is no valid PUBLISH cannot be stored: ${(cause as Error).message}`, cause)
  }
  return encoder.take()
}

function split(value: Uint8Array): {
  readonly head: Readonly<Record<string, unknown>>
  readonly packet: PublishPacket | undefined
} {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length)
  const end = 4 + bytes.readUInt32BE(0)
  if (end > bytes.length) throw new RangeError('it is cut')
  const head: unknown = JSON.parse(utf8.decode(bytes.subarray(4, end)))
  if (typeof head !== 'object' || head === null) throw new TypeError('it is no record')
  if (end === bytes.length) return { head: head as Record<string, unknown>, packet: undefined }
  const decoder = new Decoder({ protocol, maximumPacketSize })
  decoder.push(new Uint8Array(bytes.subarray(end)))
  const packet = decoder.read()
  if (packet?.cmd !== 'publish') throw new TypeError('it has no message')
  decoder.end()
  return { head: head as Record<string, unknown>, packet }
}

function willOf(packet: PublishPacket, { willDelayInterval, hasProperties }: Readonly<Record<string, unknown>>): Will {
  if (!isNumberOrMissing(willDelayInterval)) throw new TypeError('it has no delay of a will')
  const { topic, payload, qos, retain, properties } = packet
  const will = { topic, payload: payload.slice(), qos, retain }
  if (hasProperties !== true) return will
  return { ...will, properties: { ...properties, ...(willDelayInterval === undefined ? {} : { willDelayInterval }) } }
}

function nameOf(kind: Kind, key: Uint8Array): string {
  return utf8.decode(key.subarray(prefixes[kind].length))
}

function reading<T>(key: Uint8Array, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw storeFailure(
      `the record ${quoted(Buffer.from(key).toString())} is damaged: ${(cause as Error).message}`,
      cause,
    )
  }
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number'
}

function isNumberOrMissing(value: unknown): value is number | undefined {
  return value === undefined || isNumber(value)
}

function isSubscription(value: unknown): value is StoredSubscription {
  const { topic, qos, nl, rap, rh, identifier } = (value ?? {}) as Record<string, unknown>
  const isFlag = (flag: unknown): boolean => flag === undefined || typeof flag === 'boolean'
  return (
    typeof topic === 'string' && isNumber(qos) && isFlag(nl) && isFlag(rap) && [rh, identifier].every(isNumberOrMissing)
  )
}
