import { MqttError } from '../errors.js'

/** Bytes that cannot be read as a packet: reason 0x81 [MQTT5 4.13]. */
export function malformed(message: string): MqttError {
  return new MqttError('malformed-packet', message, { reasonCode: 0x81 })
}

/** A readable packet that breaks a rule: reason 0x82 unless the standard names another [MQTT5 4.13]. */
export function protocolError(message: string, reasonCode = 0x82): MqttError {
  return new MqttError('protocol-error', message, { reasonCode })
}

/** A packet given to a writer that has no place on the wire. */
export function invalidPacket(message: string, cause?: unknown): MqttError {
  return new MqttError('invalid-packet', message, { cause })
}

/** What a writer threw, as `'invalid-packet'`; the rules are those for packets that come in. */
export function refusal(error: unknown): MqttError {
  if (!(error instanceof MqttError)) return invalidPacket('the packet has a field that cannot be read', error)
  if (error.code === 'invalid-packet') return error
  return new MqttError('invalid-packet', error.message, { reasonCode: error.reasonCode, returnCode: error.returnCode })
}

/** A value as an error message shows it: short, on one line. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  if (typeof value === 'function') return 'a function'
  const text = String(value)
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}
