import type { PacketInput } from '../packet/fields.js'
import { decode, encode, failure } from '../spec-support/codec.js'
import { packetOf } from '../spec-support/conformance/statement.js'
import { plain } from '../spec-support/plain.js'
import { allowedProperties, carry } from '../testing/vectors/properties.js'
import { block, frame, sized, wire } from '../testing/wire.js'

/** A value of each property, with its bytes. */
const samples: Readonly<Record<string, readonly [notation: string, value: unknown]>> = {
  payloadFormatIndicator: ['01 01', true],
  messageExpiryInterval: ['02 00000001', 1],
  contentType: ['03 0001 "a"', 'a'],
  responseTopic: ['08 0001 "a"', 'a'],
  correlationData: ['09 0001 "a"', wire('"a"')],
  subscriptionIdentifier: ['0b 01', 1],
  sessionExpiryInterval: ['11 00000001', 1],
  assignedClientIdentifier: ['12 0001 "a"', 'a'],
  serverKeepAlive: ['13 0001', 1],
  authenticationMethod: ['15 0001 "a"', 'a'],
  authenticationData: ['16 0001 "a"', wire('"a"')],
  requestProblemInformation: ['17 01', true],
  willDelayInterval: ['18 00000001', 1],
  requestResponseInformation: ['19 01', true],
  responseInformation: ['1a 0001 "a"', 'a'],
  serverReference: ['1c 0001 "a"', 'a'],
  reasonString: ['1f 0001 "a"', 'a'],
  receiveMaximum: ['21 0001', 1],
  topicAliasMaximum: ['22 0001', 1],
  topicAlias: ['23 0001', 1],
  maximumQoS: ['24 01', 1],
  retainAvailable: ['25 01', true],
  maximumPacketSize: ['27 00000001', 1],
  wildcardSubscriptionAvailable: ['28 01', true],
  subscriptionIdentifiersAvailable: ['29 01', true],
  sharedSubscriptionAvailable: ['2a 01', true],
}

const malformed = { code: 'malformed-packet', reasonCode: 0x81 }
const protocolError = { code: 'protocol-error', reasonCode: 0x82 }
const scopes = Object.keys(allowedProperties)
const hasAuthentication = ['connect', 'connack', 'auth']

/** What a packet may carry, `authenticationData` included. */
function isAllowed(scope: string, name: string): boolean {
  return (
    allowedProperties[scope]!.includes(name) || (name === 'authenticationData' && hasAuthentication.includes(scope))
  )
}

function refusal(scope: string, ...notations: readonly string[]): unknown {
  return failure(() => decode(5, carry(scope, {}, ...notations.map(wire)).bytes))
}

function refusalOut(scope: string, properties: object): unknown {
  return failure(() => encode(5, carry(scope, properties).packet))
}

/** AUTH has its method always. */
const needed = (scope: string): string[] => (scope === 'auth' ? [samples['authenticationMethod']![0]] : [])

