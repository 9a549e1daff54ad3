import type { PacketInput } from '../packet/fields.js'
import type { PacketOf, ProtocolVersion } from '../packet/packet.js'
import type { ByteWriter } from './byte-writer.js'
import type { ByteReader } from './bytes.js'
import { readReason, writeReason } from './reason.js'
import type { ReadPacket, WritePacket } from './body.js'
import { checkMessageId } from './validate.js'
import { invalidPacket, shown } from './violation.js'

type Ack = 'puback' | 'pubrec' | 'pubrel' | 'pubcomp'

const rules: Record<Ack, string> = {
  puback: 'MQTT-3.4.2-1',
  pubrec: 'MQTT-3.5.2-1',
  pubrel: 'MQTT-3.6.2-1',
  pubcomp: 'MQTT-3.7.2-1',
}

/** The reader of one of the four acknowledgements [3.4] to [3.7]. */
export function ackReader(cmd: Ack): ReadPacket {
  const name = cmd.toUpperCase()
  return (reader: ByteReader, flags: number, version: ProtocolVersion) => {
    const length = reader.remaining
    const messageId = reader.u16('messageId')
    checkMessageId(messageId, name)
    if (version < 5) {
      return (flags & 8) === 0 ? { cmd, length, messageId } : ({ cmd, length, messageId, dup: true } as PacketOf<Ack>)
    }
    const { code, properties } = readReason(reader, cmd, rules[cmd])
    const packet = { cmd, length, messageId, reasonCode: code }
    return (properties === undefined ? packet : { ...packet, properties }) as PacketOf<Ack>
  }
}

/** The writer of one of the four acknowledgements. */
export function ackWriter<T extends Ack>(cmd: T): WritePacket<T> {
  const name = cmd.toUpperCase()
  return (writer: ByteWriter, packet: PacketInput<T>, version: ProtocolVersion) => {
    const { messageId, dup = false } = packet as PacketInput<'pubrel'>
    checkMessageId(messageId, name)
    if (dup !== false && (cmd !== 'pubrel' || version !== 3 || typeof dup !== 'boolean')) {
      throw invalidPacket(`${name} dup is for PUBREL in MQTT 3.1 alone, not ${shown(dup)} [MQTT-3.6.1-1]`)
    }
    writer.u16(messageId)
    writeReason(writer, cmd, packet, version, rules[cmd])
    return cmd === 'pubrel' ? (dup ? 0b1010 : 0b0010) : 0
  }
}
