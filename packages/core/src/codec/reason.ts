import type { ProtocolVersion } from '../packet/packet.js'
import type { reasonCodes } from '../packet/reason-code.js'
import type { ByteWriter } from './byte-writer.js'
import type { ByteReader } from './bytes.js'
import { readProperties, writeProperties } from './properties.js'
import { checkReasonCode } from './validate.js'
import { invalidPacket } from './violation.js'

type WithReason = Exclude<keyof typeof reasonCodes, 'connack' | 'suback' | 'unsuback'>

/**
 * Reads what ends the acks, DISCONNECT and AUTH of MQTT 5: a reason code and properties, of which the properties, or
 * both, are left out where they say nothing.
 */
export function readReason(reader: ByteReader, cmd: WithReason, rule: string): { code: number; properties: unknown } {
  if (reader.remaining === 0) return { code: 0, properties: undefined }
  const code = reader.u8('reasonCode')
  checkReasonCode(code, cmd, rule)
  const properties = reader.remaining === 0 ? undefined : readProperties(reader, cmd)
  return { code, properties }
}

/** Writes the same in its shortest form; before MQTT 5 there is neither. */
export function writeReason(
  writer: ByteWriter,
  cmd: WithReason,
  packet: { readonly reasonCode?: unknown; readonly properties?: unknown },
  version: ProtocolVersion,
  rule: string,
): void {
  const { reasonCode = 0, properties } = packet
  if (version < 5) {
    const extra = packet.reasonCode !== undefined ? 'reasonCode' : properties !== undefined ? 'properties' : undefined
    if (extra !== undefined) throw invalidPacket(`${writer.packet} ${extra} needs MQTT 5`)
    return
  }
  checkReasonCode(reasonCode, cmd, rule)
  const offset = writer.position - writer.start
  writer.u8(reasonCode as number)
  writeProperties(writer, properties, cmd)
  const hasProperties = writer.position - writer.start > offset + 2
  if (!hasProperties) writer.position = writer.start + offset + (reasonCode === 0 ? 0 : 1)
}
