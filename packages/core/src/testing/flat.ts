import { MqttError } from '../errors.js'
import { toHex } from './wire.js'

/** A value with its errors and bytes, however deep, as plain values that a runner's own matchers can tell apart. */
export function flat(value: unknown): unknown {
  if (value instanceof MqttError)
    return { code: value.code, reasonCode: value.reasonCode, returnCode: value.returnCode }
  if (value instanceof Error) return { error: value.name, message: value.message }
  if (value instanceof Uint8Array) return toHex(value)
  if (Array.isArray(value)) return value.map(flat)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, flat(member)]))
}
