import type { UserProperties } from '../packet/properties.js'
import { type ByteReader, type ByteWriter, maximumVarint } from './bytes.js'
import { invalidPacket, malformed, protocolError, shown } from './violation.js'

/** Where a property block stands: in a packet, or in the will of a CONNECT. */
export type PropertyScope =
  | 'connect'
  | 'will'
  | 'connack'
  | 'publish'
  | 'puback'
  | 'pubrec'
  | 'pubrel'
  | 'pubcomp'
  | 'subscribe'
  | 'suback'
  | 'unsubscribe'
  | 'unsuback'
  | 'disconnect'
  | 'auth'

type Kind = 'flag' | 'bit' | 'u16' | 'u32' | 'varint' | 'string' | 'binary' | 'pair'

interface Definition {
  readonly id: number
  readonly name: string
  readonly kind: Kind
  /** The smallest value allowed. */
  readonly least: number
  readonly scopes: readonly PropertyScope[]
}

const acks: readonly PropertyScope[] = ['puback', 'pubrec', 'pubrel', 'pubcomp', 'suback', 'unsuback']
const everywhere: readonly PropertyScope[] = [
  ...acks,
  'connect',
  'will',
  'connack',
  'publish',
  'subscribe',
  'unsubscribe',
  'disconnect',
  'auth',
]

function property(id: number, name: string, kind: Kind, scopes: readonly PropertyScope[], least = 0): Definition {
  return { id, name, kind, scopes, least }
}

/** Every property of MQTT 5 [2.2.2.2], the type of its value, where it may stand and its least value. */
const definitions: readonly Definition[] = [
  property(0x01, 'payloadFormatIndicator', 'flag', ['publish', 'will']),
  property(0x02, 'messageExpiryInterval', 'u32', ['publish', 'will']),
  property(0x03, 'contentType', 'string', ['publish', 'will']),
  property(0x08, 'responseTopic', 'string', ['publish', 'will']),
  property(0x09, 'correlationData', 'binary', ['publish', 'will']),
  property(0x0b, 'subscriptionIdentifier', 'varint', ['publish', 'subscribe'], 1),
  property(0x11, 'sessionExpiryInterval', 'u32', ['connect', 'connack', 'disconnect']),
  property(0x12, 'assignedClientIdentifier', 'string', ['connack']),
  property(0x13, 'serverKeepAlive', 'u16', ['connack']),
  property(0x15, 'authenticationMethod', 'string', ['connect', 'connack', 'auth']),
  property(0x16, 'authenticationData', 'binary', ['connect', 'connack', 'auth']),
  property(0x17, 'requestProblemInformation', 'flag', ['connect']),
  property(0x18, 'willDelayInterval', 'u32', ['will']),
  property(0x19, 'requestResponseInformation', 'flag', ['connect']),
  property(0x1a, 'responseInformation', 'string', ['connack']),
  property(0x1c, 'serverReference', 'string', ['connack', 'disconnect']),
  property(0x1f, 'reasonString', 'string', [...acks, 'connack', 'disconnect', 'auth']),
  property(0x21, 'receiveMaximum', 'u16', ['connect', 'connack'], 1),
  property(0x22, 'topicAliasMaximum', 'u16', ['connect', 'connack']),
  property(0x23, 'topicAlias', 'u16', ['publish'], 1),
  property(0x24, 'maximumQoS', 'bit', ['connack']),
  property(0x25, 'retainAvailable', 'flag', ['connack']),
  property(0x26, 'userProperties', 'pair', everywhere),
  property(0x27, 'maximumPacketSize', 'u32', ['connect', 'connack'], 1),
  property(0x28, 'wildcardSubscriptionAvailable', 'flag', ['connack']),
  property(0x29, 'subscriptionIdentifiersAvailable', 'flag', ['connack']),
  property(0x2a, 'sharedSubscriptionAvailable', 'flag', ['connack']),
]

