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
  /** Connected and not full: these come first. */
  isReady(client: C): boolean
  /** Its session takes a message into its queue. */
  isAlive(client: C): boolean
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

  /** The next member that is ready, or else the next whose session is alive, or else nobody. */
  choose(readiness: Readiness<C>): Wanted<C> | undefined {
    const members = this.#members
    let fallback = -1
    for (let i = 0; i < members.length; i++) {
      const index = (this.#next + i) % members.length
      const { client } = members[index]!.wanted
      if (readiness.isReady(client)) return this.#take(index)
      if (fallback < 0 && readiness.isAlive(client)) fallback = index
    }
    return fallback < 0 ? undefined : this.#take(fallback)
  }

  #take(index: number): Wanted<C> {
    this.#next = index + 1
    return this.#members[index]!.wanted
  }
}
