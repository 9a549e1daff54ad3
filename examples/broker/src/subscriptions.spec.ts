import { matchesFilter, MqttError, parseTopicFilter, type QoS } from '@rxmqtt/core'
import fc from 'fast-check'
import { memoryInUse } from '../test/memory.js'
import type { StoredSubscription } from './store.js'
import { Subscriptions, type Wanted } from './subscriptions.js'

interface Client {
  readonly name: string
}

const [a, b, c]: readonly [Client, Client, Client] = [{ name: 'a' }, { name: 'b' }, { name: 'c' }]

function subscriptionsOf(
  options: Partial<ConstructorParameters<typeof Subscriptions<Client>>[0]> = {},
): Subscriptions<Client> {
  return new Subscriptions<Client>({ maximumLevels: 8, rankOf: () => 0, ...options })
}

function wanted(client: Client, qos: QoS, more: Partial<Wanted<Client>> = {}): Wanted<Client> {
  return { client, qos, retainAsPublished: false, identifiers: [], isShared: false, ...more }
}

function byName(all: readonly Wanted<Client>[]): Wanted<Client>[] {
  return [...all].sort((x, y) => (x.client.name < y.client.name ? -1 : 1))
}

function names(all: readonly Wanted<Client>[]): string {
  return byName(all)
    .map(({ client }) => client.name)
    .join('')
}

/** What the standard says of one topic, subscription by subscription. */
function expectedFor(
  all: readonly (readonly [Client, StoredSubscription])[],
  topic: string,
  from: Client | undefined,
): Wanted<Client>[] {
  return [a, b, c].flatMap((client) => {
    const own = all.flatMap(([of, subscription]) => {
      const isOwn = of === client && parseTopicFilter(subscription.topic).share === undefined
      const isBlocked = subscription.nl === true && of === from
      return isOwn && !isBlocked && matchesFilter(subscription.topic, topic) ? [subscription] : []
    })
    if (own.length === 0) return []
    const qos = Math.max(...own.map((each) => each.qos)) as QoS
    const identifiers = own.flatMap(({ identifier }) => (identifier === undefined ? [] : [identifier]))
    return [wanted(client, qos, { retainAsPublished: own.some(({ rap }) => rap), identifiers })]
  })
}

const filters = [
  'a/b',
  'a/+',
  'a/#',
  '+/b',
  '#',
  'a',
  '$SYS/a',
  '$SYS/#',
  '+/a',
  '__proto__/#',
  '$share/g/a/+',
  '$share/h/#',
]
const anySubscription: fc.Arbitrary<StoredSubscription> = fc.record({
  topic: fc.constantFrom(...filters),
  qos: fc.constantFrom<QoS[]>(0, 1, 2),
  nl: fc.boolean(),
  rap: fc.boolean(),
  identifier: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
})
const step = fc.record({ client: fc.constantFrom(a, b, c), subscription: anySubscription, kind: fc.nat(9) })

it('match, add, remove, of and size agree with brute force over all subscriptions', () => {
  let [found, overlapping, sharing] = [0, 0, 0]
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), (steps) => {
      const subscriptions = subscriptionsOf()
      let model: (readonly [Client, StoredSubscription])[] = []
      for (const { client, subscription, kind } of steps) {
        const index = model.findIndex(([of, { topic }]) => of === client && topic === subscription.topic)
        if (kind === 0) {
          subscriptions.removeAll(client)
          model = model.filter(([of]) => of !== client)
        } else if (kind < 3) {
          expect(subscriptions.remove(client, subscription.topic)).toBe(index >= 0)
          if (index >= 0) model.splice(index, 1)
        } else {
          expect(subscriptions.add(client, subscription)).toBe(index < 0)
          if (index < 0) model.push([client, subscription])
          else model[index] = [client, subscription]
        }
        expect(subscriptions.size).toBe(model.length)
      }
      for (const client of [a, b, c]) {
        expect(subscriptions.of(client)).toEqual(model.flatMap(([of, each]) => (of === client ? [each] : [])))
      }
      for (const topic of ['a/b', 'a', 'a/c', '$SYS/a', 'b/b', '__proto__/b', 'constructor', 'x/a']) {
        for (const from of [a, undefined]) {
          const all = subscriptions.match(topic, from)
          const expected = expectedFor(model, topic, from)
          found += expected.length
          overlapping += expected.filter(({ identifiers }) => identifiers.length > 1).length
          expect([topic, byName(all.filter(({ isShared }) => !isShared))]).toEqual([topic, expected])

          const groups = filters.filter(
            (filter) =>
              filter.startsWith('$share') && matchesFilter(filter, topic) && model.some(([, s]) => s.topic === filter),
          )
          const shared = all.filter(({ isShared }) => isShared)
          sharing += shared.length
          expect([topic, shared.length]).toEqual([topic, groups.length])
        }
      }
    }),
    { numRuns: 200 },
  )
  expect(Math.min(found / 10, overlapping, sharing)).toBeGreaterThan(200)
})

