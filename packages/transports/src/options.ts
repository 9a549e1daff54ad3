import { MqttError } from '@rxmqtt/core'

/** Longest delay of a Node timer, in milliseconds: longer ones fire at once. */
const LONGEST = 2_147_483_647

/** The value, when it is a whole number in the range. */
export function requireRange(
  name: string,
  value: number,
  minimum: number,
  maximum: number = Number.MAX_SAFE_INTEGER,
): number {
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return value
  const range = maximum === Number.MAX_SAFE_INTEGER ? `at least ${minimum}` : `from ${minimum} to ${maximum}`
  throw new MqttError('invalid-option', `${name} must be a whole number ${range}, not ${String(value)}`)
}

/** The value, when it is a time in milliseconds that a timer can wait for. */
export function requireTime(name: string, value: number, minimum = 1): number {
  return requireRange(name, value, minimum, LONGEST)
}
