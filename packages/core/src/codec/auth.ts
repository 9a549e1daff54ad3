import type { PacketInput } from '../packet/fields.js'
import type { AuthPacket, ProtocolVersion } from '../packet/packet.js'
import type { AuthProperties } from '../packet/properties.js'
import type { ByteReader, ByteWriter } from './bytes.js'
import { readReason, writeReason } from './reason.js'
import { invalidPacket, protocolError } from './violation.js'

const rule = 'MQTT-3.15.2-1'

/** Reads the body of an AUTH [3.15]. */
export function readAuth(reader: ByteReader): AuthPacket {
  const length = reader.remaining
  const { code, properties } = readReason(reader, 'auth', rule)
  checkMethod(properties as AuthProperties | undefined)
  const packet = { cmd: 'auth', length, reasonCode: code }
  return (properties === undefined ? packet : { ...packet, properties }) as AuthPacket
}

/** Writes the body of an AUTH. */
export function writeAuth(writer: ByteWriter, packet: PacketInput<'auth'>, version: ProtocolVersion): number {
  if (version < 5) throw invalidPacket(`AUTH needs MQTT 5, this is level ${version} [MQTT 2.1.2]`)
  writeReason(writer, 'auth', packet, version, rule)
  checkMethod(packet.properties)
  return 0
}

function checkMethod(properties: AuthProperties | undefined): void {
  if (properties?.authenticationData !== undefined && properties.authenticationMethod === undefined) {
    throw protocolError('AUTH authenticationData needs authenticationMethod [MQTT5 3.15.2.2.3]')
  }
}