describe.each(scopes)('properties of %s', (scope) => {
  test('MQTT5 2.2.2.2: another packet’s property is malformed', () => {
    const others = Object.entries(samples).filter(([name]) => !isAllowed(scope, name))
    expect(others.length).toBeGreaterThan(5)
    for (const [name, [notation, value]] of others) {
      expect([name, refusal(scope, notation)]).toEqual([name, expect.objectContaining(malformed)])
      expect([name, refusalOut(scope, { [name]: value })]).toMatchObject([name, { code: 'invalid-packet' }])
    }
  })

  test('MQTT5 2.2.2.2: an unknown property is malformed', () => {
    const known = new Set([...Object.values(samples).map(([notation]) => wire(notation)[0]), 0x26])
    for (let id = 0; id < 128; id++) {
      if (known.has(id)) continue
      expect(refusal(scope, `${id.toString(16).padStart(2, '0')} 00`)).toMatchObject(malformed)
    }
    expect(refusal(scope, '8026 0001 "a" 0001 "b"')).toMatchObject(malformed)
    for (const name of ['toString', '__proto__', 'constructor', 'nonsense', '']) {
      const properties = Object.fromEntries([[name, 1]])
      expect(refusalOut(scope, properties)).toMatchObject({ code: 'invalid-packet' })
    }
  })

  test('MQTT5 2.2.2.2: a property may come once, a user property again', () => {
    for (const [name, [notation]] of Object.entries(samples)) {
      if (!isAllowed(scope, name) || (name === 'subscriptionIdentifier' && scope === 'publish')) continue
      const before = name === 'authenticationData' && scope !== 'auth' ? ['15 0001 "m"'] : needed(scope)
      const others = name === 'authenticationMethod' ? [] : before
      expect([name, refusal(scope, ...others, notation, notation)]).toEqual([
        name,
        expect.objectContaining(protocolError),
      ])
      expect([name, refusalOut(scope, { [name]: [1, 1] })]).toMatchObject([name, { code: 'invalid-packet' }])
    }
    expect(refusal(scope, ...needed(scope), '26 0000 0000', '26 0000 0000')).toBeUndefined()
  })

  test('MQTT5 2.2.2.2: a property cut short is malformed, and so is one that reaches past its block', () => {
    for (const [name, [notation]] of Object.entries(samples)) {
      if (!isAllowed(scope, name)) continue
      const whole = wire(notation)
      for (let length = 1; length < whole.length; length++) {
        const bytes = carry(scope, {}, whole.subarray(0, length)).bytes
        expect([name, length, failure(() => decode(5, bytes))]).toEqual([
          name,
          length,
          expect.objectContaining(malformed),
        ])
      }
    }
    expect(refusal(scope, ...needed(scope), '26 0001 "a"')).toMatchObject(malformed)
  })

  test('values of a wrong type or out of range are refused on the way out', () => {
    const wrong = [null, Number.NaN, -1, 1.5, 2 ** 32, {}, [], Symbol('s'), () => 1, 10n, '\ud800', 'a\0', new Date(0)]
    for (const name of [...Object.keys(samples), 'userProperties']) {
      if (!isAllowed(scope, name) && name !== 'userProperties') continue
      for (const [i, value] of wrong.entries()) {
        if (name === 'userProperties' && (value instanceof Date || isEmptyObject(value))) continue
        const error = refusalOut(scope, { [name]: value })
        expect([name, i, error]).toEqual([
          name,
          i,
          expect.objectContaining({ code: 'invalid-packet', message: expect.stringMatching(/[A-Z]/) as unknown }),
        ])
      }
    }
  })
})

/** No user properties at all are none. */
function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0
}

const outOfRange: readonly (readonly [scope: string, notation: string, properties: object])[] = [
  ['connect', '21 0000', { receiveMaximum: 0 }],
  ['connect', '27 00000000', { maximumPacketSize: 0 }],
  ['connack', '21 0000', { receiveMaximum: 0 }],
  ['connack', '27 00000000', { maximumPacketSize: 0 }],
  ['connack', '24 02', { maximumQoS: 2 }],
  ['connack', '25 02', { retainAvailable: 2 }],
  ['connack', '28 ff', { wildcardSubscriptionAvailable: 255 }],
  ['connack', '29 02', { subscriptionIdentifiersAvailable: 1 }],
  ['connack', '2a 02', { sharedSubscriptionAvailable: 'true' }],
  ['connect', '17 02', { requestProblemInformation: 0 }],
  ['connect', '19 02', { requestResponseInformation: 1 }],
  ['publish', '01 02', { payloadFormatIndicator: 1 }],
  ['will', '01 02', { payloadFormatIndicator: 1 }],
  ['publish', '23 0000', { topicAlias: 0 }],
  ['publish', '0b 00', { subscriptionIdentifier: 0 }],
  ['subscribe', '0b 00', { subscriptionIdentifier: 0 }],
]

test.each(outOfRange)('MQTT5: %s with %s is a protocol error, and is not written', (scope, notation, properties) => {
  expect(refusal(scope, notation)).toMatchObject(protocolError)
  expect(refusalOut(scope, properties)).toMatchObject({ code: 'invalid-packet' })
})

