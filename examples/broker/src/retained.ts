import { messageBytes } from '@rxmqtt/core'
import { asyncScheduler } from 'rxjs'
import { ExpiryHeap } from './expiry-heap.js'
import type { RetainedMessage } from './store.js'
import { TopicMap } from './topic-map.js'

export interface RetainedOptions {
  /** Messages. */
  readonly maximum: number
  /** Bytes of their payloads and properties. */
  readonly maximumBytes: number
  /** One message too many: refused, or in place of those that came first. */
  readonly overflow: 'refuse' | 'drop-oldest'
}

/** What became of a message. */
export interface RetainedChange {
  /** False: it was refused, and everything is as before. */
  readonly isKept: boolean
  /** Topics whose message is gone, beside the one that this message replaced; its own where it has expired already. */
  readonly dropped: readonly string[]
}

interface Kept {
  readonly message: RetainedMessage
  readonly size: number
  readonly expiresAt: number
  place: number
  /** It came before those with higher numbers. */
  readonly order: number
  /** By arrival. */
  before: Kept | undefined
  after: Kept | undefined
}

const kept: RetainedChange = { isKept: true, dropped: [] }
const refused: RetainedChange = { isKept: false, dropped: [] }

/**
 * The last retained message of each topic [MQTT-3.3.1-5], found by filter. One that has expired is never found, makes room for
 * others, and is forgotten by `removeExpired`. Time is RxJS time.
 */
export class Retained {
  readonly #maximum: number
  readonly #maximumBytes: number
  readonly #dropsOldest: boolean
  readonly #topics = new TopicMap<Kept>()
  readonly #expiring = new ExpiryHeap<Kept>()
  #oldest: Kept | undefined
  #newest: Kept | undefined
  #arrived = 0
  #size = 0
  #bytes = 0

  constructor({ maximum, maximumBytes, overflow }: RetainedOptions) {
    this.#maximum = maximum
    this.#maximumBytes = maximumBytes
    this.#dropsOldest = overflow === 'drop-oldest'
  }

  /** Messages, with those that have expired and are not forgotten yet. */
  get size(): number {
    return this.#size
  }

  /** Of their payloads and properties. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Keeps a message in place of the earlier one of its topic [MQTT-3.3.1-5]; one with an empty payload takes that away and is not
   * kept itself [MQTT-3.3.1-6] [MQTT-3.3.1-7], nor is one that has expired. The payload must not be a view of more: it is kept as
   * it is. One that is larger than all may be together is refused, whatever `overflow` says.
   */
  set(message: RetainedMessage): RetainedChange {
    const { topic, payload, expiresAt = Number.POSITIVE_INFINITY } = message
    const isEmpty = payload.byteLength === 0
    const size = messageBytes(message)
    const now = asyncScheduler.now()
    let earlier = this.#topics.get(topic)
    if (isEmpty || expiresAt <= now) {
      if (earlier !== undefined) this.#remove(earlier)
      return isEmpty ? kept : { isKept: true, dropped: [topic] }
    }
    if (size > this.#maximumBytes) return refused
    const dropped: string[] = []
    while (this.#isTooMuch(size, earlier)) {
      const gone = this.#firstExpired(now) ?? (this.#dropsOldest ? this.#oldest : undefined)
      if (gone === undefined) return { isKept: false, dropped }
      this.#remove(gone)
      dropped.push(gone.message.topic)
      if (gone === earlier) earlier = undefined
    }
    if (earlier !== undefined) this.#remove(earlier)
    this.#add({ message, size, expiresAt, place: 0, order: this.#arrived++, before: this.#newest, after: undefined })
    return dropped.length === 0 ? kept : { isKept: true, dropped: dropped.filter((each) => each !== topic) }
  }

  /**
   * The messages of all topics that a filter matches, in the order in which they came, as they are kept: `withTimeLeft` is for
   * when one leaves. A filter that begins with a wildcard finds no topics that begin with `$` [MQTT-4.7.2-1]. For a shared
   * subscription nothing is asked [4.8.2].
   */
  match(filter: string): RetainedMessage[] {
    const now = asyncScheduler.now()
    return this.#topics
      .match(filter)
      .filter(({ expiresAt }) => expiresAt > now)
      .sort((a, b) => a.order - b.order)
      .map(({ message }) => message)
  }

  /**
   * Forgets messages that have expired, so many at a time.
   *
   * @returns their topics
   */
  removeExpired(most = 10_000): string[] {
    const now = asyncScheduler.now()
    const topics: string[] = []
    for (
      let gone = this.#firstExpired(now);
      gone !== undefined && topics.length < most;
      gone = this.#firstExpired(now)
    ) {
      this.#remove(gone)
      topics.push(gone.message.topic)
    }
    return topics
  }

  /** Whether there is no room for a message of this size in place of an earlier one. */
  #isTooMuch(size: number, earlier: Kept | undefined): boolean {
    const isNew = earlier === undefined
    const bytes = this.#bytes + size - (isNew ? 0 : earlier.size)
    return this.#size + (isNew ? 1 : 0) > this.#maximum || bytes > this.#maximumBytes
  }

  #firstExpired(now: number): Kept | undefined {
    const { first } = this.#expiring
    return first !== undefined && first.expiresAt <= now ? first : undefined
  }

  #add(item: Kept): void {
    this.#topics.set(item.message.topic, item)
    if (item.expiresAt < Number.POSITIVE_INFINITY) this.#expiring.add(item)
    if (this.#newest === undefined) this.#oldest = item
    else this.#newest.after = item
    this.#newest = item
    this.#size++
    this.#bytes += item.size
  }

  #remove(item: Kept): void {
    const { before, after } = item
    this.#topics.delete(item.message.topic)
    if (item.expiresAt < Number.POSITIVE_INFINITY) this.#expiring.delete(item)
    if (before === undefined) this.#oldest = after
    else before.after = after
    if (after === undefined) this.#newest = before
    else after.before = before
    this.#size--
    this.#bytes -= item.size
  }
}

/** A message with the expiry interval that it has left, in seconds: the one that it came with, without its wait [MQTT-3.3.2-6]. */
export function withTimeLeft(message: RetainedMessage): RetainedMessage {
  const { expiresAt, properties } = message
  if (expiresAt === undefined) return message
  const messageExpiryInterval = Math.max(0, Math.ceil((expiresAt - asyncScheduler.now()) / 1_000))
  return { ...message, properties: { ...properties, messageExpiryInterval } }
}
