import type { PacketInput } from '../packet/fields.js'
import type { AuthPacket, ProtocolVersion } from '../packet/packet.js'
import type { AuthProperties } from '../packet/properties.js'
import type { ByteWriter } from './byte-writer.js'
import type { ByteReader } from './bytes.js'
import { readReason, writeReason } from './reason.js'
import { invalidPacket, malformed, protocolError } from './violation.js'

const rule = 'MQTT-3.15.2-1'

/** Reads the body of an AUTH [3.15]: nothing for success, else a reason code and properties. */
export function readAuth(reader: ByteReader): AuthPacket {
  const length = reader.remaining
  if (length === 1) throw malformed('AUTH ends before its properties [MQTT5 3.15.2.2.1]')
  const { code, properties } = readReason(reader, 'auth', rule)
  if (code !== 0 || properties !== undefined) checkMethod(properties as AuthProperties | undefined)
  const packet = { cmd: 'auth', length, reasonCode: code }
  return (properties === undefined ? packet : { ...packet, properties }) as AuthPacket
}

/** Writes the body of an AUTH. */
export function writeAuth(writer: ByteWriter, packet: PacketInput<'auth'>, version: ProtocolVersion): number {
  if (version < 5) throw invalidPacket(`AUTH needs MQTT 5, this is level ${version} [MQTT 2.1.2]`)
  const before = writer.position - writer.start
  writeReason(writer, 'auth', packet, version, rule)
  if (writer.position - writer.start > before) checkMethod(packet.properties)
  return 0
}

function checkMethod(properties: AuthProperties | undefined): void {
  if (properties?.authenticationMethod === undefined) {
    throw protocolError('AUTH must have an authenticationMethod [MQTT5 3.15.2.2.2]')
  }
}