const byId: (Definition | undefined)[] = new Array<Definition | undefined>(128).fill(undefined)
for (const definition of definitions) byId[definition.id] = definition
const byName: ReadonlyMap<string, Definition> = new Map(definitions.map((d) => [d.name, d]))

/** What a block holds, by name; the packet types narrow it. */
type Values = Record<string, unknown>

type Pair = readonly [name: string, value: string]

/** The user properties' order on the wire, for the parsed objects whose shape can't show it. */
const wireOrder: WeakMap<object, readonly Pair[]> = new WeakMap()

/**
 * Reads a property block, its length first. Names are {@link definitions}'; `userProperties` has a null prototype.
 *
 * @returns undefined for an empty block
 * @throws MqttError `'malformed-packet'` for what cannot be read or does not belong here [MQTT5 2.2.2.2],
 * `'protocol-error'` for a property given twice or out of range
 */
export function readProperties(reader: ByteReader, scope: PropertyScope): Values | undefined {
  const length = reader.varint('properties')
  if (length === 0) return undefined
  const outer = reader.end
  const end = reader.position + length
  if (end > outer) throw malformed(`${reader.packet} properties reach past the end of the packet [MQTT5 2.2.2.1]`)
  reader.end = end
  const values: Values = {}
  let pairs: Pair[] | undefined
  while (reader.position < end) {
    const id = reader.varint('property identifier')
    const definition = byId[id]
    if (definition === undefined || !definition.scopes.includes(scope)) {
      throw malformed(`${reader.packet} must not have property 0x${id.toString(16)} [MQTT5 2.2.2.2]`)
    }
    if (definition.kind === 'pair') {
      const pair: Pair = [reader.string('user property name'), reader.string('user property value')]
      if (pairs === undefined) {
        pairs = [pair]
        // Holds their place among the others, for when the object is written again.
        values['userProperties'] = undefined
      } else {
        pairs.push(pair)
      }
    } else {
      store(values, definition, readValue(reader, definition), scope, reader.packet)
    }
  }
  reader.end = outer
  if (pairs !== undefined) values['userProperties'] = fromPairs(pairs)
  return values
}

function store(values: Values, { name }: Definition, value: unknown, scope: PropertyScope, packet: string): void {
  const before = values[name]
  if (before === undefined) values[name] = value
  else if (name !== 'subscriptionIdentifier' || scope !== 'publish') {
    throw protocolError(`${packet} must not have property ${name} twice [MQTT5 2.2.2.2]`)
  } else if (Array.isArray(before)) before.push(value)
  else values[name] = [before, value]
}

function readValue(reader: ByteReader, { name, kind, least }: Definition): unknown {
  if (kind === 'string') return reader.string(name)
  if (kind === 'binary') return reader.binary(name)
  if (kind === 'flag' || kind === 'bit') {
    const value = reader.u8(name)
    if (value > 1) throw protocolError(`${reader.packet} ${name} must be 0 or 1, not ${value} [MQTT5 2.2.2.2]`)
    return kind === 'bit' ? value : value === 1
  }
  const value = kind === 'u16' ? reader.u16(name) : kind === 'u32' ? reader.u32(name) : reader.varint(name)
  if (value < least) throw protocolError(`${reader.packet} ${name} must not be ${value} [MQTT5 2.2.2.2]`)
  return value
}

function fromPairs(pairs: readonly Pair[]): UserProperties {
  const result = Object.create(null) as Record<string, string | string[]>
  for (const [name, value] of pairs) {
    const before = result[name]
    if (before === undefined) result[name] = value
    else if (typeof before === 'string') result[name] = [before, value]
    else before.push(value)
  }
  if (pairs.length > 1 && !toPairs(result).every((pair, i) => samePair(pair, pairs[i]!))) wireOrder.set(result, pairs)
  return result
}

