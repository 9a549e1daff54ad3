import type { PacketInput } from '../packet/fields.js'
import type { DisconnectPacket, ProtocolVersion } from '../packet/packet.js'
import type { ByteWriter } from './byte-writer.js'
import type { ByteReader } from './bytes.js'
import { readReason, writeReason } from './reason.js'

const rule = 'MQTT-3.14.2-1'

/** Reads the body of a DISCONNECT [3.14]. */
export function readDisconnect(reader: ByteReader, _flags: number, version: ProtocolVersion): DisconnectPacket {
  const length = reader.remaining
  if (version < 5) return { cmd: 'disconnect', length }
  const { code, properties } = readReason(reader, 'disconnect', rule)
  const packet = { cmd: 'disconnect', length, reasonCode: code }
  return (properties === undefined ? packet : { ...packet, properties }) as DisconnectPacket
}

/** Writes the body of a DISCONNECT. */
export function writeDisconnect(
  writer: ByteWriter,
  packet: PacketInput<'disconnect'>,
  version: ProtocolVersion,
): number {
  writeReason(writer, 'disconnect', packet, version, rule)
  return 0
}
