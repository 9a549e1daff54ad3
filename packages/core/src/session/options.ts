import { checkOption, checkTime } from '../codec/limits.js'
import { shown } from '../codec/violation.js'
import { MqttError } from '../errors.js'
import type { SessionStore } from './session-store.js'

/** What happens to one message more than `maxQueued`, or to more than `maxQueuedBytes`. */
export type SessionOverflow = 'error' | 'drop-oldest' | 'drop-newest'

/** How much a session holds, and who acknowledges. */
export interface SessionOptions {
  /**
   * Where the state outlives the process. The session is its only user as long as it is attached.
   *
   * @default none: the state lives as long as the Session
   */
  readonly store?: SessionStore | undefined
  /**
   * Messages of QoS 1 and 2 in flight. Out: at most so many wait for their acknowledgement, fewer where an MQTT 5 peer's
   * Receive Maximum is less. In: while more than so many wait for `ack`, or for somebody who listens, reading is paused;
   * four times as many where an answer of the peer is awaited, which comes behind them: held back for a minute then, the
   * connection ends with `'overflow'`. An MQTT 5 peer that sends more than the Receive Maximum of CONNECT or CONNACK breaks
   * its word: 0x93. See `properties` of the session.
   *
   * @default 256
   */
  readonly receiveMaximum?: number | undefined
  /**
   * Messages that wait to be sent, and as many QoS 0 messages that came while nobody listened.
   *
   * @default 1,000
   */
  readonly maxQueued?: number | undefined
  /**
   * Bytes of those messages, payloads and properties, and as many again of the QoS 0 messages. What is in flight does not
   * count; what a store had may exceed it.
   *
   * @default 16,777,216 (16 MiB)
   */
  readonly maxQueuedBytes?: number | undefined
  /**
   * What happens to one message more. `'error'`: `publish` errors with `'overflow'`, and a peer that sends is disconnected.
   * Otherwise the oldest that wait, as many as it takes, or the new one, are dropped, and their `publish` errors; `dropped$`
   * tells. What alone is over `maxQueuedBytes` has no room in any case.
   *
   * @default 'error'
   */
  readonly overflow?: SessionOverflow | undefined
  /**
   * Topic aliases that are used towards an MQTT 5 peer, where it allows as many, and what `properties` allow the peer.
   *
   * @default 16
   */
  readonly topicAliasMaximum?: number | undefined
  /**
   * `'auto'`: a message is acknowledged when the subscriber's `next` returned. `'manual'`: when its `ack` is called, for work
   * that is not done by then.
   *
   * @default 'auto'
   */
  readonly ack?: 'auto' | 'manual' | undefined
  /**
   * Milliseconds that a message may wait for its `ack`, before the connection is closed with `'timeout'`; 0: any time.
   *
   * @default 0
   */
  readonly ackTimeout?: number | undefined
}

/** The options with their defaults. */
export interface SessionSettings {
  readonly receiveMaximum: number
  readonly maxQueued: number
  readonly maxQueuedBytes: number
  readonly overflow: SessionOverflow
  readonly topicAliasMaximum: number
  readonly ack: 'auto' | 'manual'
  readonly ackTimeout: number
}

const policies: readonly string[] = ['error', 'drop-oldest', 'drop-newest']

/**
 * Checks options and fills in the defaults.
 *
 * @throws MqttError `'invalid-option'`
 */
export function sessionSettingsOf(options: SessionOptions): SessionSettings {
  const { overflow = 'error', ack = 'auto' } = options
  if (!policies.includes(overflow)) {
    throw new MqttError('invalid-option', `overflow must be one of ${policies.join(', ')}, not ${shown(overflow)}`)
  }
  if (ack !== 'auto' && ack !== 'manual') {
    throw new MqttError('invalid-option', `ack must be 'auto' or 'manual', not ${shown(ack)}`)
  }
  return {
    receiveMaximum: checkSixteenBits('receiveMaximum', options.receiveMaximum, 256, 1),
    maxQueued: checkOption('maxQueued', options.maxQueued, 1_000, 0),
    maxQueuedBytes: checkOption('maxQueuedBytes', options.maxQueuedBytes, 16_777_216, 0),
    overflow,
    topicAliasMaximum: checkSixteenBits('topicAliasMaximum', options.topicAliasMaximum, 16, 0),
    ack,
    ackTimeout: checkTime('ackTimeout', options.ackTimeout, 0),
  }
}

function checkSixteenBits(name: string, value: number | undefined, fallback: number, least: number): number {
  const number = checkOption(name, value, fallback, least)
  if (number > 65_535) throw new MqttError('invalid-option', `${name} must not be over 65535, not ${number}`)
  return number
}
