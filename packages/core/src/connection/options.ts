import { checkOption, checkSize, checkTime } from '../codec/limits.js'
import { shown } from '../codec/violation.js'
import { MqttError } from '../errors.js'
import type { ProtocolVersion } from '../packet/packet.js'

/** Which end of the conversation a connection is, where it enforces the conversation. */
export type Role = 'client' | 'server'

/** Limits of a connection, and which end of the conversation it enforces. */
export interface ConnectionOptions {
  /**
   * Enforces the conversation of one end: which packet may come first, which the peer's end may not send, what follows a
   * DISCONNECT or a refusing CONNACK.
   *
   * @default none: frames and packets are enforced, the conversation is yours
   */
  readonly role?: Role | undefined
  /**
   * The version until a CONNECT says otherwise, and of a `connect()` that names none.
   *
   * @default 4
   */
  readonly protocolVersion?: ProtocolVersion | undefined
  /**
   * Bytes, fixed header included, that a packet may have, in either direction.
   *
   * @default 16,777,216 (16 MiB)
   */
  readonly maximumPacketSize?: number | undefined
  /**
   * The same for what comes in before an accepting CONNACK was written, with role `'server'`.
   *
   * @default 65,536 (64 KiB), or `maximumPacketSize` where that is less
   */
  readonly maximumConnectSize?: number | undefined
  /**
   * Bytes waiting for the peer, past which the connection is destroyed with `'overflow'`.
   *
   * @default 16,777,216 (16 MiB)
   */
  readonly maximumBuffered?: number | undefined
  /**
   * Milliseconds that a goodbye may take: from `end()` until the connection is destroyed.
   *
   * @default 2,000
   */
  readonly drainTimeout?: number | undefined
  /**
   * Milliseconds for which the peer may be held back without a break (paused, or unread while bytes wait) before the
   * connection closes with `'timeout'`; 0: any time.
   *
   * @default 60,000 with role `'server'`, otherwise 0
   */
  readonly pauseTimeout?: number | undefined
}

/** The options with their defaults. */
export interface Settings {
  readonly role: Role | undefined
  readonly protocolVersion: ProtocolVersion
  readonly maximumPacketSize: number
  readonly maximumConnectSize: number
  readonly maximumBuffered: number
  readonly drainTimeout: number
  readonly pauseTimeout: number
}

/**
 * Checks options and fills in the defaults.
 *
 * @throws MqttError `'invalid-option'`
 */
export function settingsOf(options: ConnectionOptions): Settings {
  const { role, protocolVersion = 4 } = options
  if (role !== undefined && role !== 'client' && role !== 'server') {
    throw new MqttError('invalid-option', `role must be 'client' or 'server', not ${shown(role)}`)
  }
  const maximumPacketSize = checkSize(options.maximumPacketSize)
  const connectSize = checkOption('maximumConnectSize', options.maximumConnectSize, 65_536, 2)
  return {
    role,
    protocolVersion,
    maximumPacketSize,
    maximumConnectSize: Math.min(connectSize, maximumPacketSize),
    maximumBuffered: checkOption('maximumBuffered', options.maximumBuffered, 16_777_216),
    drainTimeout: checkTime('drainTimeout', options.drainTimeout, 2_000),
    pauseTimeout: checkTime('pauseTimeout', options.pauseTimeout, role === 'server' ? 60_000 : 0),
  }
}
