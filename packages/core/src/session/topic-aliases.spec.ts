import { packets } from '../testing/packets.js'
import { flat } from '../testing/flat.js'
import type { PublishPacket } from '../packet/packet.js'
import { ReceivedAliases, SentAliases } from './topic-aliases.js'

const incoming = (topic: string, topicAlias?: number): PublishPacket =>
  ({ ...packets.publish({ topic }), ...(topicAlias !== undefined && { properties: { topicAlias } }) }) as PublishPacket

const thrown = (action: () => unknown): unknown => {
  try {
    return action()
  } catch (error) {
    return flat(error)
  }
}

describe('SentAliases', () => {
  /** The number of each topic in turn: `+` where it is new to the peer. */
  const numbers = (maximum: number, topics: string): string => {
    const aliases = new SentAliases(maximum)
    const number = (topic: string): string => `${aliases.known(topic) ?? `+${aliases.assign(topic) ?? ''}`}`
    return [...topics].map(number).join(' ')
  }

  it.each([
    [0, 'aab', '+ + +'],
    [1, 'aabba', '+1 1 +1 1 +1'],
    [2, 'abacb', '+1 +2 1 +2 +1'],
    [3, 'abcdabcd', '+1 +2 +3 +1 +2 +3 +1 +2'],
    [3, 'abcabcd', '+1 +2 +3 1 2 3 +1'],
  ])(
    'with a maximum of %i, %s: the number that was used longest ago goes to a new topic',
    (maximum, topics, expected) => {
      expect(numbers(maximum, topics)).toBe(expected)
    },
  )

  it('an alias that did not reach the peer is given to the next topic', () => {
    const aliases = new SentAliases(2)
    expect([aliases.assign('a'), aliases.assign('b')]).toEqual([1, 2])
    aliases.retract('a')
    expect(aliases.known('a')).toBeUndefined()
    expect([aliases.assign('c'), aliases.known('b'), aliases.assign('d')]).toEqual([1, 2, 1])
    aliases.retract('nobody')
    expect(aliases.assign('e')).toBe(2)
  })

  it('what an alias was taken from is not known any more, also where it did not reach the peer', () => {
    const aliases = new SentAliases(1)
    aliases.assign('a')
    aliases.assign('b')
    aliases.retract('b')
    expect(aliases.known('a')).toBeUndefined()
    expect(aliases.assign('a')).toBe(1)
  })
})

describe('ReceivedAliases', () => {
  it('gives a packet its topic back, and takes the last one for a number', () => {
    const aliases = new ReceivedAliases(2)
    const topics = [incoming('a'), incoming('a', 2), incoming('', 2), incoming('b', 2), incoming('', 2)]
    expect(topics.map((packet) => aliases.resolve(packet).topic)).toEqual(['a', 'a', 'a', 'b', 'b'])
  })

  it('refuses what is over the maximum, and what was given no topic', () => {
    const aliases = new ReceivedAliases(2)
    expect(thrown(() => aliases.resolve(incoming('a', 3)))).toMatchObject({ code: 'protocol-error', reasonCode: 0x94 })
    expect(thrown(() => aliases.resolve(incoming('', 1)))).toMatchObject({ code: 'protocol-error', reasonCode: 0x82 })
    expect(thrown(() => new ReceivedAliases(0).resolve(incoming('a', 1)))).toMatchObject({ reasonCode: 0x94 })
  })
})
