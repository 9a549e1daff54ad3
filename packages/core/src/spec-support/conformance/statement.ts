import type { Role } from '../../connection/options.js'
import { frame, wire } from '../../testing/wire.js'

/** What becomes of bytes that come in: the packet they are (its members of interest), or the reason of the refusal. */
export type Verdict = object | 'malformed' | 'protocol-error' | 'unsupported-version' | 'client-id'

/** A statement of the standard with what shows that it holds. */
export interface Statement {
  /** Without `MQTT-`, such as `3.3.2-2`. */
  readonly id: string
  readonly says: string
  /** Bytes from the peer, in {@link packetOf}'s notation, and what becomes of them. */
  readonly in: readonly (readonly [notation: string, verdict: Verdict])[]
  /** What a writer is given, and the bytes it writes, or that it refuses. */
  readonly out: readonly (readonly [packet: unknown, notation: string])[]
  /** The statement depends on which end a connection is: what a connection in this role refuses. */
  readonly role?: readonly (readonly [role: Role, direction: 'in' | 'out', packet: object])[]
}

/** For `out`: the writer throws. */
export const refused = 'refused'

/**
 * The bytes of a packet, in the notation of {@link wire}; after a first byte with a colon the length is filled in.
 *
 * @example
 * ```ts
 * packetOf('30: 0001 "a" "hi"') // 30 05 0001 "a" "hi"
 * ```
 */
export function packetOf(notation: string): Uint8Array {
  const [, first, body] = /^([0-9a-f]{2}):(.*)$/.exec(notation) ?? []
  if (first === undefined || body === undefined) return wire(notation)
  return frame(Number.parseInt(first, 16), wire(body))
}
