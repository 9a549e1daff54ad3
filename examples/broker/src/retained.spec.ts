import { matchesFilter } from '@rxmqtt/core'
import { marbles } from '@rxmqtt/core/testing'
import fc from 'fast-check'
import { Retained, type RetainedOptions, withTimeLeft } from './retained.js'
import type { RetainedMessage } from './store.js'

function messageOf(topic: string, text = topic, expiresAt?: number): RetainedMessage {
  return { topic, payload: new TextEncoder().encode(text), qos: 1, retain: true, expiresAt }
}

function textOf({ payload }: RetainedMessage): string {
  return new TextDecoder().decode(payload)
}

function retainedOf(options: Partial<RetainedOptions> = {}): Retained {
  return new Retained({ maximum: 100, maximumBytes: 1_000, overflow: 'refuse', ...options })
}

function textsOf(retained: Retained, filter = '#'): string[] {
  return retained.match(filter).map(textOf)
}

const isKept = { isKept: true, dropped: [] }
const isRefused = { isKept: false, dropped: [] }

for (const [version, [replace, remove, none]] of [
  ['MQTT 5', ['3.3.1-5', '3.3.1-6', '3.3.1-7']],
  ['MQTT 3.1.1', ['3.3.1-5', '3.3.1-10', '3.3.1-11']],
] as const) {
  describe(version, () => {
    it(`[MQTT-${replace}] a message replaces the earlier one of its topic`, () => {
      const retained = retainedOf()
      expect(retained.set(messageOf('a', 'first'))).toEqual(isKept)
      expect(retained.set(messageOf('a/b', 'other'))).toEqual(isKept)
      expect(retained.set(messageOf('a', 'second one'))).toEqual(isKept)
      expect([textsOf(retained, 'a'), retained.size, retained.bytes]).toEqual([['second one'], 2, 15])
    })

    it(`[MQTT-${remove}] [MQTT-${none}] an empty payload takes the message of its topic away, and is not kept`, () => {
      const retained = retainedOf()
      retained.set(messageOf('a'))
      retained.set(messageOf('b'))
      expect(retained.set(messageOf('a', ''))).toEqual(isKept)
      expect(retained.set(messageOf('c', ''))).toEqual(isKept)
      expect([textsOf(retained), retained.size, retained.bytes]).toEqual([['b'], 1, 1])
    })
  })
}

describe('match', () => {
  it('finds what brute force finds, in the order in which messages came', () => {
    const name = fc.constantFrom('', 'a', 'a', 'b', '$SYS', '__proto__')
    const topic = fc.array(name, { minLength: 2, maxLength: 3 }).map((names) => names.join('/'))
    const filters = ['#', '+', '+/+', 'a/#', 'a/+', '+/a', '+/a/#', 'a/b', '$SYS/#', '__proto__/#', '/', '+/+/+']
    const step = fc.record({ topic, isEmpty: fc.nat(3).map((n) => n === 0) })
    let found = 0
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 40, size: 'max' }), (steps) => {
        const retained = retainedOf()
        const model = new Map<string, string>()
        for (const [i, { topic, isEmpty }] of steps.entries()) {
          const text = isEmpty ? '' : `${i}`
          expect(retained.set(messageOf(topic, text))).toEqual(isKept)
          model.delete(topic)
          if (!isEmpty) model.set(topic, text)
          expect(retained.size).toBe(model.size)
        }
        expect(retained.bytes).toBe([...model.values()].join('').length)
        for (const each of filters) {
          const expected = [...model].filter(([topic]) => matchesFilter(each, topic)).map(([, text]) => text)
          found += expected.length
          expect([each, textsOf(retained, each)]).toEqual([each, expected])
        }
      }),
      { numRuns: 200 },
    )
    expect(found).toBeGreaterThan(1_000)
  })

  it('[MQTT-4.7.2-1] a wildcard at the beginning finds no $ topics', () => {
    const retained = retainedOf()
    for (const topic of ['$SYS/uptime', 'a']) retained.set(messageOf(topic))
    expect([textsOf(retained, '#'), textsOf(retained, '+/uptime')]).toEqual([['a'], []])
    expect([textsOf(retained, '$SYS/#'), textsOf(retained, '$SYS/+')]).toEqual([['$SYS/uptime'], ['$SYS/uptime']])
  })

  it('gives messages as they came', () => {
    const retained = retainedOf()
    const message = {
      ...messageOf('a'),
      properties: { contentType: 'x', userProperties: { k: ['v', 'w'] } },
    }
    retained.set(message)
    expect(retained.match('a')).toEqual([message])
  })
})

