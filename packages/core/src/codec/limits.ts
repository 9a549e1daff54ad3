import { MqttError } from '../errors.js'
import { shown } from './violation.js'

/** The largest packet, fixed header included, unless an option says otherwise: 16 MiB. */
export const defaultMaximumPacketSize = 16_777_216

/**
 * An option that counts bytes, milliseconds or things: a whole number from `least` on.
 *
 * @throws MqttError `'invalid-option'`
 */
export function checkOption(name: string, value: number | undefined, fallback?: number, least = 1): number {
  if (value === undefined && fallback !== undefined) return fallback
  if (value === undefined || !Number.isSafeInteger(value) || value < least) {
    throw new MqttError('invalid-option', `${name} must be an integer from ${least} on, not ${shown(value)}`)
  }
  return value
}

/** The option `maximumPacketSize`, at least the two bytes of the smallest packet. */
export function checkSize(value: number | undefined): number {
  return checkOption('maximumPacketSize', value, defaultMaximumPacketSize, 2)
}
