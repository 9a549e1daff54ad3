import { filter, type MonoTypeOperatorFunction } from 'rxjs'
import type { ProtocolVersion } from '../packet/packet.js'
import { topicMatcher } from '../topics/topic-filter.js'

/** A PUBLISH packet, or what a session delivers, which has one. */
export type WithTopic = { readonly topic: string } | { readonly packet: { readonly topic: string } }

/**
 * Lets pass the messages whose topic matches a filter, by the rules of {@link topicMatcher}: the packets of `publish$`, or
 * the deliveries of a session's `messages$`. A delivery that doesn't pass is not acknowledged by that: with manual
 * acknowledgement someone must take it from a shared `messages$`. A PUBLISH with an alias in place of its topic has none
 * that matches; a session puts the topic in.
 *
 * @param topicFilter - such as `'home/+/state'`; of `$share/name/filter` the filter counts
 * @param version - of the protocol whose rules hold; default 5
 * @throws MqttError `'invalid-option'` for an ill-formed filter, at the call
 *
 * @example
 * ```ts
 * connection.publish$.pipe(ofTopic('home/+/state')) // Observable<PublishPacket>
 * ```
 */
export function ofTopic<T extends WithTopic>(
  topicFilter: string,
  version: ProtocolVersion = 5,
): MonoTypeOperatorFunction<T> {
  const matches = topicMatcher(topicFilter, version)
  return filter((value) => matches('packet' in value ? value.packet.topic : value.topic))
}
