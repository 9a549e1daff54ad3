import type { Subscriber } from 'rxjs'
import type { MqttError } from '../errors.js'
import { Queue } from '../operators/queue.js'
import type { QoS } from '../packet/packet.js'
import { expiryOf, type Message, type PublishResult } from './message.js'
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
  isOver = false

  constructor(message: Message | undefined, qos: QoS, expiresAt: number | undefined) {
    this.message = message
    this.qos = qos
    this.expiresAt = expiresAt
  }

  static of(message: Message, subscriber: Subscriber<PublishResult>): Entry {
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

  succeed(result: PublishResult): void {
    this.isOver = true
    this.subscriber?.next(result)
    this.subscriber?.complete()
  }

  fail(error: MqttError): void {
    this.isOver = true
    this.subscriber?.error(error)
  }
}

/** Entries that wait, in order; each may be over at any time. */
export class EntryQueue {
  readonly #queue = new Queue<Entry>()
  #over = 0

  /** Entries that are not over. */
  get length(): number {
    return this.#queue.length - this.#over
  }

  /** The next entry that is not over. */
  get first(): Entry | undefined {
    while (this.#queue.first?.isOver === true) {
      this.#queue.shift()
      this.#over--
    }
    return this.#queue.first
  }

  push(entry: Entry): void {
    entry.isQueued = true
    entry.hasWaited = true
    this.#queue.push(entry)
  }

  /** Takes `first` out. */
  shift(): void {
    this.#queue.shift().isQueued = false
  }

  /** All that are not over; the queue is empty then. */
  takeAll(): Entry[] {
    const entries: Entry[] = []
    for (let entry = this.first; entry !== undefined; entry = this.first) {
      this.shift()
      entries.push(entry)
    }
    return entries
  }

  /** Notes that an entry in here is over. */
  noteOver(): void {
    this.#over++
    if (this.#over < 64 || this.#over * 2 < this.#queue.length) return
    this.#queue.retain((entry) => !entry.isOver)
    this.#over = 0
  }
}
