import { MqttError } from '../errors.js'
import { decode } from '../spec-support/codec.js'
import { difference, packets, vectors } from './index.js'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('difference: packets', () => {
  test('every wire vector, parsed, is its packet, and is no other packet of its type', () => {
    const before = new Map<string, unknown>()
    for (const { name, version, packet, bytes, parseOnly } of vectors()) {
      const [parsed] = decode(version, bytes)
      expect([name, difference(parsed, packet)]).toEqual([name, undefined])
      const other = before.get(`${version} ${packet.cmd}`)
      const same = parseOnly === true || ['pingreq', 'pingresp'].includes(packet.cmd)
      if (other !== undefined && !same) expect([name, difference(parsed, other) === undefined]).toEqual([name, false])
      if (parseOnly !== true) before.set(`${version} ${packet.cmd}`, packet)
    }
  })

  test.each([
    ['payload as text or bytes', { payload: utf8('hi') }, { payload: 'hi' }, undefined],
    ['an empty payload', { payload: utf8('') }, {}, undefined],
    ['flags at their default', { qos: 0, retain: false, dup: false }, {}, undefined],
    ['an empty property block', { properties: { contentType: undefined } }, {}, undefined],
    ['another payload', { payload: utf8('hi') }, { payload: 'ho' }, 'payload: "hi", not "ho"'],
    ['a payload not expected', { payload: utf8('hi') }, {}, 'payload: "hi", not undefined'],
    ['a flag', { retain: true }, {}, 'retain: true, not undefined'],
    [
      'a property',
      { properties: { topicAlias: 2 } },
      { properties: { topicAlias: 3 } },
      'properties.topicAlias: 2, not 3',
    ],
    ['a length only where it is expected', { length: 7 }, {}, undefined],
    ['a wrong length', { length: 7 }, { length: 8 }, 'length: 7, not 8'],
  ])('PUBLISH: %s', (_, actual, expected, found) => {
    const publish = (fields: object) => ({ ...packets.publish(), ...fields })
    expect(difference(publish(actual), publish(expected))).toBe(found)
  })

  test('nested fields: will, subscriptions, codes', () => {
    const will = { topic: 'w', payload: utf8('x'), qos: 0, retain: false }
    expect(
      difference({ ...packets.connect(), will, clean: true }, packets.connect({ will: { topic: 'w', payload: 'x' } })),
    ).toBe(undefined)
    expect(difference({ ...packets.connect(), will }, packets.connect())).toContain('will: ')
    expect(difference({ ...packets.connect(), clean: false }, packets.connect())).toBe('clean: false, not undefined')
    const entry = { topic: 'a', qos: 1, nl: false, rap: false, rh: 0 }
    const subscribe = packets.subscribe({ subscriptions: [{ topic: 'a', qos: 1 }] })
    expect(difference({ ...subscribe, subscriptions: [entry] }, subscribe)).toBe(undefined)
    expect(difference({ ...subscribe, subscriptions: [{ ...entry, rh: 1 }] }, subscribe)).toBe(
      'subscriptions.0.rh: 1, not undefined',
    )
    expect(difference({ ...subscribe, subscriptions: [entry, entry] }, subscribe)).toBe(
      'subscriptions: 2 entries, not 1',
    )
    expect(difference(packets.puback({ reasonCode: 0 }), packets.puback())).toBe(undefined)
    expect(difference(packets.puback({ reasonCode: 0x10 }), packets.puback())).toBe('reasonCode: 16, not undefined')
    expect(difference(packets.connack({ returnCode: 0 }), packets.connack({ reasonCode: 0 }))).toBe(undefined)
    expect(difference(packets.unsuback({ granted: [0x11] }), packets.unsuback())).toContain('granted')
    expect(difference(packets.pingreq(), packets.pingresp())).toBe('pingreq, not pingresp')
  })
})

describe('difference: other values', () => {
  const loop: { self?: unknown } = {}
  loop.self = loop
  const again: { self?: unknown } = {}
  again.self = again

  test.each<[string, unknown, unknown]>([
    ['numbers', Number.NaN, Number.NaN],
    ['a missing member', { a: 1, b: undefined }, { a: 1 }],
    ['a null prototype', Object.assign(Object.create(null), { a: '1' }), { a: '1' }],
    ['bytes', Uint8Array.of(1, 2), new Uint8Array([0, 1, 2]).subarray(1)],
    ['a date', new Date(5), new Date(5)],
    ['maps', new Map([['a', { b: 1 }]]), new Map([['a', { b: 1 }]])],
    ['sets', new Set([1, 2]), new Set([1, 2])],
    ['a loop', loop, again],
    ['errors of one code', new MqttError('timeout', 'a'), new MqttError('timeout', 'b')],
    [
      'an error and its code',
      new MqttError('refused', 'a', { reasonCode: 0x87 }),
      { code: 'refused', reasonCode: 0x87 },
    ],
    ['an error inside', { cause: new Error('x') }, { cause: new Error('x') }],
  ])('none: %s', (_, actual, expected) => {
    expect(difference(actual, expected)).toBe(undefined)
  })

  test.each<[string, unknown, unknown, string]>([
    ['numbers', 1, 2, '1, not 2'],
    ['types', 1, '1', '1, not "1"'],
    ['null', null, {}, 'null, not {}'],
    ['undefined', { a: undefined }, { a: null }, 'a: undefined, not null'],
    ['a member too many', { a: 1 }, {}, 'a: 1, not undefined'],
    ['depth', { a: [{ b: 1 }] }, { a: [{ b: 2 }] }, 'a.0.b: 1, not 2'],
    ['length', [1, 2], [1], '2 entries, not 1'],
    ['bytes', Uint8Array.of(1), Uint8Array.of(2), '<01>, not <02>'],
    ['bytes and a list', Uint8Array.of(1), [1], '<01>, not [1]'],
    ['dates', new Date(5), new Date(6), '"1970-01-01T00:00:00.005Z", not "1970-01-01T00:00:00.006Z"'],
    ['a list and an object', [], {}, '[], not {}'],
    ['a set and a map', new Set(), new Map(), 'Set [], not Map {}'],
    ['sets', new Set([1]), new Set([2]), '0: 1, not 2'],
    ['codes', new MqttError('timeout', 'a'), { code: 'refused' }, 'code: "timeout", not "refused"'],
    ['reasons', new MqttError('refused', 'a', { reasonCode: 1 }), { code: 'refused' }, 'reasonCode: 1, not undefined'],
    [
      'return codes',
      new MqttError('refused', '', { returnCode: 5 }),
      new MqttError('refused', ''),
      'returnCode: 5, not undefined',
    ],
    ['messages', new Error('a'), new Error('b'), 'message: "a", not "b"'],
    ['classes of errors', new TypeError('a'), new Error('a'), 'name: "TypeError", not "Error"'],
    ['an error and something', new Error('a'), {}, 'Error "a", not {}'],
    ['something and an error', {}, new Error('a'), '{}, not Error "a"'],
    [
      'an error of Node',
      Object.assign(new Error('a'), { code: 'EPIPE' }),
      new Error('a'),
      'code: "EPIPE", not undefined',
    ],
  ])('told: %s', (_, actual, expected, found) => {
    expect(difference(actual, expected)).toBe(found)
  })
})
