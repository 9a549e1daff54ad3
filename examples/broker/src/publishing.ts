import { type Message, MqttError } from '@rxmqtt/core'
import { asyncScheduler, ignoreElements, merge, type Observable, type ObservableInput } from 'rxjs'
import type { Client } from './client.js'
import type { Retained } from './retained.js'
import { route } from './routing.js'
import type { BrokerStore, RetainedMessage } from './store.js'
import type { Subscriptions } from './subscriptions.js'

/** What became of a message. */
export interface Published {
  /** Clients that it is on its way to. */
  readonly count: number
  /** Completes when it is stored where it has to be; undefined: it is. Errors with MqttError `'store'`. */
  readonly stored$: Observable<never> | undefined
}

/** How a message travels: kept where it is retained, then handed to the sessions of all who want it. */
export class Publishing {
  readonly #subscriptions: Subscriptions<Client>
  readonly #retained: Retained
  readonly #store: BrokerStore | undefined

  constructor(subscriptions: Subscriptions<Client>, retained: Retained, store: BrokerStore | undefined) {
    this.#subscriptions = subscriptions
    this.#retained = retained
    this.#store = store
  }

  /** @throws MqttError `'overflow'`, 0x97, for one retained message too many; then nobody gets it */
  publish(message: Message, from?: Client): Published {
    const writes = message.retain === true ? this.#retain(message) : []
    const { count, storing } = route(this.#subscriptions, message, from)
    if (this.#store === undefined || (writes.length === 0 && storing.length === 0)) return { count, stored$: undefined }
    const stored$ = merge(...writes, ...storing.map(({ session }) => session.flush())).pipe(ignoreElements())
    return { count, stored$ }
  }

  #retain(message: Message): ObservableInput<void>[] {
    const kept = retainedOf(message)
    const { isKept, dropped } = this.#retained.set(kept)
    if (!isKept) throw new MqttError('overflow', 'no more retained messages are kept', { reasonCode: 0x97 })
    const store = this.#store
    if (store === undefined) return []
    const own = kept.payload.length === 0 ? store.removeRetained(kept.topic) : store.putRetained(kept)
    return [own, ...dropped.map((topic) => store.removeRetained(topic))]
  }
}

function retainedOf({ topic, payload = '', qos, properties }: Message): RetainedMessage {
  const seconds = properties?.messageExpiryInterval
  return {
    topic,
    payload: typeof payload === 'string' ? new TextEncoder().encode(payload) : payload.slice(),
    qos,
    retain: true,
    properties,
    expiresAt: seconds === undefined ? undefined : asyncScheduler.now() + seconds * 1_000,
  }
}
