import { refused, type Statement } from './statement.js'

const subscribe = { cmd: 'subscribe', messageId: 10, subscriptions: [{ topic: 'a', qos: 1 }] }
const unsubscribe = { cmd: 'unsubscribe', messageId: 10, unsubscriptions: ['a'] }
const head = '10: 0006 "MQIsdp" 03'

/** The rules of MQTT 3.1, which has no ids; these are ours. */
export const mqtt31: readonly Statement[] = [
  {
    id: 'protocol',
    says: 'the protocol is MQIsdp, level 3',
    in: [
      [`${head} 02 0000 0001 "a"`, { protocolId: 'MQIsdp', protocolVersion: 3, clientId: 'a' }],
      ['10: 0004 "MQTT" 03 02 0000 0001 "a"', 'protocol-error'],
      ['10: 0006 "MQIsdp" 02 02 0000 0001 "a"', 'unsupported-version'],
      ['10: 0006 "MQIsdp" 83 02 0000 0001 "a"', 'unsupported-version'],
    ],
    out: [
      [{ cmd: 'connect', clientId: 'a' }, `${head} 02 0000 0001 "a"`],
      [{ cmd: 'connect', clientId: 'a', protocolId: 'MQTT' }, refused],
    ],
  },
  {
    id: 'client-id',
    says: 'a client id has 1 to 23 characters',
    in: [
      [`${head} 02 0000 0000`, 'client-id'],
      [`${head} 02 0000 0018 "abcdefghijklmnopqrstuvwx"`, 'client-id'],
      [`${head} 02 0000 0017 "abcdefghijklmnopqrstuvw"`, { clientId: 'abcdefghijklmnopqrstuvw' }],
    ],
    out: [
      [{ cmd: 'connect' }, refused],
      [{ cmd: 'connect', clientId: 'abcdefghijklmnopqrstuvwx' }, refused],
      [{ cmd: 'connect', clientId: '漢'.repeat(24) }, refused],
    ],
  },
  {
    id: 'dup',
    says: 'DUP is allowed on PUBREL, SUBSCRIBE and UNSUBSCRIBE',
    in: [
      ['6a: 000a', { cmd: 'pubrel', dup: true }],
      ['8a: 000a 0001 "a" 01', { cmd: 'subscribe', dup: true }],
      ['aa: 000a 0001 "a"', { cmd: 'unsubscribe', dup: true }],
      ['83: 000a 0001 "a" 01', 'malformed'],
      ['48: 000a', 'malformed'],
    ],
    out: [
      [{ cmd: 'pubrel', messageId: 10, dup: true }, '6a: 000a'],
      [{ ...subscribe, dup: true }, '8a: 000a 0001 "a" 01'],
      [{ ...unsubscribe, dup: true }, 'aa: 000a 0001 "a"'],
      [{ ...subscribe, dup: false }, '82: 000a 0001 "a" 01'],
      [{ ...subscribe, dup: 1 }, refused],
    ],
  },
  {
    id: 'session-present',
    says: 'CONNACK has no session present flag',
    in: [
      ['20: 00 00', { sessionPresent: false, returnCode: 0 }],
      ['20: 01 00', { sessionPresent: false, returnCode: 0 }],
      ['20: 02 00', 'malformed'],
    ],
    out: [
      [{ cmd: 'connack', sessionPresent: true }, refused],
      [{ cmd: 'connack', sessionPresent: false, returnCode: 4 }, '20: 00 04'],
    ],
  },
  {
    id: 'return-code',
    says: 'CONNACK has the return codes 0 to 5',
    in: [['20: 00 06', 'protocol-error']],
    out: [
      [{ cmd: 'connack', returnCode: 6 }, refused],
      [{ cmd: 'connack', reasonCode: 0 }, refused],
    ],
  },
  {
    id: 'suback',
    says: 'SUBACK grants 0, 1 or 2 and knows no failure',
    in: [['90: 000a 80', 'protocol-error']],
    out: [[{ cmd: 'suback', messageId: 10, granted: [0x80] }, refused]],
  },
  {
    id: 'password',
    says: 'no password without a user name',
    in: [[`${head} 42 0000 0001 "a" 0001 "p"`, 'protocol-error']],
    out: [[{ cmd: 'connect', clientId: 'a', password: 'p' }, refused]],
  },
  {
    id: 'mqtt-5',
    says: 'properties, reason codes, subscription options and AUTH need MQTT 5',
    in: [
      ['f0 00', 'malformed'],
      ['82: 000a 0001 "a" 04', 'malformed'],
      ['40: 000a 00', 'malformed'],
      ['e0: 00', 'malformed'],
    ],
    out: [
      [{ cmd: 'auth' }, refused],
      [{ ...subscribe, properties: {} }, refused],
      [{ ...unsubscribe, properties: {} }, refused],
      [{ cmd: 'suback', messageId: 10, granted: [0], properties: {} }, refused],
      [{ cmd: 'unsuback', messageId: 10, granted: [0] }, refused],
      [{ cmd: 'unsuback', messageId: 10, properties: {} }, refused],
      [{ cmd: 'subscribe', messageId: 10, subscriptions: [{ topic: 'a', qos: 0, rap: false }] }, refused],
      [{ cmd: 'connect', clientId: 'a', will: { topic: 'w', payload: '', properties: {} } }, refused],
      [{ cmd: 'puback', messageId: 10, reasonCode: 0 }, refused],
      [{ cmd: 'publish', topic: 'a', properties: {} }, refused],
      [{ cmd: 'disconnect', properties: {} }, refused],
    ],
  },
]
