import type { PacketInput } from '../packet/fields.js'
import type { ProtocolVersion, PublishPacket, QoS } from '../packet/packet.js'
import type { PublishProperties } from '../packet/properties.js'
import type { ByteWriter } from './byte-writer.js'
import type { ByteReader } from './bytes.js'
import { readProperties, writeProperties } from './properties.js'
import { toUtf8, utf8Length, writeUtf8 } from './utf8.js'
import { checkMessageId, checkTopicName } from './validate.js'
import { invalidPacket, malformed, protocolError, shown } from './violation.js'

/** A payload over so many bytes leaves as a chunk of its own, uncopied. */
const copiedPayload = 4096

/** Reads the body of a PUBLISH [3.3]. */
export function readPublish(reader: ByteReader, flags: number, version: ProtocolVersion): PublishPacket {
  const length = reader.remaining
  const bits = (flags >> 1) & 3
  if (bits === 3) throw malformed('PUBLISH QoS must not be 3 [MQTT-3.3.1-4]')
  const qos = bits as QoS
  const dup = (flags & 8) !== 0
  const retain = (flags & 1) !== 0
  if (dup && qos === 0) throw protocolError('PUBLISH DUP must be 0 with QoS 0 [MQTT-3.3.1-2]')
  const topic = reader.string('topic')
  let messageId = 0
  if (qos > 0) {
    messageId = reader.u16('messageId')
    checkMessageId(messageId, 'PUBLISH')
  }
  const properties = version === 5 ? (readProperties(reader, 'publish') as PublishProperties | undefined) : undefined
  checkTopics(topic, properties)
  const payload = reader.view(reader.remaining)
  const cmd = 'publish'
  if (properties === undefined) {
    if (qos === 0) return { cmd, length, topic, payload, qos, retain, dup }
    return { cmd, length, topic, payload, qos, retain, dup, messageId }
  }
  if (qos === 0) return { cmd, length, topic, payload, qos, retain, dup, properties }
  return { cmd, length, topic, payload, qos, retain, dup, messageId, properties }
}

function checkTopics(topic: string, properties: PublishProperties | undefined): void {
  if (topic !== '' || properties?.topicAlias === undefined) checkTopicName(topic, 'PUBLISH topic')
  const responseTopic = properties?.responseTopic
  if (responseTopic !== undefined) checkTopicName(responseTopic, 'PUBLISH responseTopic')
}

/** Writes the body of a PUBLISH; a payload over a few kilobytes becomes the writer's `tail`. */
export function writePublish(writer: ByteWriter, packet: PacketInput<'publish'>, version: ProtocolVersion): number {
  const { topic, payload, qos = 0, dup = false, retain = false, messageId, properties } = packet
  if (qos !== 0 && qos !== 1 && qos !== 2) {
    throw invalidPacket(`PUBLISH qos must be 0, 1 or 2, not ${shown(qos)} [MQTT-3.3.1-4]`)
  }
  if (typeof dup !== 'boolean') throw invalidPacket(`PUBLISH dup must be a boolean, not ${shown(dup)}`)
  if (typeof retain !== 'boolean') throw invalidPacket(`PUBLISH retain must be a boolean, not ${shown(retain)}`)
  if (dup && qos === 0) throw invalidPacket('PUBLISH dup must be false with QoS 0 [MQTT-3.3.1-2]')
  writer.string(topic, 'topic')
  if (qos > 0) {
    checkMessageId(messageId, 'PUBLISH')
    writer.u16(messageId!)
  } else if (messageId !== undefined) {
    throw invalidPacket(`PUBLISH messageId must not be given with QoS 0: ${shown(messageId)} [MQTT-2.2.1-2]`)
  }
  if (version === 5) {
    writeProperties(writer, properties, 'publish')
    checkTopics(topic, properties)
  } else {
    if (properties !== undefined) throw invalidPacket('PUBLISH properties need MQTT 5')
    checkTopics(topic, undefined)
  }
  if (payload !== undefined) writePayload(writer, payload)
  return (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0)
}

function writePayload(writer: ByteWriter, payload: string | Uint8Array): void {
  if (typeof payload === 'string') {
    const length = utf8Length(payload)
    if (length < 0) throw invalidPacket('PUBLISH payload has a lone surrogate, which UTF-8 cannot express')
    if (length > copiedPayload) {
      writer.tail = toUtf8(payload)
    } else {
      writer.reserve(length)
      writeUtf8(writer.bytes, writer.position, payload, length)
      writer.position += length
    }
  } else if (payload instanceof Uint8Array) {
    if (payload.length > copiedPayload) writer.tail = payload
    else writer.raw(payload)
  } else {
    throw invalidPacket(`PUBLISH payload must be a string or a Uint8Array, not ${shown(payload)}`)
  }
}
