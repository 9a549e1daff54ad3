import type { PacketInput } from '../packet/fields.js'
import type { Packet, PacketType, ProtocolVersion } from '../packet/packet.js'
import type { ByteWriter } from './byte-writer.js'
import type { ByteReader } from './bytes.js'

/**
 * Reads the body of one frame: `flags` are the low four bits of its first byte, `reader` stands on the first byte after
 * the fixed header and ends with the frame.
 */
export type ReadPacket = (reader: ByteReader, flags: number, version: ProtocolVersion) => Packet

/** Writes the body of one packet, without its fixed header, and returns the low four bits of its first byte. */
export type WritePacket<T extends PacketType> = (
  writer: ByteWriter,
  packet: PacketInput<T>,
  version: ProtocolVersion,
) => number
