import type { PacketInput, PacketType, ProtocolVersion } from '@rxmqtt/core'
import type { Random } from '../soak/random.js'

const characters = [
  'a',
  'b',
  '/',
  ' ',
  '0',
  'é',
  '漢',
  '😀',
  '\ufeff',
  '\u0001',
  '\u{10ffff}',
  '__proto__',
  '$share/',
  '$',
]
const topicCharacters = characters.filter((each) => each !== '$share/')

function text(random: Random, from: readonly string[] = characters): string {
  const length = random.chance(0.02) ? 300 : random.below(6)
  return Array.from({ length }, () => random.of(from)).join('')
}

const topic = (random: Random): string => text(random, topicCharacters) || 't'
const bytes = (random: Random): Uint8Array => random.bytes(random.chance(0.02) ? 1_500 : random.below(12))
const flag = (random: Random): boolean => random.chance(0.5)
const edge = (random: Random, least: number, most: number): number =>
  random.chance(0.5) ? random.of([least, most]) : least + random.below(most - least + 1)
const u16 = (random: Random): number => edge(random, 0, 65_535)
const u32 = (random: Random): number => edge(random, 0, 4_294_967_295)
const id = (random: Random): number => edge(random, 1, 65_535)
const identifier = (random: Random): number => edge(random, 1, 268_435_455)

const filters = ['#', '+', 'a/#', '+/b', '/+/', 'a', '$SYS/#']

function filter(random: Random, version: ProtocolVersion): string {
  const plain = random.chance(0.5) ? random.of(filters) : topic(random)
  return version === 5 && random.chance(0.2) ? `$share/g/${plain}` : plain
}

function users(random: Random): Record<string, string | string[]> {
  const pairs = Array.from({ length: 1 + random.below(3) }, () => {
    const value = random.chance(0.3) ? [text(random), text(random)] : text(random)
    return [text(random), value] as const
  })
  return Object.fromEntries(pairs)
}

type Make = (random: Random) => unknown

const message: Readonly<Record<string, Make>> = {
  payloadFormatIndicator: flag,
  messageExpiryInterval: u32,
  contentType: text,
  responseTopic: topic,
  correlationData: bytes,
}
const limits: Readonly<Record<string, Make>> = {
  sessionExpiryInterval: u32,
  receiveMaximum: id,
  topicAliasMaximum: u16,
  maximumPacketSize: (random) => edge(random, 1, 4_294_967_295),
}
const reason: Readonly<Record<string, Make>> = { reasonString: text }
const scopes: Readonly<Record<string, Readonly<Record<string, Make>>>> = {
  connect: { ...limits, requestResponseInformation: flag, requestProblemInformation: flag, authenticationMethod: text },
  will: { ...message, willDelayInterval: u32 },
  connack: {
    ...limits,
    ...reason,
    maximumQoS: (random) => random.below(2),
    retainAvailable: flag,
    assignedClientIdentifier: text,
    wildcardSubscriptionAvailable: flag,
    subscriptionIdentifiersAvailable: flag,
    sharedSubscriptionAvailable: flag,
    serverKeepAlive: u16,
    responseInformation: text,
    serverReference: text,
    authenticationMethod: text,
  },
  publish: { ...message, topicAlias: id, subscriptionIdentifier: identifier },
  subscribe: { subscriptionIdentifier: identifier },
  unsubscribe: {},
  disconnect: { ...reason, sessionExpiryInterval: u32, serverReference: text },
  auth: { ...reason, authenticationMethod: text },
}

function properties(random: Random, scope: string, version: ProtocolVersion): object {
  if (version < 5 || random.chance(0.4)) return {}
  const block: Record<string, unknown> = {}
  for (const [name, make] of Object.entries(scopes[scope] ?? reason))
    if (random.chance(0.25)) block[name] = make(random)
  if (random.chance(0.3)) block['userProperties'] = users(random)
  if ('authenticationMethod' in block && flag(random)) block['authenticationData'] = bytes(random)
  return Object.keys(block).length === 0 ? {} : { properties: block }
}

