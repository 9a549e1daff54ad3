import { matchesFilter, parseTopicFilter } from '@rxmqtt/core'
import fc from 'fast-check'
import { memoryInUse } from '../test/memory.js'
import { TopicMap } from './topic-map.js'

const name = fc.constantFrom('', 'a', 'a', 'b', 'ab', '$SYS', '__proto__', 'constructor')
const anyTopic = fc
  .array(name, { minLength: 1, maxLength: 4 })
  .map((names) => names.join('/'))
  .filter((topic) => topic !== '')
const anyFilter = fc
  .tuple(fc.array(fc.oneof(name, fc.constant('+')), { maxLength: 4 }), fc.boolean())
  .map(([names, isOpen]) => [...names, ...(isOpen ? ['#'] : [])].join('/'))
  .filter((filter) => filter !== '' && parseTopicFilter(filter).share === undefined)
const steps = fc.array(fc.record({ topic: anyTopic, isRemoval: fc.boolean() }), {
  minLength: 10,
  maxLength: 60,
  size: 'max',
})
const filters = fc.array(anyFilter, { minLength: 4, maxLength: 10 })

function mapOf(topics: readonly string[]): TopicMap<string> {
  const map = new TopicMap<string>()
  for (const topic of topics) map.set(topic, topic)
  return map
}

describe('match', () => {
  it('finds what brute force finds, after any setting and deleting', () => {
    let found = 0
    fc.assert(
      fc.property(steps, filters, (steps, filters) => {
        const map = new TopicMap<string>()
        const model = new Set<string>()
        for (const { topic, isRemoval } of steps) {
          if (isRemoval) map.delete(topic)
          else map.set(topic, topic)
          if (isRemoval) model.delete(topic)
          else model.add(topic)
          expect(map.get(topic)).toBe(isRemoval ? undefined : topic)
        }
        for (const filter of filters) {
          const expected = [...model].filter((topic) => matchesFilter(filter, topic)).sort()
          found += expected.length
          expect([filter, map.match(filter).sort()]).toEqual([filter, expected])
        }
      }),
      { numRuns: 300 },
    )
    expect(found).toBeGreaterThan(2_000)
  })

  it('[MQTT-4.7.2-1] a wildcard at the beginning does not stand for $ topics', () => {
    const map = mapOf(['$SYS', '$SYS/uptime', 'a/$SYS', 'a'])
    expect(map.match('#').sort()).toEqual(['a', 'a/$SYS'])
    expect(map.match('+').sort()).toEqual(['a'])
    expect(map.match('+/uptime')).toEqual([])
    expect(map.match('+/#').sort()).toEqual(['a', 'a/$SYS'])
    expect(map.match('$SYS/#').sort()).toEqual(['$SYS', '$SYS/uptime'])
    expect(map.match('$SYS/+')).toEqual(['$SYS/uptime'])
    expect(map.match('a/+')).toEqual(['a/$SYS'])
  })

  it('a value is replaced, and the array is the caller’s', () => {
    const map = new TopicMap<number>()
    map.set('a', 1)
    map.set('a', 2)
    map.match('#').push(3)
    map.match('a').push(3)
    expect([map.match('#'), map.match('a')]).toEqual([[2], [2]])
  })
})

it('a topic of 65,535 levels is kept, found and deleted without recursion', () => {
  const deep = '/'.repeat(65_534)
  const map = mapOf([deep, '/'])
  expect(map.get(deep)).toBe(deep)
  expect(map.match('#').length).toBe(2)
  expect(map.match(deep)).toEqual([deep])
  expect(map.match('/'.repeat(65_532) + '#')).toEqual([deep])
  map.delete(deep)
  expect([map.get(deep), map.match('#')]).toEqual([undefined, ['/']])
})

it('deleting a topic leaves the ones above and below it', () => {
  const map = mapOf(['a', 'a/b/c', 'a/b/d'])
  map.delete('a/b')
  map.delete('x/y')
  map.delete('a/b/c')
  expect(map.match('#').sort()).toEqual(['a', 'a/b/d'])
  map.delete('a')
  expect(map.match('#')).toEqual(['a/b/d'])
})

describe('memory', () => {
  it('nothing stays of what was deleted', () => {
    const map = new TopicMap<number>()
    const churn = (round: number): void => {
      const topics = Array.from({ length: 1_000 }, (_, i) => `device/${round}-${i}/several/levels/state`)
      for (const topic of topics) map.set(topic, round)
      for (const topic of topics) map.set(`${topic}/below`, round)
      for (const topic of topics) map.delete(topic)
      for (const topic of topics) map.delete(`${topic}/below`)
    }
    churn(0)
    const before = memoryInUse()
    for (let round = 1; round < 11; round++) churn(round)
    expect(map.match('#')).toEqual([])
    expect(memoryInUse() - before).toBeLessThan(500_000)
  })

  it('a topic below keeps nothing of the text of one that was deleted', () => {
    const map = new TopicMap<number>()
    const before = memoryInUse()
    for (let i = 0; i < 300; i++) {
      const level = `a-level-of-some-length-${i}`
      const long = `${level}/${`${i}`.padEnd(60_000, 'x')}`
      map.set(long, i)
      map.set(`${level}/short`, i)
      map.delete(long)
    }
    expect(memoryInUse() - before).toBeLessThan(3_000_000)
    expect(map.match('#').length).toBe(300)
  })
})
