import { toUtf8, utf8Length } from '../codec/utf8.js'
import { shown } from '../codec/violation.js'
import type { MqttError } from '../errors.js'
import { storeFailure } from '../session/store-failure.js'

/** How all keys begin, as those of a sublevel named rxmqtt do, so that a database may hold other things too. */
const root = toUtf8('!rxmqtt!')

/** Where all keys are. */
export const allKeys: KeyRange = { gte: root, lt: toUtf8('!rxmqtt"') }

/** From the first key up to, without, the second. */
export interface KeyRange {
  readonly gte: Uint8Array
  readonly lt: Uint8Array
}

/** The part of an entry that a key stands for. */
export type Part = 'head' | 'frame'

/** What a key of a session stands for. */
export type Place =
  | { readonly kind: Part; readonly sequence: number }
  | { readonly kind: 'received'; readonly messageId: number }

const tags = { head: 0, frame: 1 } as const
const entryTag = 1
const receivedTag = 2

/**
 * The keys of one session: the identifier behind its length, so that none is the beginning of another, then the entries in
 * the order of their sequence, the head of each before its frame, then packet identifiers.
 */
export class SessionKeys {
  /** Where the keys of this session are, and no others. */
  readonly range: KeyRange
  readonly #prefix: Uint8Array

  /** @throws MqttError `'store'` for what can't be a client identifier: over 65,535 bytes, or a lone surrogate [MQTT-1.5.4-1] */
  constructor(id: string) {
    const length = utf8Length(id)
    if (length < 0 || length > 65_535) {
      throw storeFailure(`a client identifier must be UTF-8 of at most 65535 bytes: ${shown(id)}`)
    }
    this.#prefix = new Uint8Array(root.length + 2 + length)
    this.#prefix.set(root)
    new DataView(this.#prefix.buffer).setUint16(root.length, length)
    this.#prefix.set(toUtf8(id), root.length + 2)
    this.range = { gte: this.#key(1, () => undefined), lt: this.#key(1, (view) => view.setUint8(0, 0xff)) }
  }

  /** The key of a part of an entry. */
  entry(sequence: number, part: Part): Uint8Array {
    return this.#key(10, (view) => {
      view.setUint8(0, entryTag)
      view.setBigUint64(1, BigInt(sequence))
      view.setUint8(9, tags[part])
    })
  }

  /** The key of a packet identifier of QoS 2. */
  received(messageId: number): Uint8Array {
    return this.#key(3, (view) => {
      view.setUint8(0, receivedTag)
      view.setUint16(1, messageId)
    })
  }

  /** What a key of this session stands for; undefined for one that is damaged. */
  place(key: Uint8Array): Place | undefined {
    const view = new DataView(key.buffer, key.byteOffset + this.#prefix.length, key.length - this.#prefix.length)
    const tag = view.getUint8(0)
    if (tag === receivedTag && view.byteLength === 3) return { kind: 'received', messageId: view.getUint16(1) }
    if (tag !== entryTag || view.byteLength !== 10) return undefined
    const sequence = Number(view.getBigUint64(1))
    const part = view.getUint8(9)
    if (part > 1 || !Number.isSafeInteger(sequence)) return undefined
    return { kind: part === tags.head ? 'head' : 'frame', sequence }
  }

  #key(length: number, fill: (view: DataView) => void): Uint8Array {
    const key = new Uint8Array(this.#prefix.length + length)
    key.set(this.#prefix)
    fill(new DataView(key.buffer, this.#prefix.length))
    return key
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The client identifier of any key. */
export function idOf(key: Uint8Array): string {
  const start = root.length + 2
  try {
    const length = new DataView(key.buffer, key.byteOffset, key.length).getUint16(root.length)
    if (key.length > start + length) return decoder.decode(key.subarray(start, start + length))
    throw new RangeError('it is cut')
  } catch (cause) {
    throw storeFailure(`the key ${hex(key)} is damaged`, cause)
  }
}

/** What is said of a record that can't be read. */
export function damaged(id: string, key: Uint8Array, why: string, cause?: unknown): MqttError {
  return storeFailure(`the record ${hex(key)} of the session ${shown(id)} is damaged: ${why}`, cause)
}

function hex(key: Uint8Array): string {
  return Array.from(key, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
