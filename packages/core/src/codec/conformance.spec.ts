import { Conversation } from '../connection/conversation.js'
import type { Packet, ProtocolVersion } from '../packet/packet.js'
import { decode, encode, failure } from '../spec-support/codec.js'
import { mqtt5 } from '../spec-support/conformance/mqtt-5.js'
import { mqtt31 } from '../spec-support/conformance/mqtt-31.js'
import { mqtt311 } from '../spec-support/conformance/mqtt-311.js'
import { packetOf, refused, type Statement, type Verdict } from '../spec-support/conformance/statement.js'
import { plain } from '../spec-support/plain.js'
import { Protocol } from './protocol.js'

/** The ids of group A, as the standards number them. */
const groupA = {
  5: `1.5.4-1 1.5.4-2 1.5.4-3 1.5.5-1 1.5.7-1 2.1.3-1 2.2.1-2 2.2.2-1 3.1.2-1 3.1.2-2 3.1.2-3 3.1.2-9 3.1.2-11
    3.1.2-12 3.1.2-13 3.1.2-16 3.1.2-17 3.1.2-18 3.1.2-19 3.1.3-1 3.1.3-3 3.1.3-4 3.1.3-11 3.1.3-12 3.1.4-1 3.2.2-1
    3.2.2-8 3.3.1-2 3.3.1-4 3.3.2-1 3.3.2-2 3.3.2-8 3.3.2-13 3.3.2-14 3.3.2-19 3.4.2-1 3.5.2-1 3.6.1-1 3.6.2-1 3.7.2-1
    3.8.1-1 3.8.3-1 3.8.3-2 3.8.3-4 3.8.3-5 3.9.3-2 3.10.1-1 3.10.3-1 3.10.3-2 3.11.3-2 3.14.1-1 3.14.2-1 3.14.2-2
    3.15.1-1 3.15.2-1 4.7.0-1 4.7.1-1 4.7.1-2 4.7.3-1 4.7.3-2 4.7.3-3 4.8.2-1 4.8.2-2`,
  4: `1.5.3-1 1.5.3-2 1.5.3-3 2.2.2-1 2.2.2-2 2.3.1-1 2.3.1-5 3.1.2-1 3.1.2-2 3.1.2-3 3.1.2-9 3.1.2-11 3.1.2-13 3.1.2-14
    3.1.2-15 3.1.2-18 3.1.2-19 3.1.2-20 3.1.2-21 3.1.2-22 3.1.3-1 3.1.3-3 3.1.3-4 3.1.3-7 3.1.3-10 3.1.3-11 3.1.4-1
    3.3.1-2 3.3.1-4 3.3.2-1 3.3.2-2 3.6.1-1 3.8.1-1 3.8.3-1 3.8.3-3 3.8.3-4 3.9.3-2 3.10.1-1 3.10.3-1 3.10.3-2 3.14.1-1
    4.7.1-1 4.7.1-2 4.7.1-3 4.7.3-1 4.7.3-2 4.7.3-3`,
  3: 'protocol client-id dup session-present return-code suback password mqtt-5',
}

/** What the error of each verdict carries for the peer. */
const verdicts = {
  malformed: { code: 'malformed-packet', reasonCode: 0x81, returnCode: undefined },
  'protocol-error': { code: 'protocol-error', reasonCode: 0x82, returnCode: undefined },
  'unsupported-version': { code: 'unsupported-version', reasonCode: 0x84, returnCode: 1 },
  'client-id': { code: 'protocol-error', reasonCode: 0x85, returnCode: 2 },
}

function checkIn(version: ProtocolVersion, notation: string, verdict: Verdict): void {
  const bytes = packetOf(notation)
  if (typeof verdict === 'object') {
    expect(plain(decode(version, bytes))).toEqual([expect.objectContaining(plain(verdict) as object)])
    return
  }
  expect([notation, failure(() => decode(version, bytes))]).toStrictEqual([
    notation,
    { ...verdicts[verdict], message: expect.stringMatching(/\[MQTT/) as unknown },
  ])
}

function checkOut(version: ProtocolVersion, packet: unknown, notation: string): void {
  if (notation === refused) {
    expect([packet, failure(() => encode(version, packet as Packet))?.code]).toStrictEqual([packet, 'invalid-packet'])
  } else {
    expect(plain(encode(version, packet as Packet))).toBe(plain(packetOf(notation)))
  }
}

describe.each([
  ['MQTT5', 5, mqtt5],
  ['MQTT3.1.1', 4, mqtt311],
  ['MQTT3.1', 3, mqtt31],
] as const)('%s, what the codec enforces on one packet', (name, version, statements: readonly Statement[]) => {
  test('every statement of group A has its test, in and out', () => {
    expect(statements.map(({ id }) => id).sort()).toEqual(groupA[version].split(/\s+/).sort())
    for (const statement of statements) {
      expect([statement.id, statement.in.length > 0, statement.out.length > 0]).toEqual([statement.id, true, true])
    }
  })

  for (const statement of statements) {
    test(`${name} [MQTT-${statement.id}] ${statement.says}: in`, () => {
      for (const [notation, verdict] of statement.in) checkIn(version, notation, verdict)
    })

    test(`${name} [MQTT-${statement.id}] ${statement.says}: out`, () => {
      for (const [packet, notation] of statement.out) checkOut(version, packet, notation)
    })

    for (const [role, direction, packet] of statement.role ?? []) {
      test(`${name} [MQTT-${statement.id}] ${statement.says}: a ${role}, ${direction}`, () => {
        const conversation = new Conversation(role, new Protocol(version))
        const begin = { cmd: 'connect', clientId: 'a' } as const
        if (role === 'server') conversation.received(begin as Packet)
        else conversation.sent(begin)
        const connack = { cmd: 'connack', reasonCode: 0, sessionPresent: false } as const
        if (role === 'server') conversation.sent(connack)
        else conversation.received(connack as unknown as Packet)
        if (direction === 'in') {
          expect(failure(() => conversation.received(packet as Packet))).toMatchObject(verdicts['protocol-error'])
        } else {
          expect(failure(() => conversation.check(packet as Packet))).toMatchObject({ code: 'invalid-packet' })
        }
      })
    }
  }
})
