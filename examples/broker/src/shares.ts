import type { QoS } from '@rxmqtt/core'

/** How a client wants a message: its subscription, or several of them as one. */
export interface Wanted<C> {
  readonly client: C
  /** The highest that was granted: the message has this or its own, whichever is lower. */
  readonly qos: QoS
  /** MQTT 5: the message keeps its retain flag. */
  readonly retainAsPublished: boolean
  /** MQTT 5: of the subscriptions that match, in the order in which they were made. */
  readonly identifiers: readonly number[]
  readonly isShared: boolean
}

/** Whom a message of a shared subscription may go to. */
export interface Readiness<C> {
  /** 0 for a client that is ready for a message of this QoS; more, the less it is; Infinity where the message would be lost. */
  rankOf(client: C, qos: QoS): number
}

/** A client in a group. A later subscription of it gives other terms. */
export interface Member<C> {
  readonly wanted: Wanted<C>
}

/**
 * The clients that have the same shared subscription, which is the same share name with the same filter. Each message goes to
 * one of them, in turn, with the QoS that its own subscription was granted [MQTT-4.8.2-3]. The choice is made once: whether that
 * client comes back for its message [MQTT-4.8.2-4], its session ends before it does [MQTT-4.8.2-5], or it refuses the message
 * [MQTT-4.8.2-6], nobody else gets it.
 */
export class Share<C> {
  readonly #members: Member<C>[] = []
  #next = 0

  get isEmpty(): boolean {
    return this.#members.length === 0
  }

  add(member: Member<C>): void {
    this.#members.push(member)
  }

  /** It is out at once; the turn of the others is as before. */
  remove(member: Member<C>): void {
    const index = this.#members.indexOf(member)
    if (index < 0) return
    this.#members.splice(index, 1)
    if (index < this.#next) this.#next--
  }

  /** The next of the members that are the most ready, or nobody. */
  choose(readiness: Readiness<C>): Wanted<C> | undefined {
    const members = this.#members
    let best = -1
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < members.length && least > 0; i++) {
      const index = (this.#next + i) % members.length
      const { client, qos } = members[index]!.wanted
      const rank = readiness.rankOf(client, qos)
      if (rank >= least) continue
      least = rank
      best = index
    }
    return best < 0 ? undefined : this.#take(best)
  }

  #take(index: number): Wanted<C> {
    this.#next = index + 1
    return this.#members[index]!.wanted
  }
}
