import type { ReadPacket, WritePacket } from './body.js'
import { duplicate, generateBody, propertiesOf, readDelegated, requestFlags, writeBody } from './delegate.js'
import { checkText, forbid, toDuplicate, toList } from './input.js'
import { checkMessageId, checkTopicFilter } from './validate.js'

const field = 'UNSUBSCRIBE topic filter'

/** Reads the body of an UNSUBSCRIBE [3.10]. */
export const readUnsubscribe: ReadPacket = (reader, flags, version) => {
  const { raw, walk, length } = readDelegated('unsubscribe', reader, version)
  const { messageId, unsubscriptions } = raw
  checkMessageId(messageId, 'UNSUBSCRIBE')
  for (const filter of unsubscriptions) checkTopicFilter(filter, field, version)
  return {
    cmd: 'unsubscribe',
    length,
    messageId,
    unsubscriptions,
    ...((flags & duplicate) !== 0 && { dup: true }),
    ...propertiesOf(walk, 'unsubscribe'),
  }
}

/** Writes the body of an UNSUBSCRIBE. */
export const writeUnsubscribe: WritePacket<'unsubscribe'> = (writer, input, version) => {
  const { messageId, properties, dup } = input
  const unsubscriptions = toList(input.unsubscriptions, 'UNSUBSCRIBE unsubscriptions')
  if (version < 5) forbid(input, ['properties'], 'UNSUBSCRIBE', version)
  checkMessageId(messageId, 'UNSUBSCRIBE')
  for (const filter of unsubscriptions) {
    checkText(filter, field)
    checkTopicFilter(filter, field, version)
  }
  const flags = toDuplicate(dup, 'UNSUBSCRIBE', version) ? requestFlags | duplicate : requestFlags
  const body = generateBody({ cmd: 'unsubscribe', messageId, unsubscriptions }, version, 'UNSUBSCRIBE')
  writeBody(writer, body, version, [2, 'unsubscribe', properties])
  return flags
}
