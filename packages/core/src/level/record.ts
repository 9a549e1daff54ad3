import { Decoder } from '../codec/decoder.js'
import { Encoder } from '../codec/encoder.js'
import { Protocol } from '../codec/protocol.js'
import { MqttError } from '../errors.js'
import type { StoredEntry, StoredMessage } from '../session/session-store.js'
import { storeFailure } from '../session/store-failure.js'

/**
 * The small part of an entry, which is written again when its message is sent: one byte for the kind, two for the packet
 * identifier, 0 where there is none, and for a message eight for its expiry, a double, NaN where there is none.
 */
export type Head =
  | { readonly kind: 'message'; readonly messageId: number | undefined; readonly expiresAt: number | undefined }
  | { readonly kind: 'release'; readonly messageId: number }

const messageKind = 1
const releaseKind = 2
const protocol = new Protocol(5)
/** The largest packet that the standard allows. */
const maximumPacketSize = 268_435_460
const encoder = new Encoder({ protocol, maximumPacketSize })

export function writeHead(head: Head): Uint8Array {
  const isMessage = head.kind === 'message'
  const bytes = new Uint8Array(isMessage ? 11 : 3)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, isMessage ? messageKind : releaseKind)
  view.setUint16(1, head.messageId ?? 0)
  if (isMessage) view.setFloat64(3, head.expiresAt ?? Number.NaN)
  return bytes
}

/** Undefined for one that is damaged. */
export function readHead(bytes: Uint8Array): Head | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const kind = bytes[0]
  if (kind === releaseKind && bytes.length === 3) {
    const messageId = view.getUint16(1)
    return messageId === 0 ? undefined : { kind: 'release', messageId }
  }
  if (kind !== messageKind || bytes.length !== 11) return undefined
  const expiresAt = view.getFloat64(3)
  return {
    kind: 'message',
    messageId: view.getUint16(1) || undefined,
    expiresAt: Number.isNaN(expiresAt) ? undefined : expiresAt,
  }
}

/** The head of a new entry. */
export function headOf(entry: StoredEntry): Head {
  const { kind, messageId } = entry
  return kind === 'release' ? { kind, messageId } : { kind, messageId, expiresAt: entry.expiresAt }
}

/**
 * A message as the bytes of an MQTT 5 PUBLISH, its packet identifier without meaning.
 *
 * @throws MqttError `'store'` for a message that no packet can carry
 */
export function writeMessage({ topic, payload, qos, retain, properties }: StoredMessage): Uint8Array {
  try {
    encoder.write({ cmd: 'publish', topic, payload, qos, retain, properties, messageId: 1 })
  } catch (cause) {
    throw storeFailure('a message that is no valid PUBLISH cannot be stored', cause)
  }
  const chunks = encoder.take()
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}

/** @throws MqttError for bytes that are damaged */
export function readMessage(bytes: Uint8Array): StoredMessage {
  const decoder = new Decoder({ protocol, maximumPacketSize })
  decoder.push(bytes)
  const packet = decoder.read()
  decoder.end()
  if (packet?.cmd !== 'publish' || packet.qos === 0)
    throw new MqttError('malformed-packet', 'it is no PUBLISH of QoS 1 or 2')
  const { topic, payload, qos, retain, properties } = packet
  return { topic, payload: payload.slice(), qos, retain, properties }
}
