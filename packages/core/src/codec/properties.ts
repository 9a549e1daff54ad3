import type { ByteWriter } from './byte-writer.js'
import { type ByteReader, maximumVarint } from './bytes.js'
import { type PropertyDefinition, type PropertyScope, propertyTables } from './property-table.js'
import { fromPairs, type UserProperty, writeUserProperties } from './user-properties.js'
import { invalidPacket, malformed, protocolError, shown } from './violation.js'

/** What a block holds, by name; the packet types narrow it. */
type Values = Record<string, unknown>

/**
 * Reads a property block, its length first. Names are those of {@link propertyTables}; `userProperties` has a null prototype.
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
  const { byId } = propertyTables[scope]
  const values: Values = {}
  let seen = 0
  let pairs: UserProperty[] | undefined
  while (reader.position < end) {
    const id = reader.varint('property identifier')
    const definition = byId[id]
    if (definition === undefined) {
      throw malformed(`${reader.packet} must not have property 0x${id.toString(16)} [MQTT5 2.2.2.2]`)
    }
    const { name, bit, kind } = definition
    if (kind === 'pair') {
      const pair: UserProperty = [reader.string('user property name'), reader.string('user property value')]
      if (pairs === undefined) {
        pairs = [pair]
        // Holds their place among the others, for when the object is written again.
        values[name] = undefined
      } else {
        pairs.push(pair)
      }
    } else {
      const value = readValue(reader, definition)
      if ((seen & bit) === 0) values[name] = value
      else storeAgain(values, name, value, scope, reader.packet)
      seen |= bit
    }
  }
  reader.end = outer
  if (pairs !== undefined) values['userProperties'] = fromPairs(pairs)
  return values
}

function storeAgain(values: Values, name: string, value: unknown, scope: PropertyScope, packet: string): void {
  if (name !== 'subscriptionIdentifier' || scope !== 'publish') {
    throw protocolError(`${packet} must not have property ${name} twice [MQTT5 2.2.2.2]`)
  }
  const before = values[name]
  if (Array.isArray(before)) before.push(value)
  else values[name] = [before, value]
}

function readValue(reader: ByteReader, { name, kind, least }: PropertyDefinition): unknown {
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
  const { all } = propertyTables[scope]
  // Half as dear as Object.keys, and no different from it.
  for (const name in values) {
    if (!Object.prototype.hasOwnProperty.call(values, name)) continue
    const value = values[name]
    if (value === undefined) continue
    const definition = withName(all, name)
    if (definition === undefined) {
      throw invalidPacket(`${writer.packet} must not have property ${shown(name)} [MQTT5 2.2.2.2]`)
    }
    writeProperty(writer, definition, value, scope)
  }
  writer.fillVarint(offset, 1, writer.position - writer.start - offset - 1)
}

function withName(all: readonly PropertyDefinition[], name: string): PropertyDefinition | undefined {
  for (const definition of all) if (definition.name === name) return definition
  return undefined
}

function writeProperty(writer: ByteWriter, definition: PropertyDefinition, value: unknown, scope: PropertyScope): void {
  if (definition.kind === 'pair') {
    writeUserProperties(writer, definition.id, value)
  } else if (definition.name === 'subscriptionIdentifier' && scope === 'publish' && Array.isArray(value)) {
    if (value.length === 0) throw invalidPacket(`${writer.packet} ${definition.name} must not be an empty array`)
    for (const each of value as unknown[]) writeValue(writer, definition, each)
  } else {
    writeValue(writer, definition, value)
  }
}

const most: Record<'bit' | 'u16' | 'u32' | 'varint', number> = {
  bit: 1,
  u16: 65_535,
  u32: 4_294_967_295,
  varint: maximumVarint,
}

function writeValue(writer: ByteWriter, { id, name, kind, least }: PropertyDefinition, value: unknown): void {
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