describe('MQTT 5', () => {
  it('[MQTT-3.3.4-3] [MQTT-3.3.4-5] the identifiers are those that came with the subscriptions', () => {
    const subscriptions = subscriptionsOf()
    subscriptions.add(a, { topic: 'a', qos: 1, identifier: 7 })
    subscriptions.add(b, { topic: 'a', qos: 1 })
    expect(byName(subscriptions.match('a', undefined))).toEqual([wanted(a, 1, { identifiers: [7] }), wanted(b, 1)])
  })

  it('[MQTT-3.3.4-4] overlapping subscriptions: all identifiers, in order, also one that several of them have', () => {
    const subscriptions = subscriptionsOf()
    const made = [
      ['+/b', 9],
      ['#', 4],
      ['a/b', undefined],
      ['a/+', 9],
      ['a/#', 1],
      ['x', 3],
    ] as const
    for (const [topic, identifier] of made) subscriptions.add(a, { topic, qos: 1, identifier })
    expect(subscriptions.match('a/b', undefined)).toEqual([wanted(a, 1, { identifiers: [9, 4, 9, 1] })])
  })

  it('retain as published where one of the subscriptions has it', () => {
    const subscriptions = subscriptionsOf()
    subscriptions.add(a, { topic: 'a', qos: 1, rap: false })
    subscriptions.add(a, { topic: '+', qos: 0, rap: true })
    subscriptions.add(b, { topic: 'a', qos: 0, rap: true })
    const retainAsPublished = true
    const expected = [wanted(a, 1, { retainAsPublished }), wanted(b, 0, { retainAsPublished })]
    expect(byName(subscriptions.match('a', undefined))).toEqual(expected)
    expect(subscriptions.match('c', undefined)).toEqual([wanted(a, 0, { retainAsPublished })])
  })

  it('[MQTT-3.8.3-3] no-local: what the client itself publishes does not count for that subscription', () => {
    const subscriptions = subscriptionsOf()
    subscriptions.add(a, { topic: 'a', qos: 2, nl: true, identifier: 1 })
    subscriptions.add(b, { topic: 'a', qos: 2, nl: true, identifier: 2 })
    expect(names(subscriptions.match('a', a))).toBe('b')
    expect(names(subscriptions.match('a', c))).toBe('ab')
    expect(names(subscriptions.match('a', undefined))).toBe('ab')
    subscriptions.add(a, { topic: '#', qos: 0, identifier: 3 })
    expect(byName(subscriptions.match('a', a))[0]).toEqual(wanted(a, 0, { identifiers: [3] }))
    expect(byName(subscriptions.match('a', b))).toEqual([wanted(a, 2, { identifiers: [1, 3] })])
  })

  it('[MQTT-4.8.2-3] a share gives each message to one of its members, with what that member was granted', () => {
    const subscriptions = subscriptionsOf()
    subscriptions.add(a, { topic: '$share/g/a/+', qos: 1, identifier: 5, rap: true })
    subscriptions.add(b, { topic: '$share/g/a/+', qos: 2 })
    const isShared = true
    const first = [wanted(a, 1, { isShared, identifiers: [5], retainAsPublished: true })]
    const second = [wanted(b, 2, { isShared })]
    expect([1, 2, 3].map(() => subscriptions.match('a/b', undefined))).toEqual([first, second, first])
    expect(subscriptions.match('b', undefined)).toEqual([])
  })

  it('each share is one of its own: by its name, and by its filter', () => {
    const subscriptions = subscriptionsOf()
    for (const topic of ['$share/g/a', '$share/h/a', '$share/g/+', 'a']) {
      for (const client of [a, b]) subscriptions.add(client, { topic, qos: 0 })
    }
    expect(names(subscriptions.match('a', undefined))).toBe('aaaab')
    expect(names(subscriptions.match('a', undefined))).toBe('abbbb')
    expect(names(subscriptions.match('b', undefined))).toBe('a')
  })

  it('a share prefers who is ready, then who is alive; nobody gets what nobody can take', () => {
    const [ready, alive] = [new Set([b]), new Set([b, c])]
    const subscriptions = subscriptionsOf({
      rankOf: (each) => (ready.has(each) ? 0 : alive.has(each) ? 1 : Number.POSITIVE_INFINITY),
    })
    for (const client of [a, b, c]) subscriptions.add(client, { topic: '$share/g/a', qos: 1 })
    const who = (): string => names(subscriptions.match('a', undefined))
    expect([who(), who()]).toEqual(['b', 'b'])
    ready.clear()
    expect([who(), who(), who()]).toEqual(['c', 'b', 'c'])
    alive.clear()
    expect(who()).toBe('')
  })

  it('[MQTT-4.8.2-5] who left a share is out at once, by unsubscribing or with its session', () => {
    const subscriptions = subscriptionsOf()
    for (const client of [a, b, c]) subscriptions.add(client, { topic: '$share/g/a', qos: 1 })
    expect(names(subscriptions.match('a', undefined))).toBe('a')
    expect(subscriptions.remove(b, '$share/g/a')).toBe(true)
    expect(names(subscriptions.match('a', undefined))).toBe('c')
    subscriptions.removeAll(a)
    expect(names(subscriptions.match('a', undefined))).toBe('c')
    subscriptions.removeAll(c)
    expect([subscriptions.match('a', undefined), subscriptions.size]).toEqual([[], 0])
  })
})

