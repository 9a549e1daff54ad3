import type { Message, QoS } from '@rxmqtt/core'
import {
  asapScheduler,
  catchError,
  defer,
  EMPTY,
  exhaustMap,
  filter,
  from,
  mergeMap,
  type Observable,
  repeat,
  scheduled,
  Subject,
  subscribeOn,
  takeUntil,
} from 'rxjs'
import { withTimeLeft } from './retained.js'
import type { RetainedMessage, StoredSubscription } from './store.js'

/** Retained messages of one client on their way at a time: the others are not in its queue yet, and can't overflow it. */
const concurrency = 32

/** How a client gets a message: what its subscriptions ask for. */
export interface Terms {
  readonly qos: QoS
  readonly retain: boolean
  readonly identifiers: readonly number[]
}

/** The retained messages that match a filter. */
export type RetainedFor = (filter: string) => readonly RetainedMessage[]

/**
 * Sends a client the retained messages of its new subscriptions, in the order of these, each with the retain flag
 * [MQTT-3.3.1-8]. They go at the pace of the client; a filter waits only once.
 */
export class Replay {
  readonly #send: (message: Message, terms: Terms) => Observable<unknown>
  readonly #retainedFor: RetainedFor
  readonly #waiting = new Map<string, StoredSubscription>()
  readonly #wake = new Subject<void>()
  /** A filter that is not wanted any more; undefined: none is. */
  readonly #gone = new Subject<string | undefined>()
  /** Sends as long as it is subscribed to. */
  readonly sending$: Observable<unknown>

  /** @param send - sends when it is subscribed to, and tells when the message has arrived */
  constructor(send: (message: Message, terms: Terms) => Observable<unknown>, retainedFor: RetainedFor) {
    this.#send = send
    this.#retainedFor = retainedFor
    const more = (): Observable<unknown> => (this.#waiting.size === 0 ? EMPTY : scheduled([0], asapScheduler))
    this.sending$ = this.#wake.pipe(exhaustMap(() => defer(() => this.#first()).pipe(repeat({ delay: more }))))
  }

  add(subscription: StoredSubscription): void {
    this.#waiting.set(subscription.topic, subscription)
    this.#wake.next()
  }

  /** What did not begin to be sent is not wanted any more [MQTT-3.10.4-2]. */
  remove(filter: string): void {
    this.#waiting.delete(filter)
    this.#gone.next(filter)
  }

  clear(): void {
    this.#waiting.clear()
    this.#gone.next(undefined)
  }

  #first(): Observable<unknown> {
    const [subscription] = this.#waiting.values()
    if (subscription === undefined) return EMPTY
    const { topic, qos, identifier } = subscription
    this.#waiting.delete(topic)
    const terms = { qos, retain: true, identifiers: identifier === undefined ? [] : [identifier] }
    return from(this.#retainedFor(topic)).pipe(
      // Later: a long row of those that leave at once must not be one deep stack.
      mergeMap((message) => defer(() => this.#sendNow(message, terms)).pipe(subscribeOn(asapScheduler)), concurrency),
      takeUntil(this.#gone.pipe(filter((gone) => gone === undefined || gone === topic))),
    )
  }

  #sendNow(message: RetainedMessage, terms: Terms): Observable<unknown> {
    if (!this.#isCurrent(message)) return EMPTY
    // The session's `dropped$` tells.
    return this.#send(withTimeLeft(message), terms).pipe(catchError(() => EMPTY))
  }

  /** What took its place while it waited has been sent as any other message. */
  #isCurrent(message: RetainedMessage): boolean {
    return this.#retainedFor(message.topic)[0] === message
  }
}
