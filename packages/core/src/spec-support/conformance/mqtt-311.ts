import { refused, type Statement } from './statement.js'

const long = 'x'.repeat(65_536)
const surrogate = '\ud800'
const filter = (topic: unknown): object => ({ cmd: 'subscribe', messageId: 10, subscriptions: [{ topic, qos: 0 }] })
const unsubscribe = (...unsubscriptions: readonly unknown[]): object => ({
  cmd: 'unsubscribe',
  messageId: 10,
  unsubscriptions,
})
const publish = (fields: object): object => ({ cmd: 'publish', topic: 'a', ...fields })
const connect = (fields: object): object => ({ cmd: 'connect', clientId: 'a', ...fields })
const head = '10: 0004 "MQTT" 04'

/** Group A of MQTT 3.1.1. */
export const mqtt311: readonly Statement[] = [
  {
    id: '1.5.3-1',
    says: 'text is well-formed UTF-8, without surrogates',
    in: [
      ['30: 0003 eda080', 'malformed'],
      ['30: 0002 c080', 'malformed'],
      [`${head} 02 0000 0001 ff`, 'malformed'],
    ],
    out: [
      [publish({ topic: surrogate }), refused],
      [connect({ clientId: surrogate }), refused],
      [unsubscribe('a', surrogate), refused],
    ],
  },
  {
    id: '1.5.3-2',
    says: 'text has no U+0000',
    in: [
      ['30: 0001 00', 'malformed'],
      ['82: 000a 0001 00 00', 'malformed'],
    ],
    out: [
      [publish({ topic: '\0' }), refused],
      [connect({ username: 'a\0' }), refused],
    ],
  },
  {
    id: '1.5.3-3',
    says: 'EF BB BF is U+FEFF and is not stripped',
    in: [['30: 0004 efbbbf "a"', { topic: '\ufeffa' }]],
    out: [[publish({ topic: '\ufeffa' }), '30: 0004 efbbbf "a"']],
  },
  {
    id: '2.2.2-1',
    says: 'reserved flags of the fixed header have the value listed',
    in: [
      ['18: 0004 "MQTT" 04 02 0000 0001 "a"', 'malformed'],
      ['6a: 000a', 'malformed'],
      ['8a: 000a 0001 "a" 00', 'malformed'],
      ['aa: 000a 0001 "a"', 'malformed'],
    ],
    out: [
      [{ cmd: 'pubrel', messageId: 10 }, '62: 000a'],
      [{ cmd: 'pubrel', messageId: 10, dup: true }, refused],
      [{ ...filter('a'), dup: true }, refused],
    ],
  },
  {
    id: '2.2.2-2',
    says: 'invalid flags are refused',
    in: [
      ['21: 00 00', 'malformed'],
      ['42: 000a', 'malformed'],
      ['51: 000a', 'malformed'],
      ['74: 000a', 'malformed'],
      ['98: 000a 00', 'malformed'],
      ['b1: 000a', 'malformed'],
      ['c2 00', 'malformed'],
      ['d1 00', 'malformed'],
    ],
    out: [[{ cmd: 'pingreq' }, 'c0 00']],
  },
  {
    id: '2.3.1-1',
    says: 'SUBSCRIBE, UNSUBSCRIBE and PUBLISH with QoS above 0 have a packet identifier that is not 0',
    in: [
      ['82: 0000 0001 "a" 00', 'protocol-error'],
      ['a2: 0000 0001 "a"', 'protocol-error'],
      ['32: 0001 "a" 0000', 'protocol-error'],
      ['32: 0001 "a"', 'malformed'],
      ['40: 0000', 'protocol-error'],
      ['90: 0000 00', 'protocol-error'],
      ['b0: 0000', 'protocol-error'],
    ],
    out: [
      [publish({ qos: 1 }), refused],
      [publish({ qos: 1, messageId: 0 }), refused],
      [publish({ qos: 2, messageId: 65_536 }), refused],
      [{ ...filter('a'), messageId: 0 }, refused],
      [{ ...unsubscribe('a'), messageId: 1.5 }, refused],
      [{ cmd: 'puback', messageId: '1' }, refused],
      [{ cmd: 'suback', granted: [0] }, refused],
      [{ cmd: 'unsuback', messageId: Number.NaN }, refused],
    ],
  },
  {
    id: '2.3.1-5',
    says: 'a PUBLISH with QoS 0 has no packet identifier',
    in: [['30: 0001 "a" 000a', { qos: 0, payload: Uint8Array.of(0, 10) }]],
    out: [[publish({ messageId: 10 }), refused]],
  },
  {
    id: '3.1.2-1',
    says: 'the protocol name is MQTT',
    in: [
      ['10: 0004 "MQTX" 04 02 0000 0001 "a"', 'protocol-error'],
      ['10: 0006 "MQIsdp" 04 02 0000 0001 "a"', 'protocol-error'],
    ],
    out: [[connect({ protocolId: 'MQIsdp' }), refused]],
  },
  {
    id: '3.1.2-2',
    says: 'another protocol level is refused with return code 1',
    in: [
      ['10: 0004 "MQTT" 07 02 0000 0001 "a"', 'unsupported-version'],
      ['10: 0004 "MQTT" 84 02 0000 0001 "a"', 'unsupported-version'],
    ],
    out: [[connect({ protocolVersion: 7 }), refused]],
  },
  {
    id: '3.1.2-3',
    says: 'the reserved connect flag is 0',
    in: [[`${head} 03 0000 0001 "a"`, 'malformed']],
    out: [[connect({}), `${head} 02 0000 0001 "a"`]],
  },
  {
    id: '3.1.2-9',
    says: 'with the will flag, will topic and message are there',
    in: [
      [`${head} 06 0000 0001 "a"`, 'malformed'],
      [`${head} 06 0000 0001 "a" 0001 "w"`, 'malformed'],
    ],
    out: [
      [connect({ will: {} }), refused],
      [connect({ will: { topic: 'w', payload: 'p' } }), `${head} 06 0000 0001 "a" 0001 "w" 0001 "p"`],
    ],
  },
  {
    id: '3.1.2-11',
    says: 'without the will flag there is no will, nor its flags',
    in: [
      [`${head} 02 0000 0001 "a" 0001 "w" 0000`, 'malformed'],
      [`${head} 2a 0000 0001 "a"`, 'protocol-error'],
    ],
    out: [[connect({ will: undefined }), `${head} 02 0000 0001 "a"`]],
  },
  {
    id: '3.1.2-13',
    says: 'without a will its QoS is 0',
    in: [[`${head} 12 0000 0001 "a"`, 'protocol-error']],
    out: [[connect({}), `${head} 02 0000 0001 "a"`]],
  },
  {
    id: '3.1.2-14',
    says: 'will QoS is not 3',
    in: [[`${head} 1e 0000 0001 "a" 0001 "w" 0000`, 'malformed']],
    out: [[connect({ will: { topic: 'w', payload: '', qos: 3 } }), refused]],
  },
  {
    id: '3.1.2-15',
    says: 'without a will its retain flag is 0',
    in: [[`${head} 22 0000 0001 "a"`, 'protocol-error']],
    out: [[connect({ clean: false }), `${head} 00 0000 0001 "a"`]],
  },
  {
    id: '3.1.2-18',
    says: 'without the flag there is no user name',
    in: [[`${head} 02 0000 0001 "a" 0001 "u"`, 'malformed']],
    out: [[connect({}), `${head} 02 0000 0001 "a"`]],
  },
  {
    id: '3.1.2-19',
    says: 'with the flag there is a user name',
    in: [[`${head} 82 0000 0001 "a"`, 'malformed']],
    out: [
      [connect({ username: 'u' }), `${head} 82 0000 0001 "a" 0001 "u"`],
      [connect({ username: null }), refused],
    ],
  },
  {
    id: '3.1.2-20',
    says: 'without the flag there is no password',
    in: [[`${head} 82 0000 0001 "a" 0001 "u" 0001 "p"`, 'malformed']],
    out: [[connect({ username: 'u' }), `${head} 82 0000 0001 "a" 0001 "u"`]],
  },
  {
    id: '3.1.2-21',
    says: 'with the flag there is a password',
    in: [[`${head} c2 0000 0001 "a" 0001 "u"`, 'malformed']],
    out: [[connect({ username: 'u', password: 'p' }), `${head} c2 0000 0001 "a" 0001 "u" 0001 "p"`]],
  },
  {
    id: '3.1.2-22',
    says: 'no password without a user name',
    in: [[`${head} 42 0000 0001 "a" 0001 "p"`, 'protocol-error']],
    out: [[connect({ password: 'p' }), refused]],
  },
  {
    id: '3.1.3-1',
    says: 'client id, will topic, message, user name, password, in this order',
    in: [
      [
        `${head} c6 0000 0001 "a" 0001 "w" 0001 "x" 0001 "u" 0001 "p"`,
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
        `${head} c6 0000 0001 "a" 0001 "w" 0001 "x" 0001 "u" 0001 "p"`,
      ],
    ],
  },
  {
    id: '3.1.3-3',
    says: 'the client id is there and comes first',
    in: [[`${head} 02 0000`, 'malformed']],
    out: [[{ cmd: 'connect' }, `${head} 02 0000 0000`]],
  },
  {
    id: '3.1.3-4',
    says: 'the client id is a UTF-8 string',
    in: [[`${head} 02 0000 0001 80`, 'malformed']],
    out: [[connect({ clientId: 7 }), refused]],
  },
  {
    id: '3.1.3-7',
    says: 'an empty client id needs a clean session',
    in: [
      [`${head} 00 0000 0000`, 'client-id'],
      [`${head} 02 0000 0000`, { clientId: '', clean: true }],
    ],
    out: [
      [{ cmd: 'connect', clean: false }, refused],
      [{ cmd: 'connect' }, `${head} 02 0000 0000`],
    ],
  },
  {
    id: '3.1.3-10',
    says: 'the will topic is a UTF-8 string',
    in: [[`${head} 06 0000 0001 "a" 0001 80 0000`, 'malformed']],
    out: [[connect({ will: { topic: surrogate, payload: '' } }), refused]],
  },
  {
    id: '3.1.3-11',
    says: 'the user name is a UTF-8 string',
    in: [[`${head} 82 0000 0001 "a" 0001 80`, 'malformed']],
    out: [[connect({ username: surrogate }), refused]],
  },
  {
    id: '3.1.4-1',
    says: 'a CONNECT that does not match its format is refused',
    in: [
      [`${head} 02 0000 0001 "a" ff`, 'malformed'],
      [`${head} 02 00`, 'malformed'],
    ],
    out: [
      [connect({ keepalive: 65_536 }), refused],
      [connect({ properties: {} }), refused],
    ],
  },
  {
    id: '3.3.1-2',
    says: 'DUP is 0 with QoS 0',
    in: [['38: 0001 "a"', 'protocol-error']],
    out: [[publish({ dup: true }), refused]],
  },
  {
    id: '3.3.1-4',
    says: 'QoS is not 3',
    in: [['36: 0001 "a" 000a', 'malformed']],
    out: [[publish({ qos: 3, messageId: 10 }), refused]],
  },
  {
    id: '3.3.2-1',
    says: 'the topic name comes first and is a UTF-8 string',
    in: [
      ['30: ', 'malformed'],
      ['30: 0002 "a"', 'malformed'],
    ],
    out: [[{ cmd: 'publish' }, refused]],
  },
  {
    id: '3.3.2-2',
    says: 'the topic name of a PUBLISH has no wildcards',
    in: [
      ['30: 0003 "a/+"', 'protocol-error'],
      ['30: 0001 "#"', 'protocol-error'],
    ],
    out: [
      [publish({ topic: 'a/+' }), refused],
      [publish({ topic: '#' }), refused],
    ],
  },
  {
    id: '3.6.1-1',
    says: 'the flags of PUBREL are 0010',
    in: [['60: 000a', 'malformed']],
    out: [[{ cmd: 'pubrel', messageId: 10 }, '62: 000a']],
  },
  {
    id: '3.8.1-1',
    says: 'the flags of SUBSCRIBE are 0010',
    in: [['80: 000a 0001 "a" 00', 'malformed']],
    out: [[filter('a'), '82: 000a 0001 "a" 00']],
  },
  {
    id: '3.8.3-1',
    says: 'topic filters of SUBSCRIBE are UTF-8 strings',
    in: [['82: 000a 0001 80 00', 'malformed']],
    out: [
      [filter(surrogate), refused],
      [filter(7), refused],
    ],
  },
  {
    id: '3.8.3-3',
    says: 'SUBSCRIBE has at least one topic filter with its QoS',
    in: [
      ['82: 000a', 'protocol-error'],
      ['82: 000a 0001 "a"', 'malformed'],
    ],
    out: [[{ cmd: 'subscribe', messageId: 10, subscriptions: [] }, refused]],
  },
  {
    id: '3.8.3-4',
    says: 'reserved bits of the requested QoS are 0, and it is not 3',
    in: [
      ['82: 000a 0001 "a" 04', 'malformed'],
      ['82: 000a 0001 "a" 80', 'malformed'],
      ['82: 000a 0001 "a" 03', 'malformed'],
    ],
    out: [
      [{ cmd: 'subscribe', messageId: 10, subscriptions: [{ topic: 'a', qos: 3 }] }, refused],
      [{ cmd: 'subscribe', messageId: 10, subscriptions: [{ topic: 'a', qos: 0, nl: true }] }, refused],
      [{ cmd: 'subscribe', messageId: 10, subscriptions: [{ topic: 'a', qos: 0, rh: 1 }] }, refused],
    ],
  },
  {
    id: '3.9.3-2',
    says: 'SUBACK has the return codes 0, 1, 2 and 0x80',
    in: [
      ['90: 000a 03', 'protocol-error'],
      ['90: 000a 87', 'protocol-error'],
    ],
    out: [
      [{ cmd: 'suback', messageId: 10, granted: [3] }, refused],
      [{ cmd: 'suback', messageId: 10, granted: [0x87] }, refused],
    ],
  },
  {
    id: '3.10.1-1',
    says: 'the flags of UNSUBSCRIBE are 0010',
    in: [['a0: 000a 0001 "a"', 'malformed']],
    out: [[unsubscribe('a'), 'a2: 000a 0001 "a"']],
  },
  {
    id: '3.10.3-1',
    says: 'topic filters of UNSUBSCRIBE are UTF-8 strings',
    in: [['a2: 000a 0001 80', 'malformed']],
    out: [[unsubscribe(surrogate), refused]],
  },
  {
    id: '3.10.3-2',
    says: 'UNSUBSCRIBE has at least one topic filter',
    in: [['a2: 000a', 'protocol-error']],
    out: [[unsubscribe(), refused]],
  },
  {
    id: '3.14.1-1',
    says: 'reserved flags of DISCONNECT are 0, and it has no body',
    in: [
      ['e1 00', 'malformed'],
      ['e0: 00', 'malformed'],
    ],
    out: [
      [{ cmd: 'disconnect' }, 'e0 00'],
      [{ cmd: 'disconnect', reasonCode: 0 }, refused],
    ],
  },
  {
    id: '4.7.1-1',
    says: 'wildcards are not used in topic names',
    in: [
      ['30: 0001 "+"', 'protocol-error'],
      [`${head} 06 0000 0001 "a" 0001 "#" 0000`, 'protocol-error'],
    ],
    out: [[connect({ will: { topic: '#', payload: '' } }), refused]],
  },
  {
    id: '4.7.1-2',
    says: '# is the whole last level of a filter',
    in: [
      ['82: 000a 0005 "a/#/b" 00', 'protocol-error'],
      ['a2: 000a 0002 "a#"', 'protocol-error'],
    ],
    out: [
      [filter('a/#/b'), refused],
      [unsubscribe('#a'), refused],
    ],
  },
  {
    id: '4.7.1-3',
    says: '+ is a whole level of a filter',
    in: [
      ['82: 000a 0002 "a+" 00', 'protocol-error'],
      ['a2: 000a 0002 "+a"', 'protocol-error'],
    ],
    out: [
      [filter('a+'), refused],
      [unsubscribe('+a/b'), refused],
    ],
  },
  {
    id: '4.7.3-1',
    says: 'topic names and filters have at least one character',
    in: [
      ['30: 0000', 'protocol-error'],
      ['82: 000a 0000 00', 'protocol-error'],
      ['a2: 000a 0000', 'protocol-error'],
    ],
    out: [
      [publish({ topic: '' }), refused],
      [filter(''), refused],
      [unsubscribe(''), refused],
    ],
  },
  {
    id: '4.7.3-2',
    says: 'topic names and filters have no U+0000',
    in: [
      ['30: 0002 "a" 00', 'malformed'],
      ['a2: 000a 0001 00', 'malformed'],
    ],
    out: [
      [publish({ topic: '\0' }), refused],
      [filter('\0'), refused],
    ],
  },
  {
    id: '4.7.3-3',
    says: 'topic names and filters have at most 65,535 bytes',
    in: [['30: ffff 00', 'malformed']],
    out: [
      [publish({ topic: long }), refused],
      [unsubscribe(long), refused],
    ],
  },
]
