import type { PacketInput } from '../../packet/fields.js'
import type { ProtocolVersion } from '../../packet/packet.js'
import { utf8, wire } from '../wire.js'
import type { Vector } from './vector.js'

function vector(version: ProtocolVersion, notation: string, packet: PacketInput): Vector {
  return { name: `${packet.cmd} by hand, ${notation}`, version, packet, bytes: wire(notation) }
}

const messageId = 10
const same = (version: ProtocolVersion): readonly Vector[] => [
  vector(version, '30 05 0001 "a" "hi"', {
    cmd: 'publish',
    topic: 'a',
    payload: utf8('hi'),
    qos: 0,
    retain: false,
    dup: false,
  }),
  vector(version, '3b 07 0001 "a" 000a "hi"', {
    cmd: 'publish',
    topic: 'a',
    payload: utf8('hi'),
    qos: 1,
    retain: true,
    dup: true,
    messageId,
  }),
  vector(version, '40 02 000a', { cmd: 'puback', messageId }),
  vector(version, '50 02 000a', { cmd: 'pubrec', messageId }),
  vector(version, '62 02 000a', { cmd: 'pubrel', messageId }),
  vector(version, '70 02 000a', { cmd: 'pubcomp', messageId }),
  vector(version, '82 06 000a 0001 "a" 01', { cmd: 'subscribe', messageId, subscriptions: [{ topic: 'a', qos: 1 }] }),
  vector(version, '82 0b 000a 0001 "a" 00 0002 "b/" 02', {
    cmd: 'subscribe',
    messageId,
    subscriptions: [
      { topic: 'a', qos: 0 },
      { topic: 'b/', qos: 2 },
    ],
  }),
  vector(version, '90 03 000a 01', { cmd: 'suback', messageId, granted: [1] }),
  vector(version, 'a2 05 000a 0001 "a"', { cmd: 'unsubscribe', messageId, unsubscriptions: ['a'] }),
  vector(version, 'a2 08 000a 0001 "a" 0001 "#"', { cmd: 'unsubscribe', messageId, unsubscriptions: ['a', '#'] }),
  vector(version, 'b0 02 000a', { cmd: 'unsuback', messageId }),
  vector(version, 'c0 00', { cmd: 'pingreq' }),
  vector(version, 'd0 00', { cmd: 'pingresp' }),
  vector(version, 'e0 00', { cmd: 'disconnect' }),
]

/** MQTT 3.1. */
const three: readonly Vector[] = [
  vector(3, '10 0f 0006 "MQIsdp" 03 02 003c 0001 "a"', {
    cmd: 'connect',
    protocolId: 'MQIsdp',
    protocolVersion: 3,
    clean: true,
    clientId: 'a',
    keepalive: 60,
  }),
  vector(3, '20 02 00 05', { cmd: 'connack', sessionPresent: false, returnCode: 5 }),
  vector(3, '6a 02 000a', { cmd: 'pubrel', messageId, dup: true }),
  vector(3, '8a 06 000a 0001 "a" 01', {
    cmd: 'subscribe',
    messageId,
    subscriptions: [{ topic: 'a', qos: 1 }],
    dup: true,
  }),
  vector(3, 'aa 05 000a 0001 "a"', { cmd: 'unsubscribe', messageId, unsubscriptions: ['a'], dup: true }),
]

/** MQTT 3.1.1. */
const four: readonly Vector[] = [
  vector(4, '10 0d 0004 "MQTT" 04 02 003c 0001 "a"', {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    clientId: 'a',
    keepalive: 60,
  }),
  vector(4, '10 1b 0004 "MQTT" 04 f6 000a 0001 "c" 0001 "w" 0003 "bye" 0001 "u" 0001 "p"', {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    clientId: 'c',
    keepalive: 10,
    username: 'u',
    password: utf8('p'),
    will: { topic: 'w', payload: utf8('bye'), qos: 2, retain: true },
  }),
  vector(4, '20 02 01 00', { cmd: 'connack', sessionPresent: true, returnCode: 0 }),
  vector(4, '90 04 000a 02 80', { cmd: 'suback', messageId, granted: [2, 0x80] }),
]

