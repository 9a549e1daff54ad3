import type { PacketInput } from '../packet/fields.js'
import { decode, encode, failure } from '../spec-support/codec.js'
import { packetOf } from '../spec-support/conformance/statement.js'
import { wire } from '../testing/wire.js'
import { checkProtocol, checkTopicFilter, checkTopicName } from './validate.js'

const protocolError = { code: 'protocol-error', reasonCode: 0x82 }

describe('topic filters', () => {
  const good = ['a', '/', '#', '+', '+/+', 'a/#', '/#', '+/#', 'a/+/b', '$SYS/#', '$share', 'a b', '$shared/+']
  const bad = ['', 'a/#/b', 'a#', '#/', '##', 'a+', '+a', 'a/b+', '++', 'a/+b/c', '#/#']
  const shares = [
    '$share/',
    '$share//x',
    '$share/g',
    '$share/g/',
    '$share/+/x',
    '$share/#/x',
    '$share/a+/x',
    '$share/g/a#',
  ]

  test.each([3, 4, 5] as const)('level %i: good and bad ones', (version) => {
    for (const filter of good)
      expect([filter, failure(() => checkTopicFilter(filter, 'F', version))]).toEqual([filter, undefined])
    for (const filter of bad) {
      expect([filter, failure(() => checkTopicFilter(filter, 'F', version))]).toMatchObject([filter, protocolError])
    }
  })

  test('shared subscriptions are of MQTT 5, ordinary topics before', () => {
    for (const filter of shares) {
      expect([filter, failure(() => checkTopicFilter(filter, 'F', 5))]).toMatchObject([filter, protocolError])
    }
    for (const filter of ['$share/', '$share//x', '$share/g', '$share/g/', '$share/+/x']) {
      expect([filter, failure(() => checkTopicFilter(filter, 'F', 4))]).toEqual([filter, undefined])
    }
    for (const filter of ['$share/g/a', '$share/g//', '$share/g/+/#', '$share/$share/$share/g']) {
      expect([filter, failure(() => checkTopicFilter(filter, 'F', 5))]).toEqual([filter, undefined])
    }
  })
})

