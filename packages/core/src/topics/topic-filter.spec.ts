import fc from 'fast-check'
import type { ProtocolVersion } from '../packet/packet.js'
import { failure } from '../spec-support/codec.js'
import { anyFilter, anyTopic, oracle } from '../spec-support/topics.js'
import { matchesFilter, parseTopicFilter, topicMatcher } from './topic-filter.js'

describe('matchesFilter', () => {
  test.each([
    ['a', 'a', true],
    ['a', 'b', false],
    ['a', 'a/', false],
    ['a', 'ab', false],
    ['ab', 'a', false],
    ['a/+', 'a/b', true],
    ['a/+', 'a/', true],
    ['a/+', 'a', false],
    ['a/+', 'a/b/c', false],
    ['a/+/c', 'a/b/c', true],
    ['a/+/c', 'a//c', true],
    ['a/+/c', 'a/b/cd', false],
    ['a/+/c', 'a/b/', false],
    ['+a/b', '', undefined],
    ['+', '/', false],
    ['+/+', '/', true],
    ['/+', '/', true],
    ['a/#', 'a', true],
    ['a/#', 'a/', true],
    ['a/#', 'a/b/c', true],
    ['a/#', 'ab', false],
    ['a/#', '/a', false],
    ['/#', 'a', false],
    ['+/#', 'a', true],
    ['a/+/#', 'a', false],
    ['__proto__/+', '__proto__/constructor', true],
  ] as const)('%j and %j: %s', (filter, topic, expected) => {
    if (expected === undefined) expect(failure(() => matchesFilter(filter, topic))?.code).toBe('invalid-option')
    else expect([filter, topic, matchesFilter(filter, topic)]).toEqual([filter, topic, expected])
  })

  test('tells what a regular expression made of the filter tells', () => {
    let matching = 0
    fc.assert(
      fc.property(anyFilter, anyTopic, fc.constantFrom<ProtocolVersion>(3, 4, 5), (filter, topic, version) => {
        fc.pre(failure(() => parseTopicFilter(filter, version)) === undefined)
        const expected = oracle(filter, topic, version)
        if (expected) matching++
        expect([filter, topic, version, matchesFilter(filter, topic, version)]).toEqual([
          filter,
          topic,
          version,
          expected,
        ])
      }),
      { numRuns: 3_000 },
    )
    expect(matching).toBeGreaterThan(100)
  })

  test('the empty topic matches nothing', () => {
    for (const filter of ['#', '+', '/', '+/#', '$share/g/#']) expect(matchesFilter(filter, '')).toBe(false)
  })
})

test('topicMatcher is for many topics, in any order', () => {
  const matches = topicMatcher('+/b/#')
  expect(['a/b', 'a', 'x/b/c/d', 'a/b'].map((topic) => matches(topic))).toEqual([true, false, true, true])
})

describe('parseTopicFilter', () => {
  test('splits what a shared subscription has in front, in MQTT 5', () => {
    expect(parseTopicFilter('$share/g/a/+')).toEqual({ share: 'g', filter: 'a/+' })
    expect(parseTopicFilter('$share/g//')).toEqual({ share: 'g', filter: '/' })
    expect(parseTopicFilter('$share/$share/$share/g')).toEqual({ share: '$share', filter: '$share/g' })
    expect(parseTopicFilter('a/$share/g')).toEqual({ share: undefined, filter: 'a/$share/g' })
    expect(parseTopicFilter('$shared/g/a')).toEqual({ share: undefined, filter: '$shared/g/a' })
    expect(parseTopicFilter('$share', 5)).toEqual({ share: undefined, filter: '$share' })
    expect(parseTopicFilter('$share/g/a/+', 4)).toEqual({ share: undefined, filter: '$share/g/a/+' })
  })

  test('the error names the value and the rule, with the reason of SUBACK', () => {
    const refused = (filter: unknown, version?: ProtocolVersion): unknown =>
      failure(() => parseTopicFilter(filter as string, version))
    const details = { code: 'invalid-option', reasonCode: 0x8f, returnCode: undefined }
    expect(refused('')).toEqual({
      ...details,
      message: 'topic filter must be at least one character long [MQTT-4.7.3-1]',
    })
    expect(refused('a/b+')).toEqual({
      ...details,
      message: `topic filter must have '+' as a whole level: "a/b+" [MQTT-4.7.1-2]`,
    })
    expect(refused('a/b+', 4)).toMatchObject({ message: expect.stringContaining('[MQTT-4.7.1-3]') as unknown })
    expect(refused('$share//a')).toEqual({
      ...details,
      message: 'topic filter must have a share name: "$share//a" [MQTT-4.8.2-1]',
    })
    expect(refused('a\u0000')).toMatchObject({ message: expect.stringContaining('U+0000') as unknown })
    expect(refused('\ud800')).toMatchObject({ message: expect.stringContaining('surrogate') as unknown })
    expect(refused('é'.repeat(32_768))).toMatchObject({ message: expect.stringContaining('65,535 bytes') as unknown })
    expect(refused(7)).toEqual({ ...details, message: 'topic filter must be a string, not 7' })
    expect(refused('a', 6 as ProtocolVersion)).toEqual({
      ...details,
      reasonCode: undefined,
      message: 'version must be 3, 4 or 5, not 6',
    })
  })
})
