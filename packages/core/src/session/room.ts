import { MqttError } from '../errors.js'
import type { SessionSettings } from './options.js'

/** Messages that wait. */
export interface Waiting<T> {
  readonly length: number
  /** As `messageBytes` counts them. */
  readonly bytes: number
  /** Takes out those that came first, while there is `more` to take. */
  takeOldest(more: () => boolean): T[]
}

/** What becomes of a message more than there is room for. */
export interface Overflow<T> {
  readonly error: MqttError
  /** Those that were taken out for it. */
  readonly oldest: readonly T[]
  /** Now there is room. */
  readonly isRoom: boolean
}

/**
 * Makes room for one message more; undefined where there is some.
 *
 * @param bytes - of its own
 * @param what - ends the error's sentence
 */
export function makeRoom<T>(
  waiting: Waiting<T>,
  bytes: number,
  settings: SessionSettings,
  what: string,
  reasonCode?: number,
): Overflow<T> | undefined {
  const { maxQueued, maxQueuedBytes, overflow } = settings
  const isOver = (): boolean => waiting.length >= maxQueued || waiting.bytes + bytes > maxQueuedBytes
  if (!isOver()) return undefined
  const limit = waiting.length < maxQueued ? `maxQueuedBytes, ${maxQueuedBytes} bytes of` : `maxQueued, ${maxQueued}`
  const error = new MqttError('overflow', `more than ${limit} messages ${what}`, { reasonCode })
  const isDropping = overflow === 'drop-oldest' && maxQueued > 0 && bytes <= maxQueuedBytes
  const oldest = isDropping ? waiting.takeOldest(isOver) : []
  return { error, oldest, isRoom: !isOver() }
}
