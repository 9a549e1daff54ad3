import { checkText } from '../codec/input.js'
import { checkTopicFilter, sharePrefix } from '../codec/validate.js'
import { shown } from '../codec/violation.js'
import { MqttError } from '../errors.js'
import type { ProtocolVersion } from '../packet/packet.js'

/** A topic filter in its parts. */
export interface TopicFilter {
  /** The share name of a shared subscription, which is `$share/name/filter`; otherwise undefined. */
  readonly share: string | undefined
  /** The filter that topics are compared with. */
  readonly filter: string
}

/**
 * Checks a topic filter and splits what a shared subscription has in front. Before MQTT 5 `$share` is a level like any
 * other.
 *
 * @param version - of the protocol whose rules hold; default 5
 * @throws MqttError `'invalid-option'` with reason 0x8F for a filter that the standard forbids [MQTT-4.7.1-1] [MQTT-4.7.1-2]
 * [MQTT-4.7.3-1] [MQTT-4.7.3-2] [MQTT-4.7.3-3] [MQTT-4.8.2-1] [MQTT-4.8.2-2]
 *
 * @example
 * ```ts
 * parseTopicFilter('$share/workers/jobs/+') // { share: 'workers', filter: 'jobs/+' }
 * parseTopicFilter('jobs/+') // { share: undefined, filter: 'jobs/+' }
 * ```
 */
export function parseTopicFilter(filter: string, version: ProtocolVersion = 5): TopicFilter {
  checkVersion(version)
  try {
    checkText(filter, 'topic filter')
    checkTopicFilter(filter, 'topic filter', version)
  } catch (error) {
    throw invalidFilter((error as MqttError).message)
  }
  if (version < 5 || !filter.startsWith(sharePrefix)) return { share: undefined, filter }
  const slash = filter.indexOf('/', sharePrefix.length)
  return { share: filter.slice(sharePrefix.length, slash), filter: filter.slice(slash + 1) }
}

/** @throws MqttError `'invalid-option'` for what is no version of MQTT */
export function checkVersion(version: ProtocolVersion): ProtocolVersion {
  if (version === 3 || version === 4 || version === 5) return version
  throw new MqttError('invalid-option', `version must be 3, 4 or 5, not ${shown(version)}`)
}

/** A filter that is not taken; the reason is that of SUBACK and UNSUBACK. */
export function invalidFilter(message: string): MqttError {
  return new MqttError('invalid-option', message, { reasonCode: 0x8f })
}

/**
 * The test of many topic names against one filter: checked and taken apart once, then linear in the topic, without a copy of
 * it. `+` stands for one level, also an empty one, `#` for the level before it and all below; a filter that begins with a
 * wildcard has nothing to do with topics that begin with `$` [MQTT-4.7.2-1]. Everything else is compared character for
 * character [MQTT-4.7.3-4]. A shared subscription takes what its filter takes. The empty topic, as of a PUBLISH that has but
 * an alias, matches nothing [MQTT-4.7.3-1].
 *
 * @param version - of the protocol whose rules hold; default 5
 * @throws MqttError `'invalid-option'` for an ill-formed filter, at the call; its test never throws
 *
 * @example
 * ```ts
 * const isState = topicMatcher('home/+/state')
 * isState('home/lamp/state') // true
 * isState('home/lamp/state/on') // false
 * ```
 */
export function topicMatcher(filter: string, version: ProtocolVersion = 5): (topic: string) => boolean {
  const { filter: own } = parseTopicFilter(filter, version)
  const levels = own.split('/')
  const isOpen = levels.at(-1) === '#'
  if (isOpen) levels.pop()
  if (!isOpen && !levels.includes('+')) return (topic) => topic === own
  const isWild = levels.length === 0 || levels[0] === '+'
  return (topic) => {
    if (topic === '' || (isWild && topic.startsWith('$'))) return false
    const end = topic.length
    // Where the next level begins; past `end` there is none.
    let at = 0
    for (const level of levels) {
      if (at > end) return false
      if (level === '+') {
        const slash = topic.indexOf('/', at)
        at = slash < 0 ? end + 1 : slash + 1
        continue
      }
      if (!topic.startsWith(level, at)) return false
      at += level.length
      if (at < end && topic[at] !== '/') return false
      at++
    }
    return isOpen || at > end
  }
}

/**
 * Whether a topic filter matches a topic name, as {@link topicMatcher} tells it, which is for many topics.
 *
 * @param version - of the protocol whose rules hold; default 5
 * @throws MqttError `'invalid-option'` for an ill-formed filter
 *
 * @example
 * ```ts
 * matchesFilter('sport/#', 'sport') // true
 * matchesFilter('#', '$SYS/uptime') // false
 * ```
 */
export function matchesFilter(filter: string, topic: string, version: ProtocolVersion = 5): boolean {
  return topicMatcher(filter, version)(topic)
}
