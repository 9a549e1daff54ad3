import { MqttError, type SessionOptions } from '@rxmqtt/core'
import type { BrokerOptions } from './options.js'

const MiB = 1_048_576
/** 0xFFFFFFFF seconds: for ever. */
export const forever = 0xffff_ffff

/** The options that have a default, filled in. */
export type BrokerSettings = Required<{
  readonly [K in keyof Omit<BrokerOptions, 'store' | 'maximumKeepAlive' | 'responseInformation'>]: NonNullable<
    BrokerOptions[K]
  >
}> &
  Pick<BrokerOptions, 'store' | 'maximumKeepAlive' | 'responseInformation'>

/** @throws MqttError `'invalid-option'` that names the option, its value and what it may be */
export function brokerSettings(options: BrokerOptions): BrokerSettings {
  const whole = (
    name: keyof BrokerOptions,
    fallback: number,
    least: number,
    most = Number.MAX_SAFE_INTEGER,
  ): number => {
    const value: unknown = options[name] ?? fallback
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
    throw new MqttError(
      'invalid-option',
      `${name} must be a whole number from ${least} to ${most}, not ${JSON.stringify(value)}`,
    )
  }
  const word = <T extends string>(name: keyof BrokerOptions, words: readonly [T, T]): T => {
    const value: unknown = options[name] ?? words[0]
    if (words.includes(value as T)) return value as T
    throw new MqttError('invalid-option', `${name} must be '${words.join("' or '")}', not ${JSON.stringify(value)}`)
  }
  const maximumPeers = whole('maximumPeers', 100_000, 1)
  return {
    authorization: options.authorization ?? {},
    store: options.store,
    receiveMaximum: whole('receiveMaximum', 256, 1, 65_535),
    topicAliasMaximum: whole('topicAliasMaximum', 16, 0, 65_535),
    maximumPacketSize: whole('maximumPacketSize', 16 * MiB, 2, 268_435_460),
    maximumKeepAlive: options.maximumKeepAlive === undefined ? undefined : whole('maximumKeepAlive', 0, 1, 65_535),
    maximumSessionExpiry: whole('maximumSessionExpiry', forever, 0, forever),
    maximumPeers,
    maximumPerAddress: whole('maximumPerAddress', maximumPeers, 1),
    maximumSessions: whole('maximumSessions', 100_000, 1),
    sessionOverflow: word('sessionOverflow', ['refuse', 'drop-oldest']),
    maxQueued: whole('maxQueued', 1_000, 0),
    maxQueuedBytes: whole('maxQueuedBytes', 16 * MiB, 0),
    queueOverflow: word('queueOverflow', ['drop-oldest', 'drop-newest']),
    maximumRetained: whole('maximumRetained', 100_000, 0),
    maximumRetainedBytes: whole('maximumRetainedBytes', 256 * MiB, 0),
    retainedOverflow: word('retainedOverflow', ['refuse', 'drop-oldest']),
    maximumLevels: whole('maximumLevels', 128, 1),
    maximumFilters: whole('maximumFilters', 1_000, 0),
    sysInterval: whole('sysInterval', 10_000, 0, 2_147_483_647),
    responseInformation: options.responseInformation,
  }
}

/** The options of each session. */
export function sessionOptionsOf(settings: BrokerSettings): SessionOptions {
  const { receiveMaximum, topicAliasMaximum, maxQueued, maxQueuedBytes, queueOverflow, store } = settings
  const overflow = queueOverflow
  return {
    receiveMaximum,
    topicAliasMaximum,
    maxQueued,
    maxQueuedBytes,
    overflow,
    ack: 'manual',
    store: store?.sessions,
  }
}
