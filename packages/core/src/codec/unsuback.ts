import type { ReadPacket, WritePacket } from './body.js'
import { generateBody, propertiesOf, readDelegated, writeBody } from './delegate.js'
import { forbid, toList } from './input.js'
import { checkMessageId, checkUngranted } from './validate.js'

/** Reads the body of an UNSUBACK [3.11], which has codes in MQTT 5 alone. */
export const readUnsuback: ReadPacket = (reader, _flags, version) => {
  const { raw, walk, length } = readDelegated('unsuback', reader, version)
  const { messageId, granted } = raw
  checkMessageId(messageId, 'UNSUBACK')
  if (version < 5 || granted === undefined) return { cmd: 'unsuback', length, messageId }
  return { cmd: 'unsuback', length, messageId, granted, ...propertiesOf(walk, 'unsuback') }
}

/** Writes the body of an UNSUBACK. */
export const writeUnsuback: WritePacket<'unsuback'> = (writer, input, version) => {
  const { messageId, properties } = input
  checkMessageId(messageId, 'UNSUBACK')
  if (version < 5) {
    forbid(input, ['granted', 'properties'], 'UNSUBACK', version)
    writeBody(writer, generateBody({ cmd: 'unsuback', messageId }, version, 'UNSUBACK'), version)
    return 0
  }
  const granted = toList(input.granted, 'UNSUBACK granted')
  for (const code of granted) checkUngranted(code)
  const body = generateBody({ cmd: 'unsuback', messageId, granted }, version, 'UNSUBACK')
  writeBody(writer, body, version, [2, 'unsuback', properties])
  return 0
}
