import type { PacketInput, PacketType } from '@rxmqtt/core'
import type { Random } from './random.js'

const names: readonly PacketType[] = [
  'connect',
  'connack',
  'publish',
  'puback',
  'pubrec',
  'pubrel',
  'pubcomp',
  'subscribe',
  'suback',
  'unsubscribe',
  'unsuback',
  'pingreq',
  'pingresp',
  'disconnect',
  'auth',
]

/** Plain packets of every type to begin with. */
const good: readonly PacketInput[] = [
  { cmd: 'connect', clientId: 'c', keepalive: 10, clean: true, username: 'u', password: 'p' },
  { cmd: 'connect', protocolVersion: 5, clientId: 'c', will: { topic: 't', payload: 'w', qos: 1 } },
  { cmd: 'connect', protocolVersion: 5, clientId: 'c', properties: { receiveMaximum: 3, topicAliasMaximum: 2 } },
  { cmd: 'connack', reasonCode: 0, sessionPresent: false },
  { cmd: 'connack', returnCode: 0 },
  { cmd: 'publish', topic: 'a/b', payload: 'x', qos: 0 },
  { cmd: 'publish', topic: 'a/b', payload: 'x', qos: 1, messageId: 5, dup: true },
  { cmd: 'publish', topic: 'a', properties: { topicAlias: 1, userProperties: { a: ['b', 'c'] } } },
  { cmd: 'puback', messageId: 1 },
  { cmd: 'pubrec', messageId: 1, reasonCode: 0x10 },
  { cmd: 'pubrel', messageId: 1, reasonCode: 0x92 },
  { cmd: 'pubcomp', messageId: 1, properties: { reasonString: 'why' } },
  { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a/#', qos: 1 }] },
  { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '+/b', qos: 2, nl: true, rap: true, rh: 1 }] },
  { cmd: 'suback', messageId: 1, granted: [0, 1, 2, 0x80] },
  { cmd: 'unsubscribe', messageId: 1, unsubscriptions: ['a', '$share/g/b'] },
  { cmd: 'unsuback', messageId: 1 },
  { cmd: 'unsuback', messageId: 1, granted: [0, 0x11] },
  { cmd: 'pingreq' },
  { cmd: 'pingresp' },
  { cmd: 'disconnect' },
  { cmd: 'disconnect', reasonCode: 4, properties: { sessionExpiryInterval: 4 } },
  { cmd: 'auth', reasonCode: 0x18, properties: { authenticationMethod: 'm', authenticationData: new Uint8Array(3) } },
]

const fields = [
  ...['cmd', 'length', 'protocolId', 'protocolVersion', 'clean', 'clientId', 'keepalive', 'username', 'password'],
  ...['will', 'topic', 'payload', 'qos', 'retain', 'dup', 'messageId', 'properties', 'subscriptions', 'granted'],
  ...['unsubscriptions', 'returnCode', 'reasonCode', 'sessionPresent', 'nl', 'rap', 'rh', '__proto__', 'toString'],
  ...['userProperties', 'topicAlias', 'correlationData', 'subscriptionIdentifier', 'messageExpiryInterval'],
  ...['receiveMaximum', 'maximumQoS', 'reasonString', 'responseTopic', 'contentType', 'payloadFormatIndicator'],
  ...['bridgeMode', '0', 'constructor', 'serverKeepAlive', 'willDelayInterval', 'maximumPacketSize'],
]

/** What somebody could pass by mistake, or in bad faith. */
const odd: readonly ((random: Random) => unknown)[] = [
  () => undefined,
  () => null,
  (random) => random.of([true, false]),
  (random) => random.of([0, 1, 2, 3, 4, 5, 127, 128, 255, 256, 65_535, 65_536, 268_435_455, 4_294_967_296]),
  (random) => random.of([-1, -0, 0.5, Number.NaN, Infinity, -Infinity, 1e300, Number.MAX_SAFE_INTEGER]),
  (random) => random.of(['', 'a', 'a/b', '#', '+', 'a/#/b', 'a+', '$share//x', '$share/g/t', 'MQTT', 'MQIsdp']),
  (random) => random.of(['\u0000', '\ud800', 'a\udc00', 'é', '漢字', '😀', '__proto__', ' ', '\ufeff', '\u007f']),
  (random) => 'x'.repeat(random.of([100, 65_535, 65_536, 70_000])),
  (random) => 'é'.repeat(random.of([32_767, 32_768])),
  (random) => random.bytes(random.of([0, 1, 10, 5_000])),
  () => new Uint8Array(65_536),
  () => Buffer.from('buffer'),
  () => new Uint16Array(2),
  () => new ArrayBuffer(4),
  () => new DataView(new ArrayBuffer(4)),
  () => [],
  (random) => [value(random), value(random)],
  (random) => [random.of([0, 1, 2, 0x80, 0x87, 300])],
  (random) => Array.from({ length: random.of([2, 300]) }, () => random.of(['a', 0, null])),
  () => [, 'a'],
  () => ({}),
  (random) => Object.fromEntries([[random.of(fields), value(random)]]),
  (random) => ({ topic: value(random), qos: value(random), payload: value(random) }),
  () => Object.create(null) as unknown,
  () => new Map([['a', 'b']]),
  () => new Date(0),
  () => Symbol('s'),
  () => 10n,
  () => () => 'f',
  () => Promise.resolve(1),
  () => /x/,
  () => ({ toString: () => 'text', valueOf: () => 3 }),
  () => ({
    get topic(): string {
      throw new Error('a getter that throws')
    },
  }),
  () =>
    new Proxy(
      {},
      {
        get: () => {
          throw new Error('a proxy that throws')
        },
      },
    ),
  () => {
    const circle: Record<string, unknown> = {}
    circle['circle'] = circle
    return circle
  },
  () => {
    let calls = 0
    return {
      get length(): number {
        return calls++
      },
    }
  },
]

function value(random: Random): unknown {
  return random.of(odd)(random)
}

/** A writer to call, and what to call it with: a packet with something wrong in it, or nothing like a packet. */
export function badObject(random: Random): { readonly writer: PacketType | 'write'; readonly argument: unknown } {
  const writer = random.chance(0.2) ? 'write' : random.of(names)
  if (random.chance(0.1)) return { writer, argument: value(random) }
  const base = random.of(random.chance(0.7) && writer !== 'write' ? good.filter(({ cmd }) => cmd === writer) : good)
  const argument: Record<string, unknown> = { ...base }
  for (let i = random.below(3); i > 0; i -= 1) spoil(argument, random)
  return { writer, argument }
}

/** Changes, adds or removes a field, here or further down. */
function spoil(target: Record<string, unknown>, random: Random): void {
  const own = Object.keys(target)
  const key = own.length > 0 && random.chance(0.6) ? random.of(own) : random.of(fields)
  const inner = Object.getOwnPropertyDescriptor(target, key)?.value as unknown
  if (isRecord(inner) && random.chance(0.6)) {
    const copy = Object.defineProperties({}, Object.getOwnPropertyDescriptors(inner))
    spoil(copy, random)
    define(target, key, copy)
  } else if (random.chance(0.15)) {
    delete target[key]
  } else {
    define(target, key, value(random))
  }
}

function define(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}
