import type { PublishFields } from '../packet/fields.js'

/** A message that a session has to deliver, with QoS 1 or 2, as it was given to `publish`, its payload as bytes. */
export interface StoredMessage extends Pick<PublishFields, 'topic' | 'retain' | 'properties'> {
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
  /** Packet identifiers of QoS 2 messages that were taken and not yet released by their sender; in any order. */
  readonly received: readonly number[]
}

/** One step of a session. */
export type SessionChange =
  /** A new entry; no entry has its sequence. */
  | { readonly kind: 'added'; readonly entry: StoredEntry }
  /** A message that is there was given its packet identifier. */
  | { readonly kind: 'sent'; readonly sequence: number; readonly messageId: number }
  /** An entry is over. This one and the next two are no mistake where they change nothing. */
  | { readonly kind: 'removed'; readonly sequence: number }
  /** A QoS 2 message was taken. */
  | { readonly kind: 'received'; readonly messageId: number }
  /** Its sender has released the packet identifier. */
  | { readonly kind: 'released'; readonly messageId: number }

/**
 * Where a session's state outlives its process. The session keeps its state in memory too, and reads it from the store only
 * once. Calls for one client identifier come one after the other, each when the one before it is done; those for different
 * ones know nothing of each other. What fails does so with an MqttError of code `'store'`, and has changed nothing.
 *
 * Nothing is shared: what a store is given may be changed as soon as the call is done, what `load` gave belongs to the caller.
 */
export interface SessionStore {
  /** The state of a client identifier; an empty one where nothing is known. */
  load(id: string): Promise<SessionState>
  /**
   * Makes changes, all or none, in their order. What returns nothing has made them; the packets that they protect leave when
   * the promise resolves. Changes that don't fit the state, such as `sent` where there is no such message, are refused, thrown
   * or by the promise.
   */
  write(id: string, changes: readonly SessionChange[]): void | Promise<void>
  /** Forgets everything of a client identifier, all or nothing. */
  clear(id: string): Promise<void>
}
