import type { PacketInput } from '../../packet/fields.js'
import { block, frame, join, sized, utf8, wire } from '../wire.js'
import type { Vector } from './vector.js'

type Value = readonly [bytes: Uint8Array, value: unknown]

const longText = 'x'.repeat(65_535)
const odd = 'é漢😀\ufeff'

const flag = (id: string): Value[] => [
  [wire(`${id} 00`), false],
  [wire(`${id} 01`), true],
]
const four = (id: string, least = 0): Value[] => [
  [wire(`${id} 0000000${least}`), least],
  [wire(`${id} 00010000`), 65_536],
  [wire(`${id} ffffffff`), 4_294_967_295],
]
const two = (id: string, least = 0): Value[] => [
  [wire(`${id} 000${least}`), least],
  [wire(`${id} 0100`), 256],
  [wire(`${id} ffff`), 65_535],
]
const text = (id: string): Value[] => ['', 'a', odd, longText].map((each) => [join(wire(id), sized(each)), each])
const topic = (id: string): Value[] => ['a', `a/${odd}`].map((each) => [join(wire(id), sized(each)), each])
const bytes = (id: string): Value[] =>
  ['', '00', 'c080ff'].map((each) => [join(wire(id), sized(wire(each))), wire(each)])
const identifier: Value[] = [
  [wire('0b 01'), 1],
  [wire('0b 7f'), 127],
  [wire('0b 8001'), 128],
  [wire('0b ff7f'), 16_383],
  [wire('0b 808001'), 16_384],
  [wire('0b 80808001'), 2_097_152],
  [wire('0b ffffff7f'), 268_435_455],
]
const pair = (name: string, value: string): Uint8Array => join(wire('26'), sized(name), sized(value))
const users: Value[] = [
  [pair('a', '1'), { a: '1' }],
  [pair('', ''), { '': '' }],
  [join(pair('a', ''), pair('a', '1'), pair('a', '1')), { a: ['', '1', '1'] }],
  [join(pair('b', '1'), pair('a', '2')), { b: '1', a: '2' }],
  [pair(odd, odd), { [odd]: odd }],
  [join(pair('constructor', 'c'), pair('toString', 't')), { constructor: 'c', toString: 't' }],
  [pair('__proto__', 'p'), Object.fromEntries([['__proto__', 'p']])],
  [pair(longText, longText), { [longText]: longText }],
]

/** The values of each property at their edges [MQTT5 2.2.2.2]. */
const values: Readonly<Record<string, readonly Value[]>> = {
  payloadFormatIndicator: flag('01'),
  messageExpiryInterval: four('02'),
  contentType: text('03'),
  responseTopic: topic('08'),
  correlationData: bytes('09'),
  subscriptionIdentifier: identifier,
  sessionExpiryInterval: four('11'),
  assignedClientIdentifier: text('12'),
  serverKeepAlive: two('13'),
  authenticationMethod: text('15'),
  requestProblemInformation: flag('17'),
  willDelayInterval: four('18'),
  requestResponseInformation: flag('19'),
  responseInformation: text('1a'),
  serverReference: text('1c'),
  reasonString: text('1f'),
  receiveMaximum: two('21', 1),
  topicAliasMaximum: two('22'),
  topicAlias: two('23', 1),
  maximumQoS: [
    [wire('24 00'), 0],
    [wire('24 01'), 1],
  ],
  retainAvailable: flag('25'),
  userProperties: users,
  maximumPacketSize: four('27', 1),
  wildcardSubscriptionAvailable: flag('28'),
  subscriptionIdentifiersAvailable: flag('29'),
  sharedSubscriptionAvailable: flag('2a'),
}

const message = ['payloadFormatIndicator', 'messageExpiryInterval', 'contentType', 'responseTopic', 'correlationData']
const limits = ['sessionExpiryInterval', 'receiveMaximum', 'topicAliasMaximum', 'maximumPacketSize']

/** Which property each packet may have, beside the user properties that all may [MQTT5 2.2.2.2]. */
export const allowedProperties: Readonly<Record<string, readonly string[]>> = {
  connect: [...limits, 'authenticationMethod', 'requestProblemInformation', 'requestResponseInformation'],
  will: [...message, 'willDelayInterval'],
  connack: [
    ...limits,
    'assignedClientIdentifier',
    'serverKeepAlive',
    'authenticationMethod',
    'responseInformation',
    'serverReference',
    'reasonString',
    'maximumQoS',
    'retainAvailable',
    'wildcardSubscriptionAvailable',
    'subscriptionIdentifiersAvailable',
    'sharedSubscriptionAvailable',
  ],
  publish: [...message, 'subscriptionIdentifier', 'topicAlias'],
  puback: ['reasonString'],
  pubrec: ['reasonString'],
  pubrel: ['reasonString'],
  pubcomp: ['reasonString'],
  subscribe: ['subscriptionIdentifier'],
  suback: ['reasonString'],
  unsubscribe: [],
  unsuback: ['reasonString'],
  disconnect: ['sessionExpiryInterval', 'reasonString', 'serverReference'],
  auth: ['authenticationMethod', 'reasonString'],
}

