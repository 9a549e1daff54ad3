import type { ReadPacket, WritePacket } from './body.js'
import { generateBody, propertiesOf, readDelegated, writeBody } from './delegate.js'
import { forbid, toList } from './input.js'
import { checkGranted, checkMessageId } from './validate.js'

/** Reads the body of a SUBACK [3.9]. */
export const readSuback: ReadPacket = (reader, _flags, version) => {
  const { raw, walk, length } = readDelegated('suback', reader, version)
  const { messageId, granted } = raw
  checkMessageId(messageId, 'SUBACK')
  return { cmd: 'suback', length, messageId, granted, ...propertiesOf(walk, 'suback') }
}

/** Writes the body of a SUBACK. */
export const writeSuback: WritePacket<'suback'> = (writer, input, version) => {
  const { messageId, properties } = input
  const granted = toList(input.granted, 'SUBACK granted')
  if (version < 5) forbid(input, ['properties'], 'SUBACK', version)
  checkMessageId(messageId, 'SUBACK')
  for (const code of granted) checkGranted(code, version)
  const body = generateBody({ cmd: 'suback', messageId, granted }, version, 'SUBACK')
  writeBody(writer, body, version, [2, 'suback', properties])
  return 0
}
