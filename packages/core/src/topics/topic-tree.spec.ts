import fc from 'fast-check'
import { failure } from '../spec-support/codec.js'
import { memoryInUse } from '../spec-support/memory.js'
import { anyFilter, anyTopic } from '../spec-support/topics.js'
import { matchesFilter, parseTopicFilter } from './topic-filter.js'
import { TopicTree, type TopicTreeOptions } from './topic-tree.js'

const wellFormed = anyFilter.filter((filter) => failure(() => parseTopicFilter(filter)) === undefined)
const step = fc.record({ filter: wellFormed, value: fc.nat(2), isRemoval: fc.boolean() })
const steps = fc.array(step, { minLength: 20, maxLength: 80, size: 'max' })
const topics = fc.array(anyTopic, { minLength: 4, maxLength: 8 })

interface Step {
  readonly filter: string
  readonly value: number
  readonly isRemoval: boolean
}

/** What a tree should hold: the values of each filter, each once. */
type Model = Map<string, Set<number>>

function apply(tree: TopicTree<number>, model: Model, { filter, value, isRemoval }: Step): void {
  const values = model.get(filter) ?? new Set()
  model.set(filter, values)
  if (isRemoval) expect(tree.remove(filter, value)).toBe(values.delete(value))
  else {
    expect(tree.add(filter, value)).toBe(!values.has(value))
    values.add(value)
  }
}

function sorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b)
}

describe('match', () => {
  test('finds what brute force finds, after any adding and removing', () => {
    let found = 0
    fc.assert(
      fc.property(steps, topics, (steps, topics) => {
        const tree = new TopicTree<number>()
        const model: Model = new Map()
        for (const each of steps) apply(tree, model, each)
        const entries = [...model].flatMap(([filter, values]) => [...values].map((value) => ({ filter, value })))
        expect(tree.size).toBe(entries.length)
        for (const topic of topics) {
          const expected = entries.filter(({ filter }) => matchesFilter(filter, topic)).map(({ value }) => value)
          found += expected.length
          expect([topic, sorted(tree.match(topic))]).toEqual([topic, sorted(expected)])
        }
      }),
      { numRuns: 200 },
    )
    expect(found).toBeGreaterThan(2_000)
  })

  test('one entry a filter and value: a value of several filters comes for each', () => {
    const tree = new TopicTree<string>()
    expect([tree.add('a/+', 'x'), tree.add('a/+', 'x'), tree.add('a/#', 'x'), tree.add('a/b', 'x')]).toEqual([
      true,
      false,
      true,
      true,
    ])
    expect([tree.size, tree.match('a/b')]).toEqual([3, ['x', 'x', 'x']])
  })

  test('a shared subscription is an entry beside its filter and beside other shares', () => {
    const tree = new TopicTree<string>()
    for (const filter of ['a/+', '$share/g/a/+', '$share/h/a/+', '$share/g/a/b', 'a/b']) tree.add(filter, filter)
    expect(tree.match('a/b').sort()).toEqual(['$share/g/a/+', '$share/g/a/b', '$share/h/a/+', 'a/+', 'a/b'])
    expect(tree.remove('$share/g/a/+', 'a/+')).toBe(false)
    expect(tree.remove('$share/x/a/+', '$share/g/a/+')).toBe(false)
    for (const filter of ['a/+', '$share/g/a/+', 'a/b']) expect(tree.remove(filter, filter)).toBe(true)
    expect(tree.match('a/b').sort()).toEqual(['$share/g/a/b', '$share/h/a/+'])
  })

  test('before MQTT 5 $share is a level like any other', () => {
    const tree = new TopicTree<string>({ protocolVersion: 4 })
    tree.add('$share/g', 'x')
    tree.add('$share/g/a', 'y')
    expect([tree.match('$share/g'), tree.match('a'), tree.match('$share/g/a')]).toEqual([['x'], [], ['y']])
  })

  test('the array is the caller’s', () => {
    const tree = new TopicTree<string>()
    tree.add('a', 'x')
    tree.match('a').push('y')
    expect(tree.match('a')).toEqual(['x'])
  })

  test('a filter with many values, any of them removed', () => {
    const tree = new TopicTree<number>()
    const numbers = Array.from({ length: 1_000 }, (_, i) => i)
    for (const filter of ['a', 'a/+', 'a/#', '$share/g/a/+']) {
      for (const value of numbers) tree.add(filter, value)
      for (const value of numbers) expect(tree.add(filter, value)).toBe(false)
      for (const value of numbers) if (value % 3 !== 0) expect(tree.remove(filter, value)).toBe(true)
      for (const value of numbers) if (value % 3 !== 0) expect(tree.remove(filter, value)).toBe(false)
      const topic = filter === 'a' ? 'a' : 'a/b'
      expect(sorted(tree.match(topic))).toEqual(numbers.filter((value) => value % 3 === 0))
      for (const value of numbers) tree.remove(filter, value)
      expect([tree.size, tree.match(topic)]).toEqual([0, []])
    }
  })
})

