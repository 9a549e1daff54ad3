import { type Delivery, type Message, MqttError, type PublishPacket } from '@rxmqtt/core'
import { catchError, concatMap, defer, EMPTY, finalize, type Observable, tap } from 'rxjs'
import { mayPublish } from './authorization.js'
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
 * Takes what one client publishes, as long as its session lasts: asks whether it may, hands it on, and acknowledges it once
 * it is stored. While a hook decides, the client is held back.
 */
export function incoming(client: Client, settings: BrokerSettings, host: IncomingHost): Observable<unknown> {
  const { authorization, maximumLevels } = settings

  function take(delivery: Delivery): void {
    const { packet } = delivery
    const message = messageOf(packet)
    try {
      checkLevels(packet, maximumLevels)
      acknowledge(delivery, host.publish(message, client))
    } catch (error) {
      refuse(delivery, error as MqttError)
    }
  }

  function acknowledge(delivery: Delivery, { count, stored$ }: Published): void {
    if (delivery.packet.qos === 0) {
      client.life.add(stored$?.subscribe({ error: (error: unknown) => host.problem(error) }))
      return
    }
    // 0x10: nobody has subscribed to it.
    const ack = (): void => delivery.ack(count === 0 ? 0x10 : 0x00)
    if (stored$ === undefined) ack()
    // What could not be stored is not acknowledged: the client sends it again.
    else client.life.add(stored$.subscribe({ complete: ack, error: (error: unknown) => host.problem(error) }))
  }

  function refuse(delivery: Delivery, error: MqttError): void {
    host.refused(client, messageOf(delivery.packet), error)
    delivery.ack(error.reasonCode === 0x97 || error.reasonCode === 0x90 ? error.reasonCode : 0x87)
  }

  function decide(delivery: Delivery): Observable<unknown> {
    const answer$ = mayPublish(delivery.packet, client.identity!, authorization)
    const settle = (isAllowed: boolean): void => (isAllowed ? take(delivery) : refuse(delivery, notAllowed()))
    if (typeof answer$ === 'boolean') {
      settle(answer$)
      return EMPTY
    }
    return defer(() => {
      const { connection } = client
      connection?.pause()
      return answer$.pipe(finalize(() => connection?.resume()))
    }).pipe(
      tap(settle),
      catchError((error: unknown) => {
        host.problem(error)
        settle(false)
        return EMPTY
      }),
    )
  }

  const { messages$ } = client.session
  if (authorization.publish === undefined) return messages$.pipe(tap((delivery) => decide(delivery)))
  return messages$.pipe(concatMap(decide))
}

function notAllowed(): MqttError {
  return new MqttError('refused', 'the client may not publish this', { reasonCode: 0x87 })
}

/** @throws MqttError, 0x90 */
function checkLevels({ topic }: PublishPacket, maximum: number): void {
  // So many separators need so many characters.
  if (topic.length < maximum || topic.split('/').length <= maximum) return
  throw new MqttError('refused', `PUBLISH topic must not have over ${maximum} levels`, { reasonCode: 0x90 })
}

/** The message of a PUBLISH: all its properties but what belongs to the connection. */
function messageOf({ topic, payload, qos, retain, properties }: PublishPacket): Message {
  if (properties?.topicAlias === undefined) return { topic, payload, qos, retain, properties }
  const { topicAlias: _, ...others } = properties
  return { topic, payload, qos, retain, properties: others }
}
