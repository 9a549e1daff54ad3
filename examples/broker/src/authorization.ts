import { matchesFilter, MqttError, parseTopicFilter, type PublishPacket, type Subscription } from '@rxmqtt/core'
import { defer, from, type Observable, of, take, throwIfEmpty } from 'rxjs'
import type { Authorization, Decision, Identity } from './options.js'

/** Topics that begin so are the broker's own, or none at all. */
const reserved = ['$SYS/', '$share/']

/**
 * Whether a client may publish this: true or false where that is known at once. Errors with what the hook throws or errors
 * with, and where it gives nothing.
 */
export function mayPublish(
  packet: PublishPacket,
  client: Identity,
  { publish }: Authorization,
): boolean | Observable<boolean> {
  const { topic } = packet
  if (topic.startsWith('$') && reserved.some((start) => topic.startsWith(start))) return false
  return publish === undefined || answer('publish', () => publish(packet, client))
}

/** Whether a client may subscribe to this filter; otherwise as {@link mayPublish}. */
export function maySubscribe(
  wish: Subscription,
  client: Identity,
  { subscribe }: Authorization,
): boolean | Observable<boolean> {
  return subscribe === undefined || answer('subscribe', () => subscribe(wish, client))
}

/**
 * Denies filters that ask for nothing but what these filters cover, shared ones too. Who asks for more, such as by `#`, is
 * let in.
 *
 * @throws MqttError `'invalid-option'` for what is no topic filter
 * @example
 * ```ts
 * openBroker({ authorization: { subscribe: denySubscribe(['secret/#']) } })
 * ```
 */
export function denySubscribe(filters: readonly string[]): (wish: Subscription) => boolean {
  for (const filter of filters) parseTopicFilter(filter)
  return ({ topic }) => {
    const { filter } = parseTopicFilter(topic)
    return !filters.some((denied) => matchesFilter(denied, filter))
  }
}

function answer(name: string, ask: () => Decision): Observable<boolean> {
  return defer(() => {
    const decision$ = ask()
    return typeof decision$ === 'boolean' ? of(decision$) : from(decision$)
  }).pipe(
    take(1),
    throwIfEmpty(() => new MqttError('invalid-option', `authorization.${name} must answer, it gave nothing`)),
  )
}