/** MQTT 5. */
const five: readonly Vector[] = [
  vector(5, '10 0e 0004 "MQTT" 05 02 003c 00 0001 "a"', {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 5,
    clean: true,
    clientId: 'a',
    keepalive: 60,
  }),
  vector(5, '10 22 0004 "MQTT" 05 ce 000a 03 21 0014 0001 "c" 05 18 00000007 0001 "w" 0000 0001 "u" 0001 "p"', {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 5,
    clean: true,
    clientId: 'c',
    keepalive: 10,
    username: 'u',
    password: utf8('p'),
    will: { topic: 'w', payload: utf8(''), qos: 1, retain: false, properties: { willDelayInterval: 7 } },
    properties: { receiveMaximum: 20 },
  }),
  vector(5, '20 03 00 00 00', { cmd: 'connack', sessionPresent: false, reasonCode: 0 }),
  vector(5, '20 0b 00 87 08 1f 0005 "sorry"', {
    cmd: 'connack',
    sessionPresent: false,
    reasonCode: 0x87,
    properties: { reasonString: 'sorry' },
  }),
  vector(5, '30 06 0001 "a" 00 "hi"', {
    cmd: 'publish',
    topic: 'a',
    payload: utf8('hi'),
    qos: 0,
    retain: false,
    dup: false,
  }),
  vector(5, '3d 0d 0001 "a" 000a 05 01 01 23 0007 "hi"', {
    cmd: 'publish',
    topic: 'a',
    payload: utf8('hi'),
    qos: 2,
    retain: true,
    dup: true,
    messageId,
    properties: { payloadFormatIndicator: true, topicAlias: 7 },
  }),
  vector(5, '34 08 0000 000a 03 23 0007', {
    cmd: 'publish',
    topic: '',
    payload: utf8(''),
    qos: 2,
    retain: false,
    dup: false,
    messageId,
    properties: { topicAlias: 7 },
  }),
  vector(5, '40 02 000a', { cmd: 'puback', messageId, reasonCode: 0 }),
  vector(5, '50 03 000a 10', { cmd: 'pubrec', messageId, reasonCode: 0x10 }),
  vector(5, '62 02 000a', { cmd: 'pubrel', messageId, reasonCode: 0 }),
  vector(5, '70 09 000a 92 05 1f 0002 "no"', {
    cmd: 'pubcomp',
    messageId,
    reasonCode: 0x92,
    properties: { reasonString: 'no' },
  }),
  vector(5, '82 09 000a 02 0b 05 0001 "a" 2d', {
    cmd: 'subscribe',
    messageId,
    subscriptions: [{ topic: 'a', qos: 1, nl: true, rap: true, rh: 2 }],
    properties: { subscriptionIdentifier: 5 },
  }),
  vector(5, '90 05 000a 00 01 9e', { cmd: 'suback', messageId, granted: [1, 0x9e] }),
  vector(5, 'a2 0f 000a 00 000a "$share/g/a"', { cmd: 'unsubscribe', messageId, unsubscriptions: ['$share/g/a'] }),
  vector(5, 'b0 05 000a 00 00 11', { cmd: 'unsuback', messageId, granted: [0, 0x11] }),
  vector(5, 'c0 00', { cmd: 'pingreq' }),
  vector(5, 'd0 00', { cmd: 'pingresp' }),
  vector(5, 'e0 00', { cmd: 'disconnect', reasonCode: 0 }),
  vector(5, 'e0 01 04', { cmd: 'disconnect', reasonCode: 4 }),
  vector(5, 'f0 00', { cmd: 'auth', reasonCode: 0 }),
  vector(5, 'f0 07 18 05 15 0002 "m1"', {
    cmd: 'auth',
    reasonCode: 0x18,
    properties: { authenticationMethod: 'm1' },
  }),
]

/** Bytes written by hand from the standard, at least one packet of each type and version. */
export const byHand: readonly Vector[] = [...three, ...same(3), ...four, ...same(4), ...five]