describe('expiry', () => {
  it('a message is not found from the moment on that it has expired', () => {
    marbles(({ does }) => {
      const retained = retainedOf()
      does('a-b-c-d', {
        a: () => {
          retained.set(messageOf('short', 'short', 3))
          retained.set(messageOf('long', 'long', 5))
          retained.set(messageOf('ever'))
          expect(textsOf(retained)).toEqual(['short', 'long', 'ever'])
        },
        b: () => expect(textsOf(retained)).toEqual(['short', 'long', 'ever']),
        c: () => expect([textsOf(retained), textsOf(retained, 'long')]).toEqual([['long', 'ever'], ['long']]),
        d: () =>
          expect([textsOf(retained), retained.match('short'), retained.match('long')]).toEqual([['ever'], [], []]),
      })
    })
  })

  it('[MQTT-3.3.2-6] a message leaves with the seconds that it has left', () => {
    marbles(({ does }) => {
      const properties = { messageExpiryInterval: 10, contentType: 'x' }
      const message = { ...messageOf('a', 'a', 10_000), properties }
      const left = (seconds: number): unknown => ({
        ...message,
        properties: { ...properties, messageExpiryInterval: seconds },
      })
      does('a 999ms b 1ms c 8996ms de 2s f', {
        a: () => expect(withTimeLeft(message)).toEqual(left(10)),
        b: () => expect(withTimeLeft(message)).toEqual(left(9)),
        c: () => expect(withTimeLeft(message)).toEqual(left(9)),
        d: () => expect(withTimeLeft(message)).toEqual(left(1)),
        e: () => expect(withTimeLeft(message)).toEqual(left(0)),
        f: () => expect(withTimeLeft(message)).toEqual(left(0)),
      })
    })
    expect(withTimeLeft(messageOf('a'))).toEqual(messageOf('a'))
  })

  it('messages that have expired are forgotten, so many at a time', () => {
    marbles(({ does }) => {
      const retained = retainedOf()
      for (const [topic, at] of [
        ['c', 3],
        ['a', 1],
        ['d', 9],
        ['b', 2],
      ] as const)
        retained.set(messageOf(topic, topic, at))
      retained.set(messageOf('e', 'e'))
      retained.set(messageOf('a', 'replaced', 8))
      does('a---b', {
        a: () => expect([retained.removeExpired(), retained.size]).toEqual([[], 5]),
        b: () => {
          expect([retained.removeExpired(1), retained.size, retained.bytes]).toEqual([['b'], 4, 11])
          expect([retained.removeExpired(), retained.removeExpired()]).toEqual([['c'], []])
          expect([textsOf(retained), retained.size, retained.bytes]).toEqual([['d', 'e', 'replaced'], 3, 10])
        },
      })
    })
  })

  it('one that has expired already takes the earlier one away, and is told as dropped', () => {
    const retained = retainedOf()
    retained.set(messageOf('a'))
    expect(retained.set(messageOf('a', 'late', 1))).toEqual({ isKept: true, dropped: ['a'] })
    expect(retained.set(messageOf('b', 'late', 1))).toEqual({ isKept: true, dropped: ['b'] })
    expect([textsOf(retained), retained.size, retained.bytes]).toEqual([[], 0, 0])
    marbles(({ does }) => {
      does('---a', { a: () => expect(retained.set(messageOf('c', 'late', 3)).dropped).toEqual(['c']) })
    })
  })
})

