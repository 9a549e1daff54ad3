import { checkOption } from '../codec/limits.js'
import { MqttError } from '../errors.js'
import { type ConnectionOptions, settingsOf } from '../connection/options.js'
import { type AcceptOptions, acceptSettings, type AcceptSettings, type Authorize } from './accept.js'

/** Who is let in, and how many. */
export interface ServeOptions extends Omit<AcceptOptions, 'timeout'> {
  /** Decides about each client. There is no default: who lets everybody in says so by `() => of({})`. */
  readonly authorize: Authorize
  /**
   * Limits of each connection; the role is `'server'`.
   *
   * @default those of Connection
   */
  readonly connection?: Omit<ConnectionOptions, 'role'> | undefined
  /**
   * Milliseconds that a peer has from its transport to CONNACK, the wait for its CONNECT included.
   *
   * @default 10,000
   */
  readonly connectTimeout?: number | undefined
  /**
   * Peers at a time, those that are not accepted yet, and those whose goodbye is under way, included.
   *
   * @default 100,000
   */
  readonly maximumPeers?: number | undefined
  /**
   * Peers at a time that are not accepted yet.
   *
   * @default 5,000
   */
  readonly maximumHalfOpen?: number | undefined
  /**
   * Peers at a time with the same `remoteAddress`; transports that have none are not counted.
   *
   * @default as many as `maximumPeers`: behind a proxy all have one address
   */
  readonly maximumPerAddress?: number | undefined
}

/** The options of `serve` with their defaults, checked. */
export interface ServeSettings {
  readonly authorize: Authorize
  readonly accept: AcceptSettings
  readonly connection: ConnectionOptions
  /** Milliseconds for which what an ended connection left unread may be read. */
  readonly leftoverTimeout: number
  readonly maximumPeers: number
  readonly maximumHalfOpen: number
  readonly maximumPerAddress: number
}

/** @throws MqttError `'invalid-option'` */
export function serveSettings(options: ServeOptions): ServeSettings {
  const { authorize, connectTimeout, maximumKeepAlive, authenticate, assignClientId } = options
  if (typeof authorize !== 'function') throw new MqttError('invalid-option', 'authorize must be a function')
  const connection: ConnectionOptions = { ...options.connection, role: 'server' }
  const { pauseTimeout } = settingsOf(connection)
  const maximumPeers = checkOption('maximumPeers', options.maximumPeers, 100_000)
  return {
    authorize,
    accept: acceptSettings({
      timeout: checkOption('connectTimeout', connectTimeout, 10_000),
      maximumKeepAlive,
      authenticate,
      assignClientId,
    }),
    connection,
    leftoverTimeout: pauseTimeout || 60_000,
    maximumPeers,
    maximumHalfOpen: checkOption('maximumHalfOpen', options.maximumHalfOpen, 5_000),
    maximumPerAddress: checkOption('maximumPerAddress', options.maximumPerAddress, maximumPeers),
  }
}