for (const version of ['MQTT 3.1.1', 'MQTT 5']) {
  describe(version, () => {
    it(`[MQTT-${version === 'MQTT 5' ? '3.3.4-2' : '3.3.5-1'}] overlapping subscriptions: the client is there once, with the highest QoS`, () => {
      const subscriptions = subscriptionsOf()
      for (const [topic, qos] of [
        ['a/#', 1],
        ['a/b', 2],
        ['a/+', 0],
      ] as const)
        subscriptions.add(a, { topic, qos })
      subscriptions.add(b, { topic: '#', qos: 0 })
      expect(byName(subscriptions.match('a/b', undefined))).toEqual([wanted(a, 2), wanted(b, 0)])
      expect(byName(subscriptions.match('a', undefined))).toEqual([wanted(a, 1), wanted(b, 0)])
    })

    it.each(['a', '+', '$share/g/a'])('[MQTT-3.8.4-3] another subscription to %s replaces the earlier one', (topic) => {
      const subscriptions = subscriptionsOf()
      const isShared = topic.startsWith('$share')
      subscriptions.add(a, { topic, qos: 2, rap: true, nl: !isShared, identifier: 1 })
      const given = subscriptions.match('a', undefined)
      expect(subscriptions.add(a, { topic, qos: 1 })).toBe(false)
      expect(subscriptions.match('a', a)).toEqual([wanted(a, 1, { isShared })])
      expect([subscriptions.of(a), subscriptions.size]).toEqual([[{ topic, qos: 1 }], 1])
      // What was given before is as it was.
      expect(given).toEqual([wanted(a, 2, { isShared, retainAsPublished: true, identifiers: [1] })])
    })

    it('[MQTT-4.7.2-1] a wildcard at the beginning does not match $ topics', () => {
      const subscriptions = subscriptionsOf()
      for (const topic of ['#', '+/uptime', '+/#']) subscriptions.add(a, { topic, qos: 0 })
      subscriptions.add(b, { topic: '$SYS/#', qos: 0 })
      expect(names(subscriptions.match('$SYS/uptime', undefined))).toBe('b')
      expect(names(subscriptions.match('x/uptime', undefined))).toBe('a')
    })
  })
}

