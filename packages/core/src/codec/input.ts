import type { ProtocolVersion } from '../packet/packet.js'
import { toUtf8, utf8Length } from './utf8.js'
import { names } from './validate.js'
import { invalidPacket, shown } from './violation.js'

/** What a writer was given: in TypeScript of the right type, in JavaScript anything. */
export type Input = Readonly<Record<string, unknown>>

/**
 * Refuses fields that the version has no place for, so that nothing is dropped in silence.
 *
 * @throws MqttError `'invalid-packet'`
 */
export function forbid(input: Input, fields: readonly string[], packet: string, version: ProtocolVersion): void {
  for (const field of fields) {
    if (input[field] === undefined) continue
    throw invalidPacket(`${packet} ${field} must not be given in MQTT ${names[version]}: ${shown(input[field])}`)
  }
}

/**
 * Text for the wire: well-formed, without U+0000, at most 65,535 bytes.
 *
 * @throws MqttError `'invalid-packet'` [MQTT-1.5.4-1] [MQTT-1.5.4-2]
 */
export function checkText(value: unknown, field: string): asserts value is string {
  if (typeof value !== 'string') throw invalidPacket(`${field} must be a string, not ${shown(value)}`)
  const length = utf8Length(value)
  if (length < 0) throw invalidPacket(`${field} has a lone surrogate: ${shown(value)} [MQTT-1.5.4-1] [MQTT-1.5.3-1]`)
  if (value.includes('\u0000'))
    throw invalidPacket(`${field} must not contain U+0000: ${shown(value)} [MQTT-1.5.4-2] [MQTT-1.5.3-2]`)
  if (length > 65_535) throw invalidPacket(`${field} must not be over 65,535 bytes, it has ${length} [MQTT5 1.5.4]`)
}

/** Text or bytes for a field of at most 65,535 bytes, as bytes. */
export function toBytes(value: unknown, field: string): Uint8Array {
  if (typeof value === 'string' && utf8Length(value) < 0) {
    throw invalidPacket(`${field} has a lone surrogate: ${shown(value)} [MQTT-1.5.4-1] [MQTT-1.5.3-1]`)
  }
  const bytes = typeof value === 'string' ? toUtf8(value) : value
  if (!(bytes instanceof Uint8Array)) {
    throw invalidPacket(`${field} must be a string or a Uint8Array, not ${shown(value)}`)
  }
  if (bytes.length > 65_535) {
    throw invalidPacket(`${field} must not be over 65,535 bytes, it has ${bytes.length} [MQTT5 1.5.6]`)
  }
  return bytes
}

/** An object that is no array. */
export function toObject(value: unknown, field: string): Input {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Input
  throw invalidPacket(`${field} must be an object, not ${shown(value)}`)
}

/** A copy of an array with something in it. */
export function toList(value: unknown, field: string): unknown[] {
  if (!Array.isArray(value)) throw invalidPacket(`${field} must be an array, not ${shown(value)}`)
  if (value.length === 0) throw invalidPacket(`${field} must have at least one entry`)
  return Array.from(value as unknown[])
}

export function toBoolean(value: unknown, fallback: boolean, field: string): boolean {
  if (value === undefined) return fallback
  if (typeof value !== 'boolean') throw invalidPacket(`${field} must be a boolean, not ${shown(value)}`)
  return value
}

/** A whole number from 0 to `most`. */
export function toInteger(value: unknown, most: number, field: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return value
  throw invalidPacket(`${field} must be an integer from 0 to ${most}, not ${shown(value)}`)
}

/** The DUP flag of SUBSCRIBE and UNSUBSCRIBE, which only MQTT 3.1 has. */
export function toDuplicate(value: unknown, packet: string, version: ProtocolVersion): boolean {
  const dup = toBoolean(value, false, `${packet} dup`)
  if (dup && version !== 3) throw invalidPacket(`${packet} dup must be false in MQTT ${names[version]} [MQTT-2.1.3-1]`)
  return dup
}
