import { backoff, type Message, MqttError } from '@rxmqtt/core'
import { asyncScheduler, defer, EMPTY, ignoreElements, merge, type Observable, retry, tap } from 'rxjs'
import type { Client } from './client.js'
import type { Retained } from './retained.js'
import { route } from './routing.js'
import type { BrokerStore, RetainedMessage } from './store.js'
import type { Subscriptions } from './subscriptions.js'

/** What became of a message. */
export interface Published {
  /** Clients that it is on its way to. */
  readonly count: number
  /** Completes when it is stored where it has to be, also where that takes several attempts; undefined: it is. */
  readonly stored$: Observable<never> | undefined
}

/** How a message travels: kept where it is retained, then handed to the sessions of all who want it. */
export class Publishing {
  readonly #subscriptions: Subscriptions<Client>
  readonly #retained: Retained
  readonly #store: BrokerStore | undefined
  readonly #problem: (error: unknown) => void

  /** @param problem - told of what the store failed at */
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
    const written$ = message.retain === true ? this.#retain(message) : undefined
    const { count, storing } = route(this.#subscriptions, message, from)
    if (this.#store === undefined || (written$ === undefined && storing.length === 0))
      return { count, stored$: undefined }
    const flushed$ = storing.map(({ session }) => session.flush())
    return { count, stored$: this.#untilStored(merge(written$ ?? EMPTY, ...flushed$)) }
  }

  /**
   * A store that fails is asked again, less and less often: acknowledgements are in order, so that one that never came would
   * hold back all later ones of its client.
   */
  #untilStored(stored$: Observable<unknown>): Observable<never> {
    return stored$.pipe(ignoreElements(), tap({ error: this.#problem }), retry({ delay: backoff({ maximum: 30_000 }) }))
  }

  /** @returns stores it, again each time that it is subscribed to */
  #retain(message: Message): Observable<unknown> | undefined {
    const kept = retainedOf(message)
    const { topic, payload } = kept
    const { isKept, dropped } = this.#retained.set(kept)
    const isGone = payload.length === 0 || (isKept && dropped.includes(topic))
    for (const each of dropped) if (each !== topic || !isGone) this.#store?.removeRetained(each).catch(this.#problem)
    if (!isKept) throw new MqttError('overflow', 'no more retained messages are kept', { reasonCode: 0x97 })
    // Figures are of this process alone.
    if (this.#store === undefined || topic.startsWith('$SYS/')) return undefined
    return this.#write(this.#store, kept, isGone)
  }

  /** The first attempt is made at once, in the order of all; a later one only where no other message has taken its place. */
  #write(store: BrokerStore, kept: RetainedMessage, isGone: boolean): Observable<unknown> {
    const write = (): Promise<void> => (isGone ? store.removeRetained(kept.topic) : store.putRetained(kept))
    const isCurrent = (): boolean => this.#retained.match(kept.topic)[0] === (isGone ? undefined : kept)
    let first: Promise<void> | undefined = write()
    return defer(() => {
      const attempt$ = first ?? (isCurrent() ? write() : EMPTY)
      first = undefined
      return attempt$
    })
  }
}

/** @throws MqttError `'invalid-packet'` */
export function checkMessage({ topic, qos = 0 }: Message): void {
  if (typeof topic !== 'string' || topic === '' || /[+#\0]/.test(topic)) {
    const text = `PUBLISH topic must be a topic name without wildcards, not ${JSON.stringify(topic)} [MQTT-3.3.2-2]`
    throw new MqttError('invalid-packet', text)
  }
  if (qos !== 0 && qos !== 1 && qos !== 2) {
    throw new MqttError('invalid-packet', `PUBLISH qos must be 0, 1 or 2, not ${JSON.stringify(qos)} [MQTT-3.3.1-4]`)
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