describe('limits', () => {
  it('refuse: one message too many is not kept, one in place of another is', () => {
    const retained = retainedOf({ maximum: 2 })
    for (const topic of ['a', 'b']) expect(retained.set(messageOf(topic))).toEqual(isKept)
    expect(retained.set(messageOf('c'))).toEqual(isRefused)
    expect(retained.set(messageOf('a', 'A'))).toEqual(isKept)
    expect(textsOf(retained)).toEqual(['b', 'A'])
    retained.set(messageOf('b', ''))
    expect([retained.set(messageOf('c')), textsOf(retained)]).toEqual([isKept, ['A', 'c']])
  })

  it('refuse: bytes are those of all payloads, and the earlier message stays where a longer one is refused', () => {
    const retained = retainedOf({ maximumBytes: 10 })
    expect(retained.set(messageOf('a', '12345'))).toEqual(isKept)
    expect(retained.set(messageOf('b', '12345'))).toEqual(isKept)
    expect(retained.set(messageOf('c', '1'))).toEqual(isRefused)
    expect(retained.set(messageOf('a', '123456'))).toEqual(isRefused)
    expect([textsOf(retained, 'a'), retained.bytes]).toEqual([['12345'], 10])
    expect([retained.set(messageOf('a', '1234')), retained.bytes]).toEqual([isKept, 9])
  })

  it('refuse: what has expired makes room, and is told', () => {
    marbles(({ does }) => {
      const retained = retainedOf({ maximum: 3, maximumBytes: 10 })
      retained.set(messageOf('a', 'a', 1))
      retained.set(messageOf('b', 'b', 2))
      retained.set(messageOf('c', 'c'))
      does('a--b', {
        a: () => expect(retained.set(messageOf('d', 'd'))).toEqual(isRefused),
        b: () => {
          expect(retained.set(messageOf('d', 'd'))).toEqual({ isKept: true, dropped: ['a'] })
          expect(retained.set(messageOf('b', '12345678'))).toEqual(isKept)
          expect(textsOf(retained)).toEqual(['c', 'd', '12345678'])
        },
      })
    })
  })

  it('refuse: the expired message of the same topic makes room too, and is told only where its successor is refused', () => {
    for (const [text, expected] of [
      ['1234', isKept],
      ['12345', { isKept: false, dropped: ['a'] }],
    ] as const) {
      marbles(({ does }) => {
        const retained = retainedOf({ maximumBytes: 10 })
        retained.set(messageOf('b', '123456'))
        retained.set(messageOf('a', '1234', 1))
        does('--a', {
          a: () => {
            expect([text, retained.set(messageOf('a', text))]).toEqual([text, expected])
            expect(textsOf(retained)).toEqual(expected.isKept ? ['123456', '1234'] : ['123456'])
          },
        })
      })
    }
  })

  it('drop-oldest: those that came first make room, whatever was replaced or taken away in between', () => {
    const retained = retainedOf({ maximum: 4, maximumBytes: 10, overflow: 'drop-oldest' })
    for (const topic of ['a', 'b', 'c', 'd']) retained.set(messageOf(topic))
    retained.set(messageOf('a', 'A'))
    retained.set(messageOf('c', ''))
    expect(retained.set(messageOf('e'))).toEqual(isKept)
    expect(retained.set(messageOf('f'))).toEqual({ isKept: true, dropped: ['b'] })
    expect(retained.set(messageOf('g', '12345678'))).toEqual({ isKept: true, dropped: ['d', 'a'] })
    expect([textsOf(retained), retained.size, retained.bytes]).toEqual([['e', 'f', '12345678'], 3, 10])
    expect(retained.set(messageOf('e', '1234567890'))).toEqual({ isKept: true, dropped: ['f', 'g'] })
    expect([textsOf(retained), retained.set(messageOf('x'))]).toEqual([
      ['1234567890'],
      { isKept: true, dropped: ['e'] },
    ])
  })

  it('drop-oldest: what has expired goes before what is older', () => {
    marbles(({ does }) => {
      const retained = retainedOf({ maximum: 2, overflow: 'drop-oldest' })
      retained.set(messageOf('a'))
      retained.set(messageOf('b', 'b', 1))
      does('-a', { a: () => expect(retained.set(messageOf('c'))).toEqual({ isKept: true, dropped: ['b'] }) })
    })
  })

  it.each(['refuse', 'drop-oldest'] as const)(
    '%s: a message larger than all may be is refused, and none is dropped for it',
    (overflow) => {
      const retained = retainedOf({ maximumBytes: 10, overflow })
      retained.set(messageOf('a'))
      expect(retained.set(messageOf('a', '12345678901'))).toEqual(isRefused)
      expect(textsOf(retained)).toEqual(['a'])
      const closed = retainedOf({ maximum: 0, overflow })
      expect([closed.set(messageOf('a')), closed.set(messageOf('a', ''))]).toEqual([isRefused, isKept])
    },
  )
})

it('topics that an object knows are topics like any other', () => {
  const retained = retainedOf()
  const topics = ['__proto__', 'constructor', 'toString/__proto__', '__proto__/a']
  for (const topic of topics) retained.set(messageOf(topic))
  expect(textsOf(retained)).toEqual(topics)
  for (const topic of topics) expect(textsOf(retained, topic)).toEqual([topic])
  expect([retained.match('hasOwnProperty'), Object.keys(Object.prototype)]).toEqual([[], []])
})
