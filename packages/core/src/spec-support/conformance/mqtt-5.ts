import { refused, type Statement } from './statement.js'

const long = 'x'.repeat(65_536)
const surrogate = '\ud800'
const filter = (topic: string, more: object = {}): object => ({
  cmd: 'subscribe',
  messageId: 10,
  subscriptions: [{ topic, qos: 0, ...more }],
})
const publish = (fields: object): object => ({ cmd: 'publish', topic: 'a', ...fields })
const connect = (fields: object): object => ({ cmd: 'connect', clientId: 'a', ...fields })
const head = '10: 0004 "MQTT" 05'

/** Group A of MQTT 5: what the codec enforces on one packet, in both directions. */
export const mqtt5: readonly Statement[] = [
  {
    id: '1.5.4-1',
    says: 'text is well-formed UTF-8, without surrogates',
    in: [
      ['30: 0003 eda080 00', 'malformed'],
      ['30: 0002 c080 00', 'malformed'],
      ['30: 0001 ff 00', 'malformed'],
      ['30: 0002 e6bc 00', 'malformed'],
      [`${head} 02 0000 00 0003 eda080`, 'malformed'],
    ],
    out: [
      [publish({ topic: surrogate }), refused],
      [publish({ topic: `${surrogate}a` }), refused],
      [connect({ clientId: '\udc00' }), refused],
      [connect({ username: surrogate }), refused],
      [filter(surrogate), refused],
      [publish({ properties: { contentType: surrogate } }), refused],
    ],
  },
  {
    id: '1.5.4-2',
    says: 'text has no U+0000',
    in: [
      ['30: 0003 "a" 00 "b" 00', 'malformed'],
      ['82: 000a 00 0001 00 00', 'malformed'],
    ],
    out: [
      [publish({ topic: 'a\0b' }), refused],
      [connect({ clientId: '\0' }), refused],
      [connect({ will: { topic: 'a\0', payload: '' } }), refused],
      [filter('\0'), refused],
      [{ cmd: 'unsubscribe', messageId: 1, unsubscriptions: ['a\0'] }, refused],
    ],
  },
  {
    id: '1.5.4-3',
    says: 'EF BB BF is U+FEFF and is not stripped',
    in: [['30: 0004 efbbbf "a" 00', { topic: '\ufeffa' }]],
    out: [[publish({ topic: '\ufeffa' }), '30: 0004 efbbbf "a" 00']],
  },
  {
    id: '1.5.5-1',
    says: 'a variable byte integer takes as few bytes as possible',
    in: [
      ['c0 80 00', 'malformed'],
      ['30: 0001 "a" 8000', 'malformed'],
      ['30: 0001 "a" 03 0b 8100', 'malformed'],
    ],
    out: [
      [publish({ properties: { subscriptionIdentifier: 127 } }), '30: 0001 "a" 02 0b 7f'],
      [publish({ properties: { subscriptionIdentifier: 128 } }), '30: 0001 "a" 03 0b 8001'],
    ],
  },
  {
    id: '1.5.7-1',
    says: 'both strings of a pair are well-formed UTF-8',
    in: [
      ['30: 0001 "a" 06 26 0001 ff 0000', 'malformed'],
      ['30: 0001 "a" 06 26 0000 0001 00', 'malformed'],
    ],
    out: [
      [publish({ properties: { userProperties: { [surrogate]: 'a' } } }), refused],
      [publish({ properties: { userProperties: { a: surrogate } } }), refused],
      [publish({ properties: { userProperties: { a: ['b', 'c\0'] } } }), refused],
    ],
  },
  {
    id: '2.1.3-1',
    says: 'reserved flags of the fixed header have the value listed',
    in: [
      [`11: 0004 "MQTT" 05 02 0000 00 0001 "a"`, 'malformed'],
      ['22: 00 00 00', 'malformed'],
      ['44: 000a', 'malformed'],
      ['58: 000a', 'malformed'],
      ['6a: 000a', 'malformed'],
      ['71: 000a', 'malformed'],
      ['8a: 000a 00 0001 "a" 00', 'malformed'],
      ['92: 000a 00 00', 'malformed'],
      ['aa: 000a 00 0001 "a"', 'malformed'],
      ['b2: 000a 00 00', 'malformed'],
      ['c1 00', 'malformed'],
      ['d8 00', 'malformed'],
    ],
    out: [
      [{ cmd: 'pubrel', messageId: 10 }, '62: 000a'],
      [{ cmd: 'pubrel', messageId: 10, dup: true }, refused],
      [{ ...filter('a'), dup: true }, refused],
      [{ cmd: 'unsubscribe', messageId: 10, unsubscriptions: ['a'], dup: true }, refused],
    ],
  },
  {
    id: '2.2.1-2',
    says: 'a PUBLISH with QoS 0 has no packet identifier',
    in: [['30: 0001 "a" 00 000a', { qos: 0, payload: Uint8Array.of(0, 10) }]],
    out: [[publish({ messageId: 10 }), refused]],
  },
  {
    id: '2.2.2-1',
    says: 'no properties are a property length of zero',
    in: [
      ['20: 00 00', 'malformed'],
      ['82: 000a', 'malformed'],
      ['b0: 000a', 'malformed'],
      ['20: 00 00 00', { reasonCode: 0 }],
    ],
    out: [
      [{ cmd: 'connack' }, '20: 00 00 00'],
      [connect({ will: { topic: 'w', payload: '' }, properties: {} }), `${head} 06 0000 00 0001 "a" 00 0001 "w" 0000`],
      [{ ...filter('a'), properties: { subscriptionIdentifier: undefined } }, '82: 000a 00 0001 "a" 00'],
      [{ cmd: 'suback', messageId: 10, granted: [0] }, '90: 000a 00 00'],
    ],
  },
  {
    id: '3.1.2-1',
    says: 'the protocol name is MQTT',
    in: [
      ['10: 0004 "MQTX" 05 02 0000 00 0001 "a"', 'protocol-error'],
      ['10: 0004 "mqtt" 05 02 0000 00 0001 "a"', 'protocol-error'],
      ['10: 0006 "MQIsdp" 05 02 0000 00 0001 "a"', 'protocol-error'],
    ],
    out: [
      [connect({ protocolId: 'MQIsdp' }), refused],
      [connect({ protocolId: 'mqtt' }), refused],
      [connect({}), `${head} 02 0000 00 0001 "a"`],
    ],
  },
  {
    id: '3.1.2-2',
    says: 'another protocol version is refused with 0x84',
    in: [
      ['10: 0004 "MQTT" 06 02 0000 00 0001 "a"', 'unsupported-version'],
      ['10: 0004 "MQTT" 00', 'unsupported-version'],
      ['10: 0006 "MQIsdp" 83 02 0000 0001 "a"', 'unsupported-version'],
      ['10: 0004 "MQTT" 84 02 0000 0001 "a"', 'unsupported-version'],
      ['10: 0004 "MQTT" 85 02 0000 00 0001 "a"', 'unsupported-version'],
    ],
    out: [
      [connect({ protocolVersion: 6 }), refused],
      [connect({ protocolVersion: 132 }), refused],
    ],
  },
  {
    id: '3.1.2-3',
    says: 'the reserved connect flag is 0',
    in: [[`${head} 03 0000 00 0001 "a"`, 'malformed']],
    out: [[connect({}), `${head} 02 0000 00 0001 "a"`]],
  },
  {
    id: '3.1.2-9',
    says: 'with the will flag, will properties, topic and payload are there',
    in: [
      [`${head} 06 0000 00 0001 "a"`, 'malformed'],
      [`${head} 06 0000 00 0001 "a" 00 0001 "w"`, 'malformed'],
    ],
    out: [
      [connect({ will: {} }), refused],
      [connect({ will: { payload: 'x' } }), refused],
      [connect({ will: null }), refused],
      [connect({ will: { topic: 'w', payload: 'p' } }), `${head} 06 0000 00 0001 "a" 00 0001 "w" 0001 "p"`],
    ],
  },
  {
    id: '3.1.2-11',
    says: 'without a will its QoS is 0',
    in: [[`${head} 0a 0000 00 0001 "a"`, 'protocol-error']],
    out: [[connect({}), `${head} 02 0000 00 0001 "a"`]],
  },
  {
    id: '3.1.2-12',
    says: 'will QoS is not 3',
    in: [[`${head} 1e 0000 00 0001 "a" 00 0001 "w" 0000`, 'malformed']],
    out: [[connect({ will: { topic: 'w', payload: '', qos: 3 } }), refused]],
  },
  {
    id: '3.1.2-13',
    says: 'without a will its retain flag is 0',
    in: [[`${head} 22 0000 00 0001 "a"`, 'protocol-error']],
    out: [[connect({ clean: false }), `${head} 00 0000 00 0001 "a"`]],
  },
  {
    id: '3.1.2-16',
    says: 'without the flag there is no user name',
    in: [[`${head} 02 0000 00 0001 "a" 0001 "u"`, 'malformed']],
    out: [[connect({ password: 'p' }), `${head} 42 0000 00 0001 "a" 0001 "p"`]],
  },
  {
    id: '3.1.2-17',
    says: 'with the flag there is a user name',
    in: [[`${head} 82 0000 00 0001 "a"`, 'malformed']],
    out: [
      [connect({ username: 'u' }), `${head} 82 0000 00 0001 "a" 0001 "u"`],
      [connect({ username: '' }), `${head} 82 0000 00 0001 "a" 0000`],
      [connect({ username: null }), refused],
    ],
  },
  {
    id: '3.1.2-18',
    says: 'without the flag there is no password',
    in: [[`${head} 82 0000 00 0001 "a" 0001 "u" 0001 "p"`, 'malformed']],
    out: [[connect({ username: 'u', password: undefined }), `${head} 82 0000 00 0001 "a" 0001 "u"`]],
  },
  {
    id: '3.1.2-19',
    says: 'with the flag there is a password',
    in: [[`${head} c2 0000 00 0001 "a" 0001 "u"`, 'malformed']],
    out: [
      [connect({ username: 'u', password: 'p' }), `${head} c2 0000 00 0001 "a" 0001 "u" 0001 "p"`],
      [connect({ username: 'u', password: 1 }), refused],
    ],
  },
  {
    id: '3.1.3-1',
    says: 'client id, will properties, topic, payload, user name, password, in this order',
    in: [
      [
        `${head} c6 0000 00 0001 "a" 00 0001 "w" 0001 "x" 0001 "u" 0001 "p"`,
        {
          clientId: 'a',
          will: { topic: 'w', payload: Uint8Array.of(0x78), qos: 0, retain: false },
          username: 'u',
          password: Uint8Array.of(0x70),
        },
      ],
    ],
    out: [
      [
        connect({ password: 'p', username: 'u', will: { payload: 'x', topic: 'w' } }),
        `${head} c6 0000 00 0001 "a" 00 0001 "w" 0001 "x" 0001 "u" 0001 "p"`,
      ],
    ],
  },
  {
    id: '3.1.3-3',
    says: 'the client id is there and comes first',
    in: [[`${head} 02 0000 00`, 'malformed']],
    out: [[{ cmd: 'connect' }, `${head} 02 0000 00 0000`]],
  },
  {
    id: '3.1.3-4',
    says: 'the client id is a UTF-8 string',
    in: [[`${head} 02 0000 00 0001 80`, 'malformed']],
    out: [
      [connect({ clientId: 7 }), refused],
      [connect({ clientId: surrogate }), refused],
    ],
  },
  {
    id: '3.1.3-11',
    says: 'the will topic is a UTF-8 string',
    in: [[`${head} 06 0000 00 0001 "a" 00 0001 80 0000`, 'malformed']],
    out: [
      [connect({ will: { topic: 7, payload: '' } }), refused],
      [connect({ will: { topic: surrogate, payload: '' } }), refused],
    ],
  },
  {
    id: '3.1.3-12',
    says: 'the user name is a UTF-8 string',
    in: [[`${head} 82 0000 00 0001 "a" 0001 80`, 'malformed']],
    out: [
      [connect({ username: 7 }), refused],
      [connect({ username: surrogate }), refused],
    ],
  },
  {
    id: '3.1.4-1',
    says: 'a CONNECT that does not match its format is refused',
    in: [
      [`${head} 02 0000 00 0001 "a" ff`, 'malformed'],
      [`${head} 02 00`, 'malformed'],
      ['10: ', 'malformed'],
    ],
    out: [
      [connect({ keepalive: 65_536 }), refused],
      [connect({ keepalive: -1 }), refused],
      [connect({ clean: 1 }), refused],
    ],
  },
  {
    id: '3.2.2-1',
    says: 'bits 7 to 1 of the acknowledge flags are 0',
    in: [
      ['20: 02 00 00', 'malformed'],
      ['20: 80 00 00', 'malformed'],
    ],
    out: [[{ cmd: 'connack', sessionPresent: true }, '20: 01 00 00']],
  },
  {
    id: '3.2.2-8',
    says: 'CONNACK has one of its reason codes',
    in: [
      ['20: 00 01 00', 'protocol-error'],
      ['20: 00 8b 00', 'protocol-error'],
    ],
    out: [
      [{ cmd: 'connack', reasonCode: 1 }, refused],
      [{ cmd: 'connack', reasonCode: 'x' }, refused],
    ],
  },
  {
    id: '3.3.1-2',
    says: 'DUP is 0 with QoS 0',
    in: [['38: 0001 "a" 00', 'protocol-error']],
    out: [[publish({ dup: true }), refused]],
  },
  {
    id: '3.3.1-4',
    says: 'QoS is not 3',
    in: [['36: 0001 "a" 000a 00', 'malformed']],
    out: [[publish({ qos: 3, messageId: 10 }), refused]],
  },
  {
    id: '3.3.2-1',
    says: 'the topic name comes first and is a UTF-8 string',
    in: [
      ['30: ', 'malformed'],
      ['30: 0002 "a"', 'malformed'],
      ['30: 0001 80 00', 'malformed'],
    ],
    out: [
      [{ cmd: 'publish' }, refused],
      [publish({ topic: 7 }), refused],
    ],
  },
  {
    id: '3.3.2-2',
    says: 'the topic name of a PUBLISH has no wildcards',
    in: [
      ['30: 0003 "a/+" 00', 'protocol-error'],
      ['30: 0001 "#" 00', 'protocol-error'],
    ],
    out: [
      [publish({ topic: 'a/+' }), refused],
      [publish({ topic: 'a#' }), refused],
    ],
  },
  {
    id: '3.3.2-8',
    says: 'a topic alias is not 0',
    in: [['30: 0001 "a" 03 23 0000', 'protocol-error']],
    out: [[publish({ properties: { topicAlias: 0 } }), refused]],
  },
  {
    id: '3.3.2-13',
    says: 'the response topic is a UTF-8 string',
    in: [['30: 0001 "a" 04 08 0001 80', 'malformed']],
    out: [
      [publish({ properties: { responseTopic: 7 } }), refused],
      [publish({ properties: { responseTopic: surrogate } }), refused],
    ],
  },
  {
    id: '3.3.2-14',
    says: 'the response topic has no wildcards',
    in: [
      ['30: 0001 "a" 04 08 0001 "#"', 'protocol-error'],
      [`${head} 06 0000 00 0001 "a" 04 08 0001 "+" 0001 "w" 0000`, 'protocol-error'],
    ],
    out: [
      [publish({ properties: { responseTopic: 'a/+' } }), refused],
      [connect({ will: { topic: 'w', payload: '', properties: { responseTopic: '#' } } }), refused],
    ],
  },
  {
    id: '3.3.2-19',
    says: 'the content type is a UTF-8 string',
    in: [['30: 0001 "a" 04 03 0001 80', 'malformed']],
    out: [
      [publish({ properties: { contentType: 7 } }), refused],
      [publish({ properties: { contentType: surrogate } }), refused],
    ],
  },
  {
    id: '3.4.2-1',
    says: 'PUBACK has one of its reason codes',
    in: [['40: 000a 92', 'protocol-error']],
    out: [[{ cmd: 'puback', messageId: 10, reasonCode: 0x92 }, refused]],
  },
  {
    id: '3.5.2-1',
    says: 'PUBREC has one of its reason codes',
    in: [['50: 000a 01', 'protocol-error']],
    out: [[{ cmd: 'pubrec', messageId: 10, reasonCode: 1 }, refused]],
  },
  {
    id: '3.6.1-1',
    says: 'the flags of PUBREL are 0010',
    in: [
      ['60: 000a', 'malformed'],
      ['63: 000a', 'malformed'],
    ],
    out: [[{ cmd: 'pubrel', messageId: 10 }, '62: 000a']],
  },
  {
    id: '3.6.2-1',
    says: 'PUBREL has one of its reason codes',
    in: [['62: 000a 10', 'protocol-error']],
    out: [[{ cmd: 'pubrel', messageId: 10, reasonCode: 0x10 }, refused]],
  },
  {
    id: '3.7.2-1',
    says: 'PUBCOMP has one of its reason codes',
    in: [['70: 000a 80', 'protocol-error']],
    out: [[{ cmd: 'pubcomp', messageId: 10, reasonCode: 0x80 }, refused]],
  },
  {
    id: '3.8.1-1',
    says: 'the flags of SUBSCRIBE are 0010',
    in: [
      ['80: 000a 00 0001 "a" 00', 'malformed'],
      ['83: 000a 00 0001 "a" 00', 'malformed'],
    ],
    out: [[filter('a'), '82: 000a 00 0001 "a" 00']],
  },
  {
    id: '3.8.3-1',
    says: 'topic filters of SUBSCRIBE are UTF-8 strings',
    in: [['82: 000a 00 0001 80 00', 'malformed']],
    out: [
      [filter(surrogate), refused],
      [{ cmd: 'subscribe', messageId: 10, subscriptions: [{ topic: 7, qos: 0 }] }, refused],
    ],
  },
  {
    id: '3.8.3-2',
    says: 'SUBSCRIBE has at least one topic filter with its options',
    in: [
      ['82: 000a 00', 'protocol-error'],
      ['82: 000a 00 0001 "a"', 'malformed'],
    ],
    out: [
      [{ cmd: 'subscribe', messageId: 10, subscriptions: [] }, refused],
      [{ cmd: 'subscribe', messageId: 10 }, refused],
      [{ cmd: 'subscribe', messageId: 10, subscriptions: ['a'] }, refused],
    ],
  },
  {
    id: '3.8.3-4',
    says: 'No Local is not set on a shared subscription',
    in: [['82: 000a 00 000a "$share/g/a" 04', 'protocol-error']],
    out: [[filter('$share/g/a', { nl: true }), refused]],
  },
  {
    id: '3.8.3-5',
    says: 'reserved bits of the subscription options are 0',
    in: [
      ['82: 000a 00 0001 "a" 40', 'malformed'],
      ['82: 000a 00 0001 "a" 80', 'malformed'],
    ],
    out: [[filter('a', { rh: 4 }), refused]],
  },
  {
    id: '3.9.3-2',
    says: 'SUBACK has its reason codes',
    in: [['90: 000a 00 03', 'protocol-error']],
    out: [
      [{ cmd: 'suback', messageId: 10, granted: [3] }, refused],
      [{ cmd: 'suback', messageId: 10, granted: [300] }, refused],
    ],
  },
  {
    id: '3.10.1-1',
    says: 'the flags of UNSUBSCRIBE are 0010',
    in: [
      ['a0: 000a 00 0001 "a"', 'malformed'],
      ['a6: 000a 00 0001 "a"', 'malformed'],
    ],
    out: [[{ cmd: 'unsubscribe', messageId: 10, unsubscriptions: ['a'] }, 'a2: 000a 00 0001 "a"']],
  },
  {
    id: '3.10.3-1',
    says: 'topic filters of UNSUBSCRIBE are UTF-8 strings',
    in: [['a2: 000a 00 0001 80', 'malformed']],
    out: [
      [{ cmd: 'unsubscribe', messageId: 10, unsubscriptions: [surrogate] }, refused],
      [{ cmd: 'unsubscribe', messageId: 10, unsubscriptions: [null] }, refused],
    ],
  },
  {
    id: '3.10.3-2',
    says: 'UNSUBSCRIBE has at least one topic filter',
    in: [['a2: 000a 00', 'protocol-error']],
    out: [[{ cmd: 'unsubscribe', messageId: 10, unsubscriptions: [] }, refused]],
  },
  {
    id: '3.11.3-2',
    says: 'UNSUBACK has its reason codes',
    in: [['b0: 000a 00 01', 'protocol-error']],
    out: [[{ cmd: 'unsuback', messageId: 10, granted: [1] }, refused]],
  },
  {
    id: '3.14.1-1',
    says: 'reserved flags of DISCONNECT are 0',
    in: [['e1 00', 'malformed']],
    out: [[{ cmd: 'disconnect' }, 'e0 00']],
  },
  {
    id: '3.14.2-1',
    says: 'DISCONNECT has one of its reason codes',
    in: [['e0: 01', 'protocol-error']],
    out: [[{ cmd: 'disconnect', reasonCode: 1 }, refused]],
  },
  {
    id: '3.14.2-2',
    says: 'a server sends no session expiry interval on a DISCONNECT',
    in: [['e0: 00 05 11 00000001', { properties: { sessionExpiryInterval: 1 } }]],
    out: [[{ cmd: 'disconnect', properties: { sessionExpiryInterval: 1 } }, 'e0: 00 05 11 00000001']],
    role: [
      ['server', 'out', { cmd: 'disconnect', properties: { sessionExpiryInterval: 1 } }],
      ['client', 'in', { cmd: 'disconnect', properties: { sessionExpiryInterval: 1 } }],
    ],
  },
  {
    id: '3.15.1-1',
    says: 'reserved flags of AUTH are 0',
    in: [['f1 00', 'malformed']],
    out: [[{ cmd: 'auth' }, 'f0 00']],
  },
  {
    id: '3.15.2-1',
    says: 'AUTH has one of its reason codes',
    in: [['f0: 01 04 15 0001 "m"', 'protocol-error']],
    out: [[{ cmd: 'auth', reasonCode: 1, properties: { authenticationMethod: 'm' } }, refused]],
  },
  {
    id: '4.7.0-1',
    says: 'wildcards are not used in topic names',
    in: [
      ['30: 0001 "+" 00', 'protocol-error'],
      ['30: 0003 "a/#" 00', 'protocol-error'],
      [`${head} 06 0000 00 0001 "a" 00 0001 "#" 0000`, 'protocol-error'],
    ],
    out: [
      [publish({ topic: '+' }), refused],
      [connect({ will: { topic: 'a/#', payload: '' } }), refused],
    ],
  },
  {
    id: '4.7.1-1',
    says: '# is the whole last level of a filter',
    in: [
      ['82: 000a 00 0005 "a/#/b" 00', 'protocol-error'],
      ['82: 000a 00 0002 "a#" 00', 'protocol-error'],
      ['a2: 000a 00 0002 "#a"', 'protocol-error'],
      ['82: 000a 00 0003 "a/#" 00', { subscriptions: [{ topic: 'a/#', qos: 0, nl: false, rap: false, rh: 0 }] }],
    ],
    out: [
      [filter('a/#/b'), refused],
      [filter('#/'), refused],
      [filter('##'), refused],
      [{ cmd: 'unsubscribe', messageId: 10, unsubscriptions: ['a', 'a#'] }, refused],
    ],
  },
  {
    id: '4.7.1-2',
    says: '+ is a whole level of a filter',
    in: [
      ['82: 000a 00 0002 "a+" 00', 'protocol-error'],
      ['a2: 000a 00 0004 "+a/b"', 'protocol-error'],
      ['a2: 000a 00 0003 "+/+"', { unsubscriptions: ['+/+'] }],
    ],
    out: [
      [filter('a+'), refused],
      [filter('a/b+/c'), refused],
      [filter('++'), refused],
    ],
  },
  {
    id: '4.7.3-1',
    says: 'topic names and filters have at least one character',
    in: [
      ['30: 0000 00', 'protocol-error'],
      ['82: 000a 00 0000 00', 'protocol-error'],
      ['a2: 000a 00 0000', 'protocol-error'],
      [`${head} 06 0000 00 0001 "a" 00 0000 0000`, 'protocol-error'],
      ['30: 0000 03 23 0001', { topic: '', properties: { topicAlias: 1 } }],
    ],
    out: [
      [publish({ topic: '' }), refused],
      [filter(''), refused],
      [{ cmd: 'unsubscribe', messageId: 10, unsubscriptions: [''] }, refused],
      [connect({ will: { topic: '', payload: '' } }), refused],
    ],
  },
  {
    id: '4.7.3-2',
    says: 'topic names and filters have no U+0000',
    in: [
      ['30: 0002 "a" 00 00', 'malformed'],
      ['82: 000a 00 0002 "a" 00 00', 'malformed'],
      ['a2: 000a 00 0001 00', 'malformed'],
    ],
    out: [
      [publish({ topic: '\0' }), refused],
      [filter('a/\0'), refused],
      [{ cmd: 'unsubscribe', messageId: 10, unsubscriptions: ['\0'] }, refused],
    ],
  },
  {
    id: '4.7.3-3',
    says: 'topic names and filters have at most 65,535 bytes',
    in: [['30: ffff 00', 'malformed']],
    out: [
      [publish({ topic: long }), refused],
      [publish({ topic: '漢'.repeat(21_846) }), refused],
      [filter(long), refused],
      [{ cmd: 'unsubscribe', messageId: 10, unsubscriptions: [long] }, refused],
    ],
  },
  {
    id: '4.8.2-1',
    says: 'a share name has at least one character',
    in: [
      ['82: 000a 00 0009 "$share//a" 00', 'protocol-error'],
      ['a2: 000a 00 0007 "$share/"', 'protocol-error'],
    ],
    out: [
      [filter('$share//a'), refused],
      [filter('$share/'), refused],
    ],
  },
  {
    id: '4.8.2-2',
    says: 'a share name has no wildcards and is followed by a slash and a filter',
    in: [
      ['82: 000a 00 0008 "$share/g" 00', 'protocol-error'],
      ['82: 000a 00 0009 "$share/g/" 00', 'protocol-error'],
      ['82: 000a 00 000a "$share/+/x" 00', 'protocol-error'],
      ['82: 000a 00 000b "$share/g#/x" 00', 'protocol-error'],
      ['82: 000a 00 000b "$share/g/x+" 00', 'protocol-error'],
      ['a2: 000a 00 000a "$share/g/+"', { unsubscriptions: ['$share/g/+'] }],
    ],
    out: [
      [filter('$share/g'), refused],
      [filter('$share/g/'), refused],
      [filter('$share/+/x'), refused],
      [filter('$share/#/x'), refused],
      [filter('$share/g/#/x'), refused],
    ],
  },
]
