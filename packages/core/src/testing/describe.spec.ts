import type { PacketInput } from '../packet/fields.js'
import { decode } from '../spec-support/codec.js'
import { show } from './describe.js'
import { describePacket, packets, vectors } from './index.js'

describe('describePacket', () => {
  test.each<[PacketInput, string]>([
    [packets.connect(), 'connect "client"'],
    [
      packets.connect({ clientId: '', protocolVersion: 5, clean: false, keepalive: 30 }),
      'connect MQTT 5 clean false keepalive 30',
    ],
    [
      packets.connect({ username: 'u', password: 'p', protocolVersion: 3 }),
      'connect "client" MQTT 3.1 username "u" password "p"',
    ],
    [
      packets.connect({
        will: { topic: 'w', payload: 'bye', qos: 1, retain: true, properties: { willDelayInterval: 5 } },
      }),
      'connect "client" will w qos 1 retain "bye" { willDelayInterval: 5 }',
    ],
    [packets.connack(), 'connack'],
    [packets.connack({ sessionPresent: true }), 'connack sessionPresent'],
    [packets.connack({ returnCode: 5 }), 'connack returnCode 5'],
    [
      packets.connack({ reasonCode: 0x87, properties: { reasonString: 'no' } }),
      'connack 0x87 NotAuthorized { reasonString: "no" }',
    ],
    [packets.publish({ topic: 'a/b', qos: 1, messageId: 7, payload: 'hi' }), 'publish a/b qos 1 #7 "hi"'],
    [packets.publish({ topic: 'a b', retain: true, payload: Uint8Array.of(0, 255) }), 'publish "a b" retain <00 ff>'],
    [
      packets.publish({ topic: '', qos: 2, dup: true, properties: { topicAlias: 3 } }),
      'publish "" qos 2 dup #1 { topicAlias: 3 }',
    ],
    [packets.puback({ messageId: 7 }), 'puback #7'],
    [packets.pubrec({ reasonCode: 0x10 }), 'pubrec #1 0x10 NoMatchingSubscribers'],
    [packets.pubrel(), 'pubrel #1'],
    [packets.pubcomp({ reasonCode: 0x92 }), 'pubcomp #1 0x92 PacketIdentifierNotFound'],
    [
      packets.subscribe({
        subscriptions: [
          { topic: 'a/#', qos: 1 },
          { topic: '+', qos: 0, nl: true, rh: 2 },
        ],
      }),
      'subscribe #1 [a/# qos 1, + qos 0 nl rh 2]',
    ],
    [packets.suback({ granted: [0, 2, 0x80] }), 'suback #1 [0, 2, 0x80 UnspecifiedError]'],
    [packets.unsubscribe({ unsubscriptions: ['a', 'b'] }), 'unsubscribe #1 [a, b]'],
    [packets.unsuback({ granted: [0, 0x11] }), 'unsuback #1 [0, 0x11 NoSubscriptionExisted]'],
    [packets.pingreq(), 'pingreq'],
    [packets.pingresp(), 'pingresp'],
    [packets.disconnect({ reasonCode: 0x8e }), 'disconnect 0x8e SessionTakenOver'],
    [
      packets.auth({
        reasonCode: 0x18,
        properties: { authenticationMethod: 'm', authenticationData: Uint8Array.of(1) },
      }),
      'auth 0x18 ContinueAuthentication { authenticationMethod: "m", authenticationData: <01> }',
    ],
  ])('%j', (packet, text) => {
    expect(describePacket(packet)).toBe(text)
  })

  test('a parsed packet, of any version and size, is one line', () => {
    for (const { version, bytes } of vectors()) {
      const text = describePacket(decode(version, bytes)[0]!)
      expect(text).not.toContain('\n')
      expect(text).not.toContain('[object')
      expect(text.length).toBeLessThan(400_000)
    }
  })

  test('long payloads are cut, with what tells them apart', () => {
    const long = (last: string) => describePacket(packets.publish({ payload: 'x'.repeat(999) + last }))
    expect(long('a')).toMatch(/^publish topic "x{48}"… 1000 bytes, checksum [0-9a-f]+$/)
    expect(long('a')).not.toBe(long('b'))
    // The cut goes through a character.
    expect(show(new TextEncoder().encode(`${'x'.repeat(47)}€€`))).toMatch(/^"x{47}"… 53 bytes, checksum [0-9a-f]+$/)
  })
})

test.each<[unknown, string]>([
  [undefined, 'undefined'],
  [1n, '1'],
  [{ 'a b': [1, 'x'], c: undefined }, '{ "a b": [1, "x"] }'],
  [Object.create(null), '{}'],
  [
    new (class Reading {
      value = 1
    })(),
    'Reading { value: 1 }',
  ],
  [Symbol('s'), 'Symbol(s)'],
  [function named() {}, 'function named'],
  [Array.from({ length: 42 }, () => 0), `[${'0, '.repeat(40)}… 2 more]`],
  [{ a: { a: { a: { a: { a: { a: 1 } } } } } }, '{ a: { a: { a: { a: { a: … } } } } }'],
])('show %#', (value, text) => {
  expect(show(value)).toBe(text)
})
