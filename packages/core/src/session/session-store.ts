import type { PublishFields } from '../packet/fields.js'

/** A message that a session has to deliver, with QoS 1 or 2, as it was given to `publish`, its payload as bytes. */
export interface StoredMessage extends PublishFields {
  readonly payload: Uint8Array
  readonly qos: 1 | 2
}

/** What a session still has to send, one entry a message. */
export type StoredEntry =
  | {
      readonly kind: 'message'
      /** The order of the entries; no two have the same. */
      readonly sequence: number
      readonly message: StoredMessage
      /** Milliseconds since the epoch from which on the message must not be delivered. */
      readonly expiresAt: number | undefined
      /** The packet identifier under which it was sent; undefined: it waits for its turn. */
      readonly messageId: number | undefined
    }
  | {
      /** QoS 2: PUBREC came, PUBREL is to be sent until PUBCOMP comes. */
      readonly kind: 'release'
      readonly sequence: number
      readonly messageId: number
    }

/** What a session must not forget [MQTT5 4.1]. */
export interface SessionState {
  /** In the order of their sequence. */
  readonly outgoing: readonly StoredEntry[]
  /** Packet identifiers of QoS 2 messages that were taken and not yet released by their sender. */
  readonly received: readonly number[]
}

/** One step of a session. */
export type SessionChange =
  /** A new entry. */
  | { readonly kind: 'added'; readonly entry: StoredEntry }
  /** A message was given its packet identifier. */
  | { readonly kind: 'sent'; readonly sequence: number; readonly messageId: number }
  /** An entry is over. */
  | { readonly kind: 'removed'; readonly sequence: number }
  /** A QoS 2 message was taken. */
  | { readonly kind: 'received'; readonly messageId: number }
  /** Its sender has released the packet identifier. */
  | { readonly kind: 'released'; readonly messageId: number }

/**
 * Where a session's state outlives its process. The session keeps its state in memory too, and reads it from the store only
 * once.
 */
export interface SessionStore {
  /** The state of a client identifier; an empty one where nothing is known. */
  load(id: string): Promise<SessionState>
  /**
   * Makes changes, all or none, in their order. What returns nothing has made them; the packets that they protect leave when
   * the promise resolves. A call comes when the one before it is done.
   */
  write(id: string, changes: readonly SessionChange[]): void | Promise<void>
  /** Forgets everything of a client identifier. */
  clear(id: string): Promise<void>
}