describe('bounds', () => {
  test('a filter with too many levels, or an ill-formed one, is refused and changes nothing', () => {
    const refused = (options: TopicTreeOptions, filter: string): unknown => {
      const tree = new TopicTree<string>(options)
      const errors = [failure(() => tree.add(filter, 'x')), failure(() => tree.remove(filter, 'x'))]
      expect(errors[1]).toEqual(errors[0])
      expect([tree.size, tree.match('a/a/a')]).toEqual([0, []])
      return errors[0]
    }
    const details = { code: 'invalid-option', reasonCode: 0x8f, returnCode: undefined }
    expect(refused({ maximumLevels: 2 }, 'a/a/a')).toEqual({
      ...details,
      message: 'topic filter must not have over 2 levels, it has 3',
    })
    expect(refused({ maximumLevels: 2 }, '$share/g/a/+/#')).toMatchObject(details)
    expect(refused({ maximumLevels: 2 }, '$share/g/a/+')).toBe(undefined)
    expect(refused({}, Array<string>(129).fill('+').join('/'))).toMatchObject(details)
    expect(refused({}, Array<string>(128).fill('+').join('/'))).toBe(undefined)
    expect(refused({}, 'a/#/a')).toMatchObject(details)
  })

  test('options out of range are refused', () => {
    for (const maximumLevels of [0, 1.5, Number.NaN]) {
      expect(failure(() => new TopicTree({ maximumLevels }))?.code).toBe('invalid-option')
    }
    for (const protocolVersion of [2, 6, '5']) {
      const options = { protocolVersion } as TopicTreeOptions
      expect(failure(() => new TopicTree(options))?.code).toBe('invalid-option')
    }
  })

  test('the deepest topic, against deep filters: matched by # only, each branch visited once', () => {
    const tree = new TopicTree<number>()
    const plus = (levels: number): string => Array<string>(levels).fill('+').join('/')
    for (let levels = 1; levels < 128; levels++) {
      tree.add(plus(levels), levels)
      tree.add(`${plus(levels)}/#`, 1_000 + levels)
      tree.add(`${'/'.repeat(levels)}+`, 2_000 + levels)
    }
    const topic = '/'.repeat(65_535)
    const expected = Array.from({ length: 127 }, (_, i) => 1_001 + i)
    for (let i = 0; i < 200; i++) expect(sorted(tree.match(topic))).toEqual(expected)
    tree.add('#', 1)
    expect(tree.match(topic)).toHaveLength(128)
  })

  test('a filter as deep as the option allows is added, matched and removed without recursion', () => {
    const tree = new TopicTree<string>({ maximumLevels: 70_000 })
    const deep = '/'.repeat(65_534)
    for (const filter of [`${deep}+`, `${deep}#`, `+${deep}`]) {
      tree.add(filter, 'x')
      expect([filter.length, tree.match(deep)]).toEqual([filter.length, ['x']])
      expect([tree.remove(filter, 'x'), tree.match(deep), tree.size]).toEqual([true, [], 0])
    }
  })
})

describe('memory', () => {
  const filtersOf = (round: number): string[] =>
    Array.from({ length: 1_000 }, (_, i) => [
      `device/${round}-${i}/state`,
      `device/${round}-${i}/+/state`,
      `device/+/${round}-${i}/#`,
      `device/${round}-${i}/several/a/+`,
      `device/${round}-${i}/several/b/+`,
      `$share/${round}-${i}/device/+/kept`,
      `$share/${round}-${i}/device/kept`,
    ]).flat()

  // Beside what is removed from the same branches.
  const kept = ['device/+/kept', 'device/kept']

  test.each([
    ['removed', (tree: TopicTree<number>, filters: readonly string[]) => filters.forEach((f) => tree.remove(f, 1))],
    ['cleared', (tree: TopicTree<number>) => tree.clear()],
  ])('nothing stays of what was %s', (_, undo) => {
    const tree = new TopicTree<number>()
    const churn = (round: number): void => {
      const filters = filtersOf(round)
      for (const filter of [...kept, ...filters]) tree.add(filter, 1)
      expect(tree.size).toBe(filters.length + kept.length)
      undo(tree, filters)
      for (const filter of kept) tree.add(filter, 1)
    }
    churn(0)
    const before = memoryInUse()
    for (let round = 1; round < 11; round++) churn(round)
    expect(tree.size).toBe(kept.length)
    expect(memoryInUse() - before).toBeLessThan(500_000)
    tree.add('a', 1)
    expect(tree.match('a')).toEqual([1])
  })

  test('what stays of a filter keeps no other filter’s text', () => {
    const tree = new TopicTree<number>()
    const level = (i: number): string => `a-level-of-some-length-${i}`
    const long = (i: number): readonly string[] => {
      const tail = `${i}`.padEnd(60_000, 'x')
      return [`${level(i)}/+/${tail}`, `$share/${tail}/exact/${level(i)}`, `$share/${level(i)}/shared/+/${tail}`]
    }
    const before = memoryInUse()
    for (let i = 0; i < 300; i++) {
      for (const filter of long(i)) tree.add(filter, i)
      for (const filter of [`${level(i)}/+`, `exact/${level(i)}`, `$share/${level(i)}/shared/+`]) tree.add(filter, i)
      for (const filter of long(i)) tree.remove(filter, i)
    }
    expect(memoryInUse() - before).toBeLessThan(3_000_000)
    expect(tree.size).toBe(900)
  })
})
