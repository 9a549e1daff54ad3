import { parseTopicFilter, type QoS, TopicTree } from '@rxmqtt/core'
import { type Readiness, Share, type Wanted } from './shares.js'
import type { StoredSubscription } from './store.js'

export type { Wanted }

export interface SubscriptionsOptions<C> extends Readiness<C> {
  /** Levels of a filter. */
  readonly maximumLevels: number
}

/** What one client has subscribed to. */
interface Holder<C> {
  readonly client: C
  readonly entries: Map<string, Entry<C>>
  /** The last `match` that came across it, and where its first entry and its result are then. */
  round: number
  first: number
  place: number
}

interface Entry<C> {
  readonly holder: Holder<C>
  /** Undefined: it has its messages for itself. */
  readonly share: Share<C> | undefined
  /** It was made before those with higher numbers. */
  readonly order: number
  subscription: StoredSubscription
  /** Never changed, as it is given away. */
  wanted: Wanted<C>
}

const none: readonly number[] = Object.freeze([])

/**
 * Who subscribed to what. Clients are told apart as by `===`. A filter that begins with a wildcard has nothing to do with
 * topics that begin with `$` [MQTT-4.7.2-1].
 */
export class Subscriptions<C> {
  readonly #tree: TopicTree<Entry<C> | Share<C>>
  readonly #holders = new Map<C, Holder<C>>()
  /** By the whole filter: the same share name with another filter is another share. */
  readonly #shares = new Map<string, Share<C>>()
  readonly #readiness: Readiness<C>
  #size = 0
  #made = 0
  #round = 0

  constructor(options: SubscriptionsOptions<C>) {
    this.#tree = new TopicTree({ maximumLevels: options.maximumLevels })
    this.#readiness = options
  }

  /** Subscriptions of all clients. */
  get size(): number {
    return this.#size
  }

  /**
   * Adds a subscription. One that the client has with the same filter is replaced [MQTT-3.8.4-3]; a filter shared and not shared,
   * or with another share name, is another filter.
   *
   * @returns false where it replaced one
   * @throws MqttError `'invalid-option'` with reason 0x8F for an ill-formed filter or one with too many levels; nothing has
   * changed then
   */
  add(client: C, subscription: StoredSubscription): boolean {
    const filter = subscription.topic
    const known = this.#holders.get(client)?.entries.get(filter)
    if (known !== undefined) {
      known.subscription = subscription
      known.wanted = wantedBy(client, subscription, known.share !== undefined)
      return false
    }
    const isShared = parseTopicFilter(filter).share !== undefined
    const share = isShared ? (this.#shares.get(filter) ?? new Share<C>()) : undefined
    const holder = this.#holders.get(client) ?? { client, entries: new Map(), round: 0, first: 0, place: 0 }
    const wanted = wantedBy(client, subscription, isShared)
    const entry: Entry<C> = { holder, share, order: this.#made++, subscription, wanted }
    this.#tree.add(filter, share ?? entry)
    if (share !== undefined) {
      this.#shares.set(filter, share)
      share.add(entry)
    }
    this.#holders.set(client, holder)
    holder.entries.set(filter, entry)
    this.#size++
    return true
  }

  /** @returns false where the client has no subscription with this filter */
  remove(client: C, filter: string): boolean {
    const holder = this.#holders.get(client)
    const entry = holder?.entries.get(filter)
    if (holder === undefined || entry === undefined) return false
    this.#drop(filter, entry)
    holder.entries.delete(filter)
    if (holder.entries.size === 0) this.#holders.delete(client)
    return true
  }

  removeAll(client: C): void {
    const holder = this.#holders.get(client)
    if (holder === undefined) return
    for (const [filter, entry] of holder.entries) this.#drop(filter, entry)
    this.#holders.delete(client)
  }

  #drop(filter: string, entry: Entry<C>): void {
    const { share } = entry
    this.#size--
    share?.remove(entry)
    if (share?.isEmpty === false) return
    this.#tree.remove(filter, share ?? entry)
    this.#shares.delete(filter)
  }

  has(client: C, filter: string): boolean {
    return this.#holders.get(client)?.entries.has(filter) === true
  }

  /** Subscriptions of one client. */
  count(client: C): number {
    return this.#holders.get(client)?.entries.size ?? 0
  }

  /** What a client subscribed to, in the order in which it first did. */
  of(client: C): readonly StoredSubscription[] {
    const entries = this.#holders.get(client)?.entries
    return entries === undefined ? [] : Array.from(entries.values(), ({ subscription }) => subscription)
  }

  /**
   * Who gets a message with this topic, in no order. Each client is there once for all the subscriptions that it has for itself
   * and that match: with the highest QoS of these [MQTT-3.3.4-2] and all their identifiers [MQTT-3.3.4-3] [MQTT-3.3.4-4]
   * [MQTT-3.3.4-5], and with retain-as-published where one of them has it. Those with no-local don't count where the message is
   * from their client [MQTT-3.8.3-3]. Each shared subscription that matches adds one of its clients, also one that is there already.
   *
   * @param from - the client that published it; undefined: it was none
   */
  match(topic: string, from: C | undefined): readonly Wanted<C>[] {
    const found = this.#tree.match(topic)
    const all: Wanted<C>[] = []
    let overlaps: Map<Holder<C>, Entry<C>[]> | undefined
    const round = ++this.#round
    for (let i = 0; i < found.length; i++) {
      const entry = found[i]!
      if (entry instanceof Share) {
        const chosen = entry.choose(this.#readiness)
        if (chosen !== undefined) all.push(chosen)
        continue
      }
      const { holder, wanted } = entry
      if (holder.client === from && entry.subscription.nl === true) continue
      if (holder.round !== round) {
        holder.round = round
        holder.first = i
        holder.place = all.push(wanted) - 1
        continue
      }
      overlaps ??= new Map()
      const entries = overlaps.get(holder)
      if (entries === undefined) overlaps.set(holder, [found[holder.first] as Entry<C>, entry])
      else entries.push(entry)
    }
    if (overlaps !== undefined) for (const [{ place }, entries] of overlaps) all[place] = merged(entries)
    return all
  }
}

function wantedBy<C>(client: C, { qos, rap, identifier }: StoredSubscription, isShared: boolean): Wanted<C> {
  const identifiers = identifier === undefined ? none : Object.freeze([identifier])
  return Object.freeze({ client, qos, retainAsPublished: rap === true, identifiers, isShared })
}

/** Several of the same client. */
function merged<C>(entries: Entry<C>[]): Wanted<C> {
  entries.sort((a, b) => a.order - b.order)
  let qos: QoS = 0
  let retainAsPublished = false
  const identifiers: number[] = []
  for (const { wanted } of entries) {
    if (wanted.qos > qos) qos = wanted.qos
    retainAsPublished ||= wanted.retainAsPublished
    identifiers.push(...wanted.identifiers)
  }
  return { client: entries[0]!.holder.client, qos, retainAsPublished, identifiers, isShared: false }
}
