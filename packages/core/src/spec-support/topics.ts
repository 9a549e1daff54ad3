import fc from 'fast-check'
import type { ProtocolVersion } from '../packet/packet.js'

const topicLevel = fc.constantFrom('', 'a', 'a', 'b', 'ab', '$SYS', '$share', '__proto__')
const filterLevel = fc.oneof({ weight: 2, arbitrary: topicLevel }, { weight: 1, arbitrary: fc.constant('+') })
const first = fc.oneof({ weight: 4, arbitrary: filterLevel }, { weight: 1, arbitrary: fc.constant('$share') })

/** Filters of few levels that meet often; some of them ill-formed as shared subscriptions, or empty. */
export const anyFilter: fc.Arbitrary<string> = fc
  .tuple(fc.option(first, { freq: 15 }), fc.array(filterLevel, { maxLength: 3 }), fc.boolean())
  .map(([begin, levels, isOpen]) => [...(begin === null ? [] : [begin, ...levels]), ...(isOpen ? ['#'] : [])].join('/'))

/** Topic names of the same levels, sometimes empty. */
export const anyTopic: fc.Arbitrary<string> = fc
  .array(topicLevel, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))

/** Whether a well-formed filter matches a topic, told by a regular expression. */
export function oracle(filter: string, topic: string, version: ProtocolVersion = 5): boolean {
  const own = version === 5 ? filter.replace(/^\$share\/[^/]+\//, '') : filter
  const source = own
    .replaceAll(/[$]/g, '\\$&')
    .replace(/^\+/, '(?!\\$)[^/]*')
    .replaceAll('/+', '/[^/]*')
    .replace(/^#$/, '(?!\\$).*')
    .replace(/\/#$/, '(/.*)?')
  return topic !== '' && new RegExp(`^${source}$`, 'su').test(topic)
}
