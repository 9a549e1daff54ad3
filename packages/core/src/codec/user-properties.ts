import type { UserProperties } from '../packet/properties.js'
import type { ByteWriter } from './byte-writer.js'
import { invalidPacket, shown } from './violation.js'

export type UserProperty = readonly [name: string, value: string]

/** The order on the wire, for the parsed objects whose shape can't show it. */
const wireOrder: WeakMap<object, readonly UserProperty[]> = new WeakMap()

/** The object for what was read, without a prototype. */
export function fromPairs(pairs: readonly UserProperty[]): UserProperties {
  const { properties, inOrder } = collect(pairs)
  if (!inOrder) wireOrder.set(properties, pairs)
  return properties
}

/** A copy that is written in the same order. */
export function copyUserProperties(properties: UserProperties): UserProperties {
  const copy = Object.create(null) as Record<string, string | readonly string[]>
  for (const [name, value] of Object.entries(properties)) copy[name] = typeof value === 'string' ? value : [...value]
  const ordered = wireOrder.get(properties)
  if (ordered !== undefined) wireOrder.set(copy, ordered)
  return copy
}

/** Also says whether the object's own order is the pairs': integers come first in it, and what has a name again stands together. */
function collect(pairs: readonly UserProperty[]): { properties: UserProperties; inOrder: boolean } {
  const properties = Object.create(null) as Record<string, string | string[]>
  let inOrder = true
  for (const [name, value] of pairs) {
    const before = properties[name]
    if (before === undefined) {
      properties[name] = value
      if (startsWithDigit(name)) inOrder = false
    } else {
      if (typeof before === 'string') properties[name] = [before, value]
      else before.push(value)
      inOrder = false
    }
  }
  return { properties, inOrder: inOrder || pairs.length === 1 }
}

function startsWithDigit(name: string): boolean {
  const unit = name.charCodeAt(0)
  return unit >= 0x30 && unit <= 0x39
}

function toPairs(properties: UserProperties): UserProperty[] {
  const pairs: UserProperty[] = []
  for (const [name, value] of Object.entries(properties)) {
    if (Array.isArray(value)) for (const each of value as readonly string[]) pairs.push([name, each])
    else pairs.push([name, value as string])
  }
  return pairs
}

function samePair(a: UserProperty, b: UserProperty): boolean {
  return a[0] === b[0] && a[1] === b[1]
}

/** Whether the object is still what was made of `ordered`. */
function isUnchanged(properties: UserProperties, ordered: readonly UserProperty[]): boolean {
  const pairs = toPairs(properties)
  if (pairs.length !== ordered.length) return false
  const again = toPairs(collect(ordered).properties)
  return pairs.every((pair, i) => samePair(pair, again[i]!))
}

/**
 * Writes user properties, in the order they came in where the object is still what was parsed [MQTT-3.3.2-18].
 *
 * @throws MqttError `'invalid-packet'` for what is not an object of strings or arrays of them
 */
export function writeUserProperties(writer: ByteWriter, id: number, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidPacket(`${writer.packet} userProperties must be an object, not ${shown(value)}`)
  }
  const properties = value as UserProperties
  const ordered = wireOrder.get(properties)
  if (ordered !== undefined && isUnchanged(properties, ordered)) {
    for (const [name, text] of ordered) writePair(writer, id, name, text)
    return
  }
  for (const name of Object.keys(properties)) {
    const text = properties[name]
    if (Array.isArray(text)) for (const each of text as readonly string[]) writePair(writer, id, name, each)
    else writePair(writer, id, name, text)
  }
}

function writePair(writer: ByteWriter, id: number, name: string, text: unknown): void {
  writer.u8(id)
  writer.string(name, 'user property name')
  writer.string(text, 'user property', name)
}
