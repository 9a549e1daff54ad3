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

/**
 * An option in milliseconds: 0 to the longest time a timer can run, 2,147,483,647 (25 days).
 *
 * @throws MqttError `'invalid-option'`
 */
export function checkTime(name: string, value: number | undefined, fallback: number): number {
  const time = checkOption(name, value, fallback, 0)
  if (time > 2_147_483_647) throw new MqttError('invalid-option', `${name} must not be over 2147483647 ms, not ${time}`)
  return time
}
