import { Observable, throwError, timeout } from 'rxjs'
import { checkTime } from '../codec/limits.js'
import { checkTopicName } from '../codec/validate.js'
import { invalidPacket, refusal } from '../codec/violation.js'
import { MqttError } from '../errors.js'
import type { PublishPacket } from '../packet/packet.js'
import type { Message, PublishResult } from '../session/message.js'
import type { Session } from '../session/session.js'

/** Where the answer comes, and how long it may take. */
export interface RequestOptions {
  /**
   * A topic without wildcards, to which the session is subscribed; where CONNACK has `responseInformation`, one that
   * begins with it.
   */
  readonly responseTopic: string
  /**
   * Milliseconds for the answer, the connection that is waited for included.
   *
   * @default 30,000
   */
  readonly timeout?: number | undefined
}

/** Differs between processes, so that an answer to one that is gone is no answer to this one. */
const origin = Math.floor(Math.random() * 0x1_0000_0000)
let requests = 0

/**
 * Publishes a request and emits the answer to it, each time it is subscribed to [MQTT5 4.10]: the message on
 * `responseTopic` with the request's correlation data, which then doesn't reach `messages$`. Both ends need MQTT 5.
 *
 * Errors with `'timeout'`, with `'refused'` and reason 0x10 where the server says that nobody is subscribed to the topic,
 * and as `publish` of the session does.
 *
 * @throws MqttError `'invalid-option'`, `'invalid-packet'` for a `responseTopic` that is no topic
 * @example
 * ```ts
 * session.subscribe({ subscriptions: [{ topic: 'answers/me', qos: 1 }] }).pipe(
 *   switchMap(() => request(session, { topic: 'time', qos: 1 }, { responseTopic: 'answers/me', timeout: 5_000 })),
 * )
 * ```
 */
export function request(session: Session, message: Message, options: RequestOptions): Observable<PublishPacket> {
  const { responseTopic } = options
  const limit = checkTime('timeout', options.timeout, 30_000)
  try {
    checkTopicName(responseTopic, 'PUBLISH responseTopic', 'MQTT-3.3.2-14')
  } catch (error) {
    throw refusal(error)
  }
  const late = (): Observable<never> =>
    throwError(() => new MqttError('timeout', `no answer to the request on ${message.topic} within ${limit} ms`))
  const answer$ = new Observable<PublishPacket>((subscriber) => {
    const correlationData = nextCorrelation()
    subscriber.add(
      session.claim((packet) => {
        if (packet.topic !== responseTopic || !isSame(packet.properties?.correlationData, correlationData)) return false
        subscriber.next(packet)
        subscriber.complete()
        return true
      }),
    )
    const properties = { ...message.properties, responseTopic, correlationData }
    subscriber.add(
      session.publish({ ...message, properties }).subscribe({
        next: ({ reasonCode }) => {
          if (reasonCode !== 0x10) return
          const text = `nobody is subscribed to the topic of the request, ${message.topic}`
          subscriber.error(new MqttError('refused', text, { reasonCode }))
        },
        error: (error: unknown) => subscriber.error(error),
      }),
    )
  })
  return answer$.pipe(timeout({ first: limit, with: late }))
}

/**
 * Publishes the answer to a request: on its response topic, with its correlation data [MQTT-3.3.2-15].
 *
 * Errors as `publish` of the session does.
 *
 * @throws MqttError `'invalid-packet'` for a message that asks for no answer
 * @example
 * ```ts
 * session.messages$.pipe(
 *   mergeMap(({ packet }) => respond(session, packet, { payload: new Date().toISOString(), qos: 1 })),
 * )
 * ```
 */
export function respond(
  session: Session,
  { properties }: PublishPacket,
  message: Omit<Message, 'topic'>,
): Observable<PublishResult> {
  const { responseTopic, correlationData } = properties ?? {}
  if (responseTopic === undefined)
    throw invalidPacket('PUBLISH that is answered must have a responseTopic [MQTT5 4.10]')
  return session.publish({
    ...message,
    topic: responseTopic,
    properties: { ...message.properties, correlationData },
  })
}

function nextCorrelation(): Uint8Array {
  const bytes = new Uint8Array(12)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, origin)
  view.setBigUint64(4, BigInt(++requests))
  return bytes
}

function isSame(received: Uint8Array | undefined, sent: Uint8Array): boolean {
  return received?.length === sent.length && received.every((byte, index) => byte === sent[index])
}
