import type { PacketInput } from '../../packet/fields.js'
import type { ProtocolVersion } from '../../packet/packet.js'

/** One packet and its bytes. */
export interface Vector {
  readonly name: string
  readonly version: ProtocolVersion
  /** As it is parsed, but for `length`. */
  readonly packet: PacketInput
  readonly bytes: Uint8Array
  /** The standard has a shorter encoding of the same packet, which is the one that is generated. */
  readonly parseOnly?: true
}

export const versions: readonly ProtocolVersion[] = [3, 4, 5]
