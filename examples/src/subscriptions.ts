import {
  type Connection,
  MqttError,
  type PublishProperties,
  type QoS,
  ReasonCode,
  type SubackReasonCode,
  type SubscribePacket,
  type Subscription,
  type UnsubscribePacket,
} from '@rxmqtt/core'
import { EMPTY, type Observable, of } from 'rxjs'

/** A message on its way through the server. */
export interface Message {
  readonly topic: string
  readonly payload: Uint8Array | string
  readonly qos: QoS
  readonly retain?: boolean | undefined
  readonly properties?: PublishProperties | undefined
  /** Whom it came from; missing for the server's own. */
  readonly from?: Connection | undefined
}

/** Topic filters that one peer may have. */
const maximumSubscriptions = 100

/** What one peer is subscribed to. */
export class Subscriptions {
  readonly #connection: Connection
  readonly #byFilter = new Map<string, Subscription>()

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Takes what a SUBSCRIBE asks for, and answers it. */
  add({ messageId, subscriptions, properties }: SubscribePacket): void {
    if (properties?.subscriptionIdentifier !== undefined) {
      const reasonCode = ReasonCode.SubscriptionIdentifiersNotSupported
      throw new MqttError('protocol-error', 'subscription identifiers were not offered', { reasonCode })
    }
    this.#connection.suback({ messageId, granted: subscriptions.map((each) => this.#grant(each)) })
  }

  /** Takes back what an UNSUBSCRIBE names, and answers it. */
  remove({ messageId, unsubscriptions }: UnsubscribePacket): void {
    const granted = unsubscriptions.map((topic) =>
      this.#byFilter.delete(topic) ? ReasonCode.Success : ReasonCode.NoSubscriptionExisted,
    )
    this.#connection.unsuback(this.#connection.protocol.version === 5 ? { messageId, granted } : { messageId })
  }

  /** What the peer gets of a message: one PUBLISH, with the highest QoS that message and subscriptions allow, or none. */
  delivery(message: Message): Observable<Omit<Message, 'from'>> {
    const { topic, payload, properties } = message
    const own = message.from === this.#connection
    const matching = [...this.#byFilter.values()].filter((each) => matches(each.topic, topic) && !(own && each.nl))
    if (matching.length === 0) return EMPTY
    const qos = Math.min(message.qos, Math.max(...matching.map((each) => each.qos))) as QoS
    const retain = message.retain === true && matching.some((each) => each.rap)
    const fields = { topic, payload, qos, retain }
    return of(this.#connection.protocol.version === 5 && properties !== undefined ? { ...fields, properties } : fields)
  }

  #grant(subscription: Subscription): SubackReasonCode {
    const { version } = this.#connection.protocol
    const { topic, qos } = subscription
    if (version === 5 && topic.startsWith('$share/')) return ReasonCode.SharedSubscriptionsNotSupported
    if (this.#byFilter.size >= maximumSubscriptions && !this.#byFilter.has(topic)) {
      if (version === 3) throw new MqttError('overflow', 'too many subscriptions, and MQTT 3.1 knows no refusal')
      return version === 5 ? ReasonCode.QuotaExceeded : ReasonCode.UnspecifiedError
    }
    this.#byFilter.set(topic, subscription)
    return qos
  }
}

/** Whether a topic filter, with `+` and `#`, matches a topic name [4.7]. */
export function matches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && !filter.startsWith('$')) return false
  const levels = topic.split('/')
  const pattern = filter.split('/')
  for (const [index, part] of pattern.entries()) {
    if (part === '#') return true
    if (index >= levels.length || (part !== '+' && part !== levels[index])) return false
  }
  return pattern.length === levels.length
}