function toPairs(properties: UserProperties): Pair[] {
  const pairs: Pair[] = []
  for (const [name, value] of Object.entries(properties)) {
    if (Array.isArray(value)) for (const each of value as readonly string[]) pairs.push([name, each])
    else pairs.push([name, value as string])
  }
  return pairs
}

function samePair(a: Pair, b: Pair): boolean {
  return a[0] === b[0] && a[1] === b[1]
}

/** The pairs to write: in the order they came in where the object is still what was parsed [MQTT-3.3.2-18]. */
function pairsOf(properties: UserProperties): readonly Pair[] {
  const pairs = toPairs(properties)
  const ordered = wireOrder.get(properties)
  if (ordered === undefined || ordered.length !== pairs.length) return pairs
  const again = toPairs(fromPairs(ordered))
  return pairs.every((pair, i) => samePair(pair, again[i]!)) ? ordered : pairs
}

/**
 * Writes a property block, its length first; properties that are undefined are left out.
 *
 * @throws MqttError `'invalid-packet'` for a property that does not belong here, or a value out of its type or range
 */
export function writeProperties(writer: ByteWriter, properties: unknown, scope: PropertyScope): void {
  const offset = writer.position - writer.start
  writer.u8(0)
  if (properties === undefined) return
  if (typeof properties !== 'object' || properties === null || Array.isArray(properties)) {
    throw invalidPacket(`${writer.packet} properties must be an object, not ${shown(properties)}`)
  }
  const values = properties as Values
  for (const name of Object.keys(values)) {
    const value = values[name]
    if (value !== undefined) writeProperty(writer, name, value, scope)
  }
  writer.fillVarint(offset, 1, writer.position - writer.start - offset - 1)
}

function writeProperty(writer: ByteWriter, name: string, value: unknown, scope: PropertyScope): void {
  const definition = byName.get(name)
  if (definition === undefined || !definition.scopes.includes(scope)) {
    throw invalidPacket(`${writer.packet} must not have property ${shown(name)} [MQTT5 2.2.2.2]`)
  }
  const { id, kind } = definition
  if (kind === 'pair') {
    writeUserProperties(writer, id, value)
  } else if (name === 'subscriptionIdentifier' && scope === 'publish' && Array.isArray(value)) {
    if (value.length === 0) throw invalidPacket(`${writer.packet} ${name} must not be an empty array`)
    for (const each of value as unknown[]) writeValue(writer, definition, each)
  } else {
    writeValue(writer, definition, value)
  }
}

function writeUserProperties(writer: ByteWriter, id: number, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidPacket(`${writer.packet} userProperties must be an object, not ${shown(value)}`)
  }
  for (const [name, text] of pairsOf(value as UserProperties)) {
    writer.u8(id)
    writer.string(name, 'user property name')
    writer.string(text, `user property ${shown(name)}`)
  }
}

const most: Record<'bit' | 'u16' | 'u32' | 'varint', number> = {
  bit: 1,
  u16: 65_535,
  u32: 4_294_967_295,
  varint: maximumVarint,
}

function writeValue(writer: ByteWriter, { id, name, kind, least }: Definition, value: unknown): void {
  writer.u8(id)
  if (kind === 'string') return writer.string(value, name)
  if (kind === 'binary') return writer.binary(value, name)
  if (kind === 'flag') {
    if (typeof value !== 'boolean')
      throw invalidPacket(`${writer.packet} ${name} must be a boolean, not ${shown(value)}`)
    return writer.u8(value ? 1 : 0)
  }
  const limit = most[kind as keyof typeof most]
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > limit) {
    throw invalidPacket(
      `${writer.packet} ${name} must be an integer from ${least} to ${limit}, not ${shown(value)} [MQTT5 2.2.2.2]`,
    )
  }
  if (kind === 'bit') return writer.u8(value)
  if (kind === 'u16') return writer.u16(value)
  return kind === 'u32' ? writer.u32(value) : writer.varint(value)
}
