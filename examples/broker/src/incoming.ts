import { type Delivery, type Message, MqttError, type PubackReasonCode, type PublishPacket } from '@rxmqtt/core'
import { catchError, concatAll, finalize, map, type Observable, of, tap } from 'rxjs'
import { checkLevels, mayPublish } from './authorization.js'
import type { Client } from './client.js'
import type { Published } from './publishing.js'
import type { BrokerSettings } from './settings.js'

/** What becomes of the messages that clients send. */
export interface IncomingHost {
  publish(message: Message, from: Client): Published
  /** A client may not publish this, or the broker can't take it. */
  refused(client: Client, message: Message, error: MqttError): void
  problem(error: unknown): void
}

/**
 * Takes what clients publish: asks whether they may, hands it on, and acknowledges it once it is stored. While a hook decides,
 * the client is held back.
 */
export class Incoming {
  readonly #settings: BrokerSettings
  readonly #host: IncomingHost

  constructor(settings: BrokerSettings, host: IncomingHost) {
    this.#settings = settings
    this.#host = host
  }

  /** Takes what one client publishes, as long as it is subscribed to. */
  from(client: Client): Observable<unknown> {
    const { messages$ } = client.session
    const { publish } = this.#settings.authorization
    if (publish === undefined) return messages$.pipe(tap((delivery) => this.#decideNow(client, delivery)))
    return messages$.pipe(
      map((delivery) => this.#decide(client, delivery)),
      concatAll(),
    )
  }

  #decideNow(client: Client, delivery: Delivery): void {
    this.#settle(client, delivery, mayPublish(delivery.packet, client.identity!, {}) === true)
  }

  /** Holds its connection back from now on: what an earlier one of the client has left may still be decided. */
  #decide(client: Client, delivery: Delivery): Observable<unknown> {
    const { connection, identity } = client
    const answer$ = mayPublish(delivery.packet, identity!, this.#settings.authorization)
    connection?.pause()
    return (typeof answer$ === 'boolean' ? of(answer$) : answer$).pipe(
      finalize(() => connection?.resume()),
      catchError((error: unknown) => {
        this.#host.problem(error)
        return of(false)
      }),
      tap((isAllowed) => this.#settle(client, delivery, isAllowed)),
    )
  }

  #settle(client: Client, delivery: Delivery, isAllowed: boolean): void {
    const { packet } = delivery
    const message = messageOf(packet)
    try {
      if (!isAllowed) throw new MqttError('refused', 'the client may not publish this', { reasonCode: 0x87 })
      checkLevels('PUBLISH topic', packet.topic, this.#settings.maximumLevels)
      this.#acknowledge(client, delivery, this.#host.publish(message, client))
    } catch (error) {
      this.#host.refused(client, message, error as MqttError)
      delivery.ack((error as MqttError).reasonCode as PubackReasonCode)
    }
  }

  #acknowledge(client: Client, delivery: Delivery, { count, stored$ }: Published): void {
    // 0x10: nobody has subscribed to it.
    const ack = (): void => delivery.ack(count === 0 ? 0x10 : 0x00)
    if (stored$ === undefined) return ack()
    client.life.add(stored$.subscribe({ complete: ack }))
  }
}

/** The message of a PUBLISH: all its properties but what belongs to the connection. */
function messageOf({ topic, payload, qos, retain, properties }: PublishPacket): Message {
  if (properties?.topicAlias === undefined) return { topic, payload, qos, retain, properties }
  const { topicAlias: _, ...others } = properties
  return { topic, payload, qos, retain, properties: others }
}