it('what is ill-formed or too deep is refused, and changes nothing', () => {
  const subscriptions = subscriptionsOf({ maximumLevels: 2 })
  for (const topic of ['a/b/c', '$share/g/a/b/c', '$share/g', '', 'a/#/b']) {
    let error: unknown
    try {
      subscriptions.add(a, { topic, qos: 0 })
    } catch (thrown) {
      error = thrown
    }
    expect([topic, error instanceof MqttError && [error.code, error.reasonCode]]).toEqual([
      topic,
      ['invalid-option', 0x8f],
    ])
    expect([subscriptions.size, subscriptions.of(a), subscriptions.remove(a, topic)]).toEqual([0, [], false])
  }
  expect(subscriptions.add(a, { topic: '$share/g/a/b', qos: 0 })).toBe(true)
  // The share that was refused before left nothing behind.
  expect([names(subscriptions.match('a/b', undefined)), subscriptions.match('a/b/c', undefined)]).toEqual(['a', []])
})

it('what was given is the caller’s, and nothing of it is given again', () => {
  const subscriptions = subscriptionsOf()
  subscriptions.add(a, { topic: 'a', qos: 0, identifier: 1 })
  subscriptions.add(a, { topic: '+', qos: 0, identifier: 2 })
  subscriptions.add(b, { topic: 'a', qos: 1 })
  const first = subscriptions.match('a', undefined)
  const copy = structuredClone(first)
  const second = subscriptions.match('a', a)
  subscriptions.removeAll(b)
  subscriptions.add(a, { topic: 'a', qos: 2, identifier: 3 })
  expect(subscriptions.match('a', undefined)).toEqual([wanted(a, 2, { identifiers: [3, 2] })])
  expect([first, second]).toEqual([copy, copy])
  expect(second).not.toBe(first)
})

it('a client that has nothing any more leaves nothing behind: it may come back and is a new one', () => {
  const subscriptions = subscriptionsOf()
  subscriptions.add(a, { topic: 'first', qos: 0 })
  subscriptions.add(a, { topic: 'second', qos: 0 })
  subscriptions.remove(a, 'first')
  subscriptions.remove(a, 'second')
  expect([subscriptions.of(a), subscriptions.remove(a, 'second'), subscriptions.size]).toEqual([[], false, 0])
  subscriptions.add(a, { topic: 'second', qos: 0 })
  subscriptions.add(a, { topic: 'first', qos: 0 })
  expect(subscriptions.of(a).map(({ topic }) => topic)).toEqual(['second', 'first'])
  expect(names(subscriptions.match('first', undefined))).toBe('a')
})

it.each([
  [
    'unsubscribed',
    (subscriptions: Subscriptions<Client>, client: Client, topic: string) => subscriptions.remove(client, topic),
  ],
  ['was forgotten', (subscriptions: Subscriptions<Client>, client: Client) => subscriptions.removeAll(client)],
])('nothing stays of a client that %s', (_, undo) => {
  const subscriptions = subscriptionsOf()
  const churn = (round: number): void => {
    for (let i = 0; i < 1_000; i++) {
      const client = { name: `${round}-${i}` }
      const topics = [`a/${round}-${i}`, `a/${round}-${i}/+`, `$share/g-${round}-${i}/a/+`]
      for (const topic of topics) subscriptions.add(client, { topic, qos: 0 })
      for (const topic of topics) undo(subscriptions, client, topic)
    }
  }
  churn(0)
  const before = memoryInUse()
  for (let round = 1; round < 11; round++) churn(round)
  expect(memoryInUse() - before).toBeLessThan(500_000)
  expect(subscriptions.size).toBe(0)
})
