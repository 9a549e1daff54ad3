import type { Subscriber } from 'rxjs'
import type { MqttError } from '../errors.js'
import { Queue } from '../operators/queue.js'
import type { QoS } from '../packet/packet.js'
import { expiryOf, type Message, messageBytes, ownMessage, type PublishResult } from './message.js'
import type { Waiting } from './room.js'
import type { StoredEntry } from './session-store.js'

/** A message on its way to the peer. */
export class Entry {
  sequence = 0
  /** 0 until it is sent. */
  messageId = 0
  /** Undefined once PUBREC came. */
  message: Message | undefined
  readonly qos: QoS
  readonly expiresAt: number | undefined
  subscriber: Subscriber<PublishResult> | undefined
  /** A store knows it. */
  isStored = false
  /** It counts in the window of this connection. */
  isFlying = false
  isQueued = false
  hasWaited = false

  constructor(message: Message | undefined, qos: QoS, expiresAt: number | undefined) {
    this.message = message
    this.qos = qos
    this.expiresAt = expiresAt
  }

  static of(message: Message, subscriber: Subscriber<PublishResult> | undefined): Entry {
    const entry = new Entry(message, message.qos ?? 0, expiryOf(message))
    entry.subscriber = subscriber
    return entry
  }

  static restored(stored: StoredEntry): Entry {
    const entry =
      stored.kind === 'message'
        ? new Entry(stored.message, stored.message.qos, stored.expiresAt)
        : new Entry(undefined, 2, undefined)
    entry.sequence = stored.sequence
    entry.messageId = stored.messageId ?? 0
    entry.isStored = true
    return entry
  }

  /** Of its payload. */
  get bytes(): number {
    return this.message === undefined ? 0 : messageBytes(this.message)
  }

  /** What is in flight is kept for as long as the peer likes: not with the chunk that the payload may be a view of. */
  own(): void {
    if (this.message !== undefined && !this.hasWaited) this.message = ownMessage(this.message)
  }

  succeed(result: PublishResult): void {
    this.subscriber?.next(result)
    this.subscriber?.complete()
  }

  fail(error: MqttError): void {
    this.subscriber?.error(error)
  }
}

/** Entries that wait, in order. */
export class EntryQueue implements Waiting<Entry> {
  readonly #queue = new Queue<Entry>()
  /** Entries in `#queue` that were removed. */
  #removed = 0
  #bytes = 0

  /** Of payloads; what was sent before is in flight, also while it waits to be sent again. */
  get bytes(): number {
    return this.#bytes
  }

  get length(): number {
    return this.#queue.length - this.#removed
  }

  get first(): Entry | undefined {
    while (this.#queue.first?.isQueued === false) {
      this.#queue.shift()
      this.#removed--
    }
    return this.#queue.first
  }

  push(entry: Entry): void {
    entry.isQueued = true
    entry.hasWaited = true
    if (entry.messageId === 0) this.#bytes += entry.bytes
    this.#queue.push(entry)
  }

  /** Takes `first` out. */
  shift(): void {
    const entry = this.#queue.shift()
    entry.isQueued = false
    if (entry.messageId === 0) this.#bytes -= entry.bytes
  }

  takeOldest(more: () => boolean): Entry[] {
    const entries: Entry[] = []
    // What was sent before has a packet identifier, which the peer may know.
    for (let entry = this.first; entry?.messageId === 0 && more(); entry = this.first) {
      this.shift()
      entries.push(entry)
    }
    return entries
  }

  /** Takes all out. */
  takeAll(): Entry[] {
    const entries: Entry[] = []
    for (let entry = this.first; entry !== undefined; entry = this.first) {
      this.shift()
      entries.push(entry)
    }
    return entries
  }

  /** Takes an entry out, wherever it is, where it is in here. */
  remove(entry: Entry): void {
    if (!entry.isQueued) return
    entry.isQueued = false
    if (entry.messageId === 0) this.#bytes -= entry.bytes
    this.#removed++
    if (this.#removed < 64 || this.#removed * 2 < this.#queue.length) return
    this.#queue.retain(({ isQueued }) => isQueued)
    this.#removed = 0
  }
}
