import type { Authorize, Connection, ConnectPacket, PublishPacket, Subscription } from '@rxmqtt/core'
import type { ObservableInput } from 'rxjs'
import type { BrokerStore } from './store.js'

/** Yes or no, now or later. */
export type Decision = boolean | ObservableInput<boolean>

/** Who a client is, for decisions about what it may do. */
export interface Identity {
  readonly clientId: string
  readonly username: string | undefined
  /** Of its connection: addresses, TLS facts. */
  readonly connection: Connection
}

/** Who may do what. A hook that throws, errors or gives nothing says no, and `problems$` of the broker tells. */
export interface Authorization {
  /** The CONNACK: `{}` accepts, a `reasonCode` from 0x80 on refuses, also before MQTT 5. @default everybody */
  readonly connect?: Authorize | undefined
  /** Whether a client may publish this, within 30 s. A refused message is dropped; MQTT 5 tells with 0x87. @default everything */
  readonly publish?: ((packet: PublishPacket, client: Identity) => Decision) | undefined
  /** Whether a client may subscribe to this filter. A refused one is answered by 0x80. @default everything */
  readonly subscribe?: ((wish: Subscription, client: Identity) => Decision) | undefined
}

/** What a broker allows, and how much it holds. */
export interface BrokerOptions {
  readonly authorization?: Authorization | undefined
  /** Where sessions and retained messages outlive the process. @default in memory */
  readonly store?: BrokerStore | undefined
  /** Messages of QoS 1 and 2 that a client may have on their way; more is answered by 0x93. @default 256 */
  readonly receiveMaximum?: number | undefined
  /** Topic aliases that a client may use, and that are used towards it where it allows. @default 16 */
  readonly topicAliasMaximum?: number | undefined
  /** Bytes of the largest packet that a client may send; more is answered by 0x95. @default 16 MiB */
  readonly maximumPacketSize?: number | undefined
  /** Seconds: an MQTT 5 client that asks for more, or for none, is told this. @default none */
  readonly maximumKeepAlive?: number | undefined
  /** Seconds that a session may outlive its connection. @default for ever */
  readonly maximumSessionExpiry?: number | undefined
  /** Clients at a time. @default 100,000 */
  readonly maximumPeers?: number | undefined
  /** Clients at a time with the same address. @default as many as `maximumPeers` */
  readonly maximumPerAddress?: number | undefined
  /** Sessions, those of clients that are away included. @default 100,000 */
  readonly maximumSessions?: number | undefined
  /** One session more: refused with 0x97, or in place of the one whose client has been away the longest. @default 'refuse' */
  readonly sessionOverflow?: 'refuse' | 'drop-oldest' | undefined
  /** Messages that wait for one client. @default 1,000 */
  readonly maxQueued?: number | undefined
  /** Bytes of their payloads and properties. @default 16 MiB */
  readonly maxQueuedBytes?: number | undefined
  /** One message more for a client: which is dropped. @default 'drop-oldest' */
  readonly queueOverflow?: 'drop-oldest' | 'drop-newest' | undefined
  /** Retained messages. @default 100,000 */
  readonly maximumRetained?: number | undefined
  /** Bytes of their payloads and properties. @default 256 MiB */
  readonly maximumRetainedBytes?: number | undefined
  /** One retained message more: refused with 0x97, or in place of the oldest. @default 'refuse' */
  readonly retainedOverflow?: 'refuse' | 'drop-oldest' | undefined
  /** Levels of a topic or of a filter. A client that publishes with more gets 0x90, a filter with more 0x8F. @default 128 */
  readonly maximumLevels?: number | undefined
  /** Filters of one client; more are refused with 0x97. @default 1,000 */
  readonly maximumFilters?: number | undefined
  /** Milliseconds between two messages of `$SYS/#`; 0: none. @default 10,000 */
  readonly sysInterval?: number | undefined
  /** What an MQTT 5 client that asks for it is told, the beginning of its topics for responses. @default none */
  readonly responseInformation?: ((connect: ConnectPacket) => string) | undefined
}
