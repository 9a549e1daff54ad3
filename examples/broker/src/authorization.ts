import { matchesFilter, MqttError, parseTopicFilter, type PublishPacket, type Subscription } from '@rxmqtt/core'
import { defer, from, type Observable, of, take, throwError, throwIfEmpty, timeout } from 'rxjs'
import type { Authorization, Decision, Identity } from './options.js'

/** Topics that are so, or begin so, are the broker's own, or none at all. */
const reserved = ['$SYS', '$share']
/** Milliseconds that the hook for PUBLISH may take: what comes behind waits for it, on the client's next connection too. */
const answerTimeout = 30_000

/**
 * Whether a client may publish this: true or false where that is known at once. Errors with what the hook throws or errors
 * with, and where it gives nothing, or not within 30 s.
 */
export function mayPublish(
  packet: PublishPacket,
  client: Identity,
  { publish }: Authorization,
): boolean | Observable<boolean> {
  const { topic } = packet
  if (topic.startsWith('$') && reserved.includes(topic.split('/', 1)[0]!)) return false
  return publish === undefined || answer('publish', () => inTime(publish(packet, client)))
}

/** @throws MqttError `'refused'`, 0x90 */
export function checkLevels(what: string, topic: string, maximum: number): void {
  // So many separators need so many characters.
  if (topic.length < maximum || topic.split('/').length <= maximum) return
  throw new MqttError('refused', `${what} must not have over ${maximum} levels`, { reasonCode: 0x90 })
}

/** Whether a client may subscribe to this filter; otherwise as {@link mayPublish}, but for the time. */
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

function inTime(decision$: Decision): Decision {
  if (typeof decision$ === 'boolean') return decision$
  const late = (): MqttError =>
    new MqttError('timeout', `authorization.publish did not answer within ${answerTimeout} ms`)
  return from(decision$).pipe(timeout({ first: answerTimeout, with: () => throwError(late) }))
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