test.each(['connect', 'connack', 'auth'])('MQTT5 3.1.2.11.10: authentication data of %s needs a method', (scope) => {
  expect(refusal(scope, '16 0000')).toMatchObject(protocolError)
  expect(refusalOut(scope, { authenticationData: wire('00') })).toMatchObject({ code: 'invalid-packet' })
})

test('MQTT5 3.15.2.2.2: AUTH has a method, but for plain success', () => {
  expect(failure(() => decode(5, packetOf('f0: 18 00')))).toMatchObject(protocolError)
  expect(failure(() => decode(5, packetOf('f0: 00 05 26 0000 0000')))).toMatchObject(protocolError)
  expect(failure(() => decode(5, packetOf('f0: 18')))).toMatchObject(malformed)
  expect(failure(() => encode(5, { cmd: 'auth', reasonCode: 0x18 }))).toMatchObject({ code: 'invalid-packet' })
  expect(decode(5, packetOf('f0: 00 00'))).toMatchObject([{ reasonCode: 0 }])
})

test('the length of a block must be its shortest encoding and end with a property', () => {
  expect(failure(() => decode(5, packetOf('30: 0001 "a" 8500 01 01')))).toMatchObject(malformed)
  expect(failure(() => decode(5, packetOf('30: 0001 "a" ffffffff7f')))).toMatchObject(malformed)
  expect(failure(() => decode(5, packetOf('30: 0001 "a" 01 01 01')))).toMatchObject(malformed)
  expect(failure(() => decode(5, packetOf('30: 0001 "a" 03 01 01')))).toMatchObject(malformed)
})

test('a __proto__ user property pollutes nothing', () => {
  const pair = '26 0009 "__proto__" 0001'
  const bytes = packetOf(`30: 0001 "a" 23 ${pair} "x" ${pair} "y" 26 0000 0000`)
  const [packet] = decode(5, bytes)
  const { userProperties } = (packet as { properties: { userProperties: object } }).properties
  expect(Object.getPrototypeOf(userProperties)).toBeNull()
  expect(Object.entries(userProperties)).toEqual([
    ['__proto__', ['x', 'y']],
    ['', ''],
  ])
  expect(Object.prototype).not.toHaveProperty('0')
  expect(Object.getPrototypeOf({})).toBe(Object.prototype)
  expect(encode(5, packet!)).toEqual(bytes)
  const own: PacketInput = {
    cmd: 'publish',
    topic: 'a',
    properties: { userProperties: Object.fromEntries([['__proto__', 'x']]) },
  }
  expect(encode(5, own)).toEqual(packetOf(`30: 0001 "a" 0f ${pair} "x"`))
})

test.each([
  ['a number that the object puts first', '26 0001 "a" 0001 "x" 26 0002 "95" 0001 "y"', '0f'],
  ['a name again, later', '26 0001 "a" 0001 "x" 26 0001 "b" 0001 "y" 26 0001 "a" 0001 "z"', '15'],
])('MQTT-3.3.2-18: user properties keep their order: %s', (_name, pairs, length) => {
  const bytes = packetOf(`30: 0001 "a" ${length} ${pairs}`)
  expect(plain(encode(5, decode(5, bytes)[0]!))).toBe(plain(bytes))
})

test('a property that is undefined is left out', () => {
  const bytes = encode(5, { cmd: 'publish', topic: 'a', properties: { contentType: undefined, topicAlias: 1 } })
  expect(bytes).toEqual(packetOf('30: 0001 "a" 03 23 0001'))
})

test('a string of 65,535 bytes is the longest', () => {
  const longest = 'x'.repeat(65_535)
  const bytes = frame(0x30, wire('0001 "a"'), block(wire('03'), sized(longest)))
  expect(plain(encode(5, { cmd: 'publish', topic: 'a', properties: { contentType: longest } }))).toBe(plain(bytes))
  expect(refusalOut('publish', { contentType: `${longest}x` })).toMatchObject({ code: 'invalid-packet' })
  expect(refusalOut('publish', { correlationData: new Uint8Array(65_536) })).toMatchObject({ code: 'invalid-packet' })
})