test('errors name the field, the value and the rule', () => {
  const message = (run: () => unknown): string | undefined => failure(run)?.message
  expect(message(() => checkTopicName('a/+', 'PUBLISH topic'))).toBe(
    `PUBLISH topic must not contain '+': "a/+" [MQTT-3.3.2-2]`,
  )
  expect(message(() => checkTopicFilter('a+', 'SUBSCRIBE topic filter', 5))).toBe(
    `SUBSCRIBE topic filter must have '+' as a whole level: "a+" [MQTT-4.7.1-2]`,
  )
  expect(message(() => checkTopicFilter('a+', 'SUBSCRIBE topic filter', 4))).toContain('[MQTT-4.7.1-3]')
  expect(message(() => checkTopicFilter('$share/g/', 'SUBSCRIBE topic filter', 5))).toContain('[MQTT-4.8.2-2]')
  expect(
    message(() => encode(4, { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a', qos: 0, nl: true }] })),
  ).toBe('SUBSCRIBE nl must not be given in MQTT 3.1.1: true')
  const long = 'x'.repeat(65_536)
  expect(message(() => encode(5, { cmd: 'connect', clientId: long }))).toBe(
    'CONNECT clientId must not be over 65,535 bytes, it has 65536 [MQTT5 1.5.4]',
  )
  expect(message(() => encode(5, { cmd: 'connect', password: long }))).toBe(
    'CONNECT password must not be over 65,535 bytes, it has 65536 [MQTT5 1.5.6]',
  )
  expect(message(() => encode(5, { cmd: 'connack', returnCode: 0 }))).toBe(
    'CONNACK returnCode must not be given in MQTT 5: 0',
  )
  expect(message(() => encode(4, { cmd: 'connect', keepalive: '60' as unknown as number }))).toBe(
    'CONNECT keepalive must be an integer from 0 to 65535, not "60"',
  )
})

test('errors show a value in short, whatever it is', () => {
  const odd = [
    () => 'x'.repeat(99),
    10n ** 99n,
    Symbol('s'.repeat(99)),
    'x'.repeat(99),
    { a: 1 },
    [1],
    new Uint8Array(9),
  ]
  const ends = ['a function', `1${'0'.repeat(39)}…`, `Symbol(${'s'.repeat(33)}…`, `"${'x'.repeat(40)}…"`, 'an object']
  const seen = odd.map(
    (clean) => failure(() => encode(4, { cmd: 'connect', clean } as unknown as PacketInput))?.message,
  )
  expect(seen).toEqual([...ends, 'an array', '9 bytes'].map((end) => `CONNECT clean must be a boolean, not ${end}`))
})

test('names and levels of the protocol that belong together', () => {
  for (const level of [3, 4, 5]) {
    expect(failure(() => checkProtocol(level === 3 ? 'MQIsdp' : 'MQTT', level))).toBeUndefined()
    expect(failure(() => checkProtocol(level === 3 ? 'MQTT' : 'MQIsdp', level))).toMatchObject(protocolError)
  }
  for (const level of [0, 1, 2, 6, 128, 131, 132, 133, 255, '4', null, undefined, 4.5]) {
    const error = { code: 'unsupported-version', reasonCode: 0x84, returnCode: 1 }
    expect(failure(() => checkProtocol('MQTT', level))).toMatchObject(error)
  }
})

describe('rules without an id', () => {
  test('MQTT3.1.1 and MQTT5 [MQTT-3.2.2-4] [MQTT-3.2.2-6]: no session present with an error', () => {
    expect(failure(() => decode(4, packetOf('20: 01 05')))).toMatchObject(protocolError)
    expect(failure(() => decode(5, packetOf('20: 01 87 00')))).toMatchObject(protocolError)
    const invalid = { code: 'invalid-packet' }
    expect(failure(() => encode(4, { cmd: 'connack', sessionPresent: true, returnCode: 5 }))).toMatchObject(invalid)
    expect(failure(() => encode(5, { cmd: 'connack', sessionPresent: true, reasonCode: 0x87 }))).toMatchObject(invalid)
  })

  test('MQTT3.1.1: CONNACK has the return codes 0 to 5', () => {
    expect(failure(() => decode(4, packetOf('20: 00 06')))).toMatchObject(protocolError)
    expect(failure(() => decode(4, packetOf('20: 00 ff')))).toMatchObject(protocolError)
  })

  test('MQTT5 3.8.3.1: QoS 3 and retain handling 3 of SUBSCRIBE are protocol errors', () => {
    expect(failure(() => decode(5, packetOf('82: 000a 00 0001 "a" 03')))).toMatchObject(protocolError)
    expect(failure(() => decode(5, packetOf('82: 000a 00 0001 "a" 30')))).toMatchObject(protocolError)
  })

  test.each([3, 4] as const)('level %i: SUBACK without codes is a protocol error', (version) => {
    expect(failure(() => decode(version, packetOf('90: 000a')))).toMatchObject(protocolError)
    expect(failure(() => encode(version, { cmd: 'suback', messageId: 1, granted: [] }))).toMatchObject({
      code: 'invalid-packet',
    })
  })

  test('level 5: SUBACK and UNSUBACK without codes are protocol errors', () => {
    expect(failure(() => decode(5, packetOf('90: 000a 00')))).toMatchObject(protocolError)
    expect(failure(() => decode(5, packetOf('b0: 000a 00')))).toMatchObject(protocolError)
  })

  const refusals: readonly (readonly [says: string, version: 4 | 5, packet: object])[] = [
    ['SUBACK granted must have at least one entry', 5, { cmd: 'suback', messageId: 1, granted: [] }],
    ['UNSUBACK granted must have at least one entry', 5, { cmd: 'unsuback', messageId: 1, granted: [] }],
    [
      'SUBSCRIBE qos must be an integer from 0 to 2',
      5,
      { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a', qos: 3 }] },
    ],
    [
      'SUBSCRIBE rh must be an integer from 0 to 2',
      5,
      { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a', qos: 0, rh: 3 }] },
    ],
    ['AUTH needs MQTT 5', 4, { cmd: 'auth', reasonCode: 0x18, properties: { authenticationMethod: 'a' } }],
  ]
  test.each(refusals)('%s, says a writer of level %i', (says, version, packet) => {
    const error = failure(() => encode(version, packet as PacketInput))
    expect(error).toMatchObject({ code: 'invalid-packet', message: expect.stringContaining(says) as string })
  })

  test.each([
    ['publish', '32: 0001 "a" 0000 00', { topic: 'a', qos: 1 }],
    ['puback', '40: 0000', {}],
    ['pubrec', '50: 0000', {}],
    ['pubrel', '62: 0000', {}],
    ['pubcomp', '70: 0000', {}],
    ['subscribe', '82: 0000 00 0001 "a" 00', { subscriptions: [{ topic: 'a', qos: 0 }] }],
    ['suback', '90: 0000 00 00', { granted: [0] }],
    ['unsubscribe', 'a2: 0000 00 0001 "a"', { unsubscriptions: ['a'] }],
    ['unsuback', 'b0: 0000 00 00', { granted: [0] }],
  ])('level 5: the message id of %s is never 0, nor left out', (cmd, notation, fields) => {
    const out = (messageId?: number): Uint8Array => encode(5, { cmd, ...fields, messageId } as PacketInput)
    expect(out(10)).toEqual(packetOf(notation.replace('0000', '000a')))
    expect(failure(() => decode(5, packetOf(notation)))).toMatchObject(protocolError)
    for (const id of [0, undefined]) expect(failure(() => out(id))).toMatchObject({ code: 'invalid-packet' })
  })

  test('packet type 0, and AUTH before MQTT 5, are malformed', () => {
    const malformed = { code: 'malformed-packet', reasonCode: 0x81 }
    for (const version of [3, 4, 5] as const) {
      expect(failure(() => decode(version, packetOf('00 00')))).toMatchObject(malformed)
      expect(failure(() => decode(version, packetOf('0f 00')))).toMatchObject(malformed)
    }
    expect(failure(() => decode(4, packetOf('f0 00')))).toMatchObject(malformed)
    expect(failure(() => decode(4, packetOf('c0 ffffffff 7f')))).toMatchObject(malformed)
  })
})

test.each([
  [1, 'unsupported-version'],
  [2, 'refused'],
  [5, 'refused'],
] as const)('MQTT 5: return code %i of a server that speaks 3.1.1 only is told as %s', (returnCode, code) => {
  expect(failure(() => decode(5, Uint8Array.of(0x20, 2, 0, returnCode)))).toMatchObject({ code, returnCode })
  expect(failure(() => decode(5, Uint8Array.of(0x20, 2, 0, 0)))).toMatchObject({ code: 'malformed-packet' })
})

test('MQTT 3.1: a username or password whose flag is set but which is not there was not given', () => {
  const head = '0006 "MQIsdp" 03'
  const packet = { cmd: 'connect', clientId: 'a', protocolVersion: 3 }
  const [none] = decode(3, wire(`10 0f ${head} 82 0000 0001 "a"`))
  expect(none).toMatchObject(packet)
  expect(none).not.toHaveProperty('username')
  const [one] = decode(3, wire(`10 12 ${head} c2 0000 0001 "a" 0001 "u"`))
  expect(one).toMatchObject({ ...packet, username: 'u' })
  expect(one).not.toHaveProperty('password')
  for (const bytes of ['10 0d 0004 "MQTT" 04 82 0000 0001 "a"', `10 12 ${head} 82 0000 0001 "a" 0002 "u"`]) {
    expect(failure(() => decode(3, wire(bytes)))).toMatchObject({ code: 'malformed-packet' })
  }
})