const codes: Readonly<Partial<Record<PacketType, readonly number[]>>> = {
  connack: [0, 0x80, 0x87, 0x9f],
  puback: [0, 0x10, 0x99],
  pubrec: [0, 0x10, 0x97],
  pubrel: [0, 0x92],
  pubcomp: [0, 0x92],
  suback: [0, 1, 2, 0x80, 0xa2],
  unsuback: [0, 0x11, 0x8f],
  disconnect: [0, 4, 0x82, 0xa2],
}

function connect(random: Random, version: ProtocolVersion): object {
  const username = flag(random) ? { username: text(random) } : {}
  const password = flag(random) && (version === 5 || 'username' in username) ? { password: bytes(random) } : {}
  const fields = { topic: topic(random), payload: bytes(random), qos: random.below(3), retain: flag(random) }
  const will = flag(random) ? { will: { ...fields, ...properties(random, 'will', version) } } : {}
  return {
    protocolVersion: version,
    clientId: version === 3 ? 'client' : text(random),
    clean: version === 4 || flag(random),
    keepalive: u16(random),
    ...username,
    ...password,
    ...will,
    ...properties(random, 'connect', version),
  }
}

function fieldsOf(random: Random, cmd: PacketType, version: ProtocolVersion): object {
  const isFive = version === 5
  const messageId = id(random)
  const dup = version === 3 && flag(random) ? { dup: true } : {}
  const several = <T>(make: () => T): T[] => Array.from({ length: 1 + random.below(3) }, make)
  const block = properties(random, cmd, version)
  const reasonCode = random.of(codes[cmd] ?? [0])
  switch (cmd) {
    case 'connect':
      return connect(random, version)
    case 'connack':
      return isFive ? { reasonCode, ...block } : { returnCode: random.below(6) }
    case 'publish': {
      const qos = random.below(3)
      const numbered = qos === 0 ? {} : { messageId, dup: flag(random) }
      return { topic: topic(random), payload: bytes(random), qos, retain: flag(random), ...numbered, ...block }
    }
    case 'subscribe': {
      const options = (): object => (isFive ? { nl: false, rap: flag(random), rh: random.below(3) } : {})
      const subscriptions = several(() => ({ topic: filter(random, version), qos: random.below(3), ...options() }))
      return { messageId, subscriptions, ...dup, ...block }
    }
    case 'suback':
      return { messageId, granted: several(() => random.of(isFive ? codes.suback! : [0, 1, 2])), ...block }
    case 'unsubscribe':
      return { messageId, unsubscriptions: several(() => filter(random, version)), ...dup, ...block }
    case 'unsuback':
      return isFive ? { messageId, granted: several(() => random.of(codes.unsuback!)), ...block } : { messageId }
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return isFive ? { messageId, reasonCode, ...block } : { messageId, ...(cmd === 'pubrel' ? dup : {}) }
    case 'disconnect':
      return isFive ? { reasonCode, ...block } : {}
    case 'auth':
      return random.chance(0.3)
        ? {}
        : {
            reasonCode: random.of([0, 0x18, 0x19]),
            properties: { authenticationMethod: text(random), ...reasonOf(random) },
          }
    default:
      return {}
  }
}

function reasonOf(random: Random): object {
  return flag(random) ? { reasonString: text(random), userProperties: users(random) } : {}
}

const types: readonly PacketType[] = [
  ...(['connect', 'connack', 'publish', 'publish', 'puback', 'pubrec', 'pubrel', 'pubcomp', 'subscribe'] as const),
  ...(['suback', 'unsubscribe', 'unsuback', 'pingreq', 'pingresp', 'disconnect', 'auth'] as const),
]

/** A packet that may be sent. */
export function packet(random: Random, version: ProtocolVersion): PacketInput {
  const cmd = random.of(version === 5 ? types : types.slice(0, -1))
  return { cmd, ...fieldsOf(random, cmd, version) } as PacketInput
}
