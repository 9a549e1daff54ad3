import type { Connection } from '../connection/connection.js'
import type { ConnackFields } from '../packet/fields.js'
import type { ConnectPacket, DisconnectPacket } from '../packet/packet.js'
import type { Transport } from '../transport.js'

/** A client was let in; a `closed` follows. */
export interface OpenedEvent {
  readonly type: 'opened'
  readonly connection: Connection
  readonly connect: ConnectPacket
  /** What it was told. */
  readonly connack: ConnackFields
}

/** A peer was not let in: what `accept` errors with, or MqttError `'overflow'` where a limit of `serve` was reached. */
export interface RefusedEvent {
  readonly type: 'refused'
  readonly transport: Transport
  /** Missing where a limit was reached: then nothing was read. */
  readonly connection?: Connection | undefined
  /** Where one came. */
  readonly connect?: ConnectPacket | undefined
  readonly error: unknown
}

/**
 * The handler threw or errored, and its connection has been ended; a `closed` follows, with the same error unless the
 * connection had told its end before. What the peer did wrong to a Session in the handler comes this way too. Errors with the
 * code `'disconnected'`, as of a session that was taken over, are no failure: `closed` has them.
 */
export interface FailedEvent {
  readonly type: 'failed'
  readonly connection: Connection
  readonly connect: ConnectPacket
  readonly error: unknown
}

/** The connection of a client that had been let in is over. */
export interface ClosedEvent {
  readonly type: 'closed'
  readonly connection: Connection
  readonly connect: ConnectPacket
  /** The client's goodbye; without one, its will is due. */
  readonly disconnect?: DisconnectPacket | undefined
  /** Why it did not end cleanly: what `closed$` told, what the client did wrong, or what the handler failed with. */
  readonly error?: unknown
}

/** What becomes of a peer of `serve`: refused, or opened, perhaps failed, closed. */
export type ServeEvent = OpenedEvent | RefusedEvent | FailedEvent | ClosedEvent