type Carrier = (properties: object, block: Uint8Array) => readonly [packet: object, bytes: Uint8Array]

const ack =
  (cmd: string, first: number): Carrier =>
  (properties, block) => [{ cmd, messageId: 10, reasonCode: 0, properties }, frame(first, wire('000a 00'), block)]
const connect = { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 5, clean: true, clientId: 'a', keepalive: 0 }
const subscriptions = [{ topic: 'a', qos: 0, nl: false, rap: false, rh: 0 }]

/** The packet around a property block. */
const carriers: Readonly<Record<string, Carrier>> = {
  connect: (properties, block) => [
    { ...connect, properties },
    frame(0x10, wire('0004 "MQTT" 05 02 0000'), block, wire('0001 "a"')),
  ],
  will: (properties, block) => [
    { ...connect, will: { topic: 'w', payload: utf8('p'), qos: 0, retain: false, properties } },
    frame(0x10, wire('0004 "MQTT" 05 06 0000 00 0001 "a"'), block, wire('0001 "w" 0001 "p"')),
  ],
  connack: (properties, block) => [
    { cmd: 'connack', sessionPresent: false, reasonCode: 0, properties },
    frame(0x20, wire('00 00'), block),
  ],
  publish: (properties, block) => [
    { cmd: 'publish', topic: 't', payload: utf8('p'), qos: 1, retain: false, dup: false, messageId: 10, properties },
    frame(0x32, wire('0001 "t" 000a'), block, wire('"p"')),
  ],
  puback: ack('puback', 0x40),
  pubrec: ack('pubrec', 0x50),
  pubrel: ack('pubrel', 0x62),
  pubcomp: ack('pubcomp', 0x70),
  subscribe: (properties, block) => [
    { cmd: 'subscribe', messageId: 10, subscriptions, properties },
    frame(0x82, wire('000a'), block, wire('0001 "a" 00')),
  ],
  suback: (properties, block) => [
    { cmd: 'suback', messageId: 10, granted: [0], properties },
    frame(0x90, wire('000a'), block, wire('00')),
  ],
  unsubscribe: (properties, block) => [
    { cmd: 'unsubscribe', messageId: 10, unsubscriptions: ['a'], properties },
    frame(0xa2, wire('000a'), block, wire('0001 "a"')),
  ],
  unsuback: (properties, block) => [
    { cmd: 'unsuback', messageId: 10, granted: [0], properties },
    frame(0xb0, wire('000a'), block, wire('00')),
  ],
  disconnect: (properties, block) => [{ cmd: 'disconnect', reasonCode: 0, properties }, frame(0xe0, wire('00'), block)],
  auth: (properties, block) => [{ cmd: 'auth', reasonCode: 0x18, properties }, frame(0xf0, wire('18'), block)],
}

/** A packet of MQTT 5 with these properties, whose bytes these are. */
export function carry(scope: string, properties: object, ...bytes: readonly Uint8Array[]): Vector {
  const [packet, whole] = carriers[scope]!(properties, block(...bytes))
  const name = `${scope} with ${Object.keys(properties).join(', ')}, ${whole.length} bytes`
  return { name, version: 5, packet: packet as PacketInput, bytes: whole }
}

const method: Value = [wire('15 0001 "m"'), 'm']

function one(scope: string, name: string): Vector[] {
  return values[name]!.map(([bytes, value]) => {
    if (scope !== 'auth' || name === 'authenticationMethod') return carry(scope, { [name]: value }, bytes)
    return carry(scope, { authenticationMethod: method[1], [name]: value }, method[0], bytes)
  })
}

const all = (): Vector[] =>
  Object.entries(allowedProperties).map(([scope, names]): Vector => {
    const each = [...names, 'userProperties'].map((name) => [name, values[name]!.at(0)!] as const)
    return carry(scope, Object.fromEntries(each.map(([name, [, value]]) => [name, value])), ...each.map(([, [b]]) => b))
  })

const authentication = (): Vector[] =>
  ['connect', 'connack', 'auth'].flatMap((scope) =>
    bytes('16').map(([data, value]) =>
      carry(scope, { authenticationMethod: 'm', authenticationData: value }, method[0], data),
    ),
  )

/** Every property of every packet, at the edges of its values, alone and with all others. */
export const propertyVectors = (): Vector[] => [
  ...Object.entries(allowedProperties).flatMap(([scope, names]) =>
    [...names, 'userProperties'].flatMap((name) => one(scope, name)),
  ),
  ...all(),
  ...authentication(),
  carry('publish', { subscriptionIdentifier: [1, 128, 1] }, wire('0b 01 0b 8001 0b 01')),
]
