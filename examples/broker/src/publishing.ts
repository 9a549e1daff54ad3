import { type Message, MqttError } from '@rxmqtt/core'
import { asyncScheduler, EMPTY, ignoreElements, merge, type Observable } from 'rxjs'
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
  readonly #problem: (error: unknown) => void

  /** @param problem - told of what the store failed at where nobody waits for it */
  constructor(
    subscriptions: Subscriptions<Client>,
    retained: Retained,
    store: BrokerStore | undefined,
    problem: (error: unknown) => void,
  ) {
    this.#subscriptions = subscriptions
    this.#retained = retained
    this.#store = store
    this.#problem = problem
  }

  /** @throws MqttError `'overflow'`, 0x97, for one retained message too many; then nobody gets it */
  publish(message: Message, from?: Client): Published {
    const written = message.retain === true ? this.#retain(message) : undefined
    const { count, storing } = route(this.#subscriptions, message, from)
    if (this.#store === undefined || (written === undefined && storing.length === 0))
      return { count, stored$: undefined }
    const flushed$ = storing.map(({ session }) => session.flush())
    return { count, stored$: merge(written ?? EMPTY, ...flushed$).pipe(ignoreElements()) }
  }

  /** @returns what has to be stored first */
  #retain(message: Message): Promise<void> | undefined {
    const kept = retainedOf(message)
    const { topic, payload } = kept
    const { isKept, dropped } = this.#retained.set(kept)
    for (const each of dropped) this.#store?.removeRetained(each).catch(this.#problem)
    if (!isKept) throw new MqttError('overflow', 'no more retained messages are kept', { reasonCode: 0x97 })
    if (dropped.includes(topic)) return undefined
    return payload.length === 0 ? this.#store?.removeRetained(topic) : this.#store?.putRetained(kept)
  }
}

/** What is kept shares no bytes with the chunk in which it came. */
function retainedOf({ topic, payload = '', qos, properties: given }: Message): RetainedMessage {
  const { messageExpiryInterval: seconds, correlationData } = given ?? {}
  const properties = correlationData === undefined ? given : { ...given, correlationData: correlationData.slice() }
  return {
    topic,
    payload: typeof payload === 'string' ? new TextEncoder().encode(payload) : payload.slice(),
    qos,
    retain: true,
    properties,
    expiresAt: seconds === undefined ? undefined : asyncScheduler.now() + seconds * 1_000,
  }
}
