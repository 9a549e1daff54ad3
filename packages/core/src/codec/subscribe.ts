import type { ProtocolVersion, QoS, Subscription } from '../packet/packet.js'
import type { ReadPacket, WritePacket } from './body.js'
import { duplicate, generateBody, propertiesOf, readDelegated, requestFlags, writeBody } from './delegate.js'
import { checkText, forbid, toBoolean, toDuplicate, toInteger, toList, toObject } from './input.js'
import { checkMessageId, checkSubscriptions } from './validate.js'

/** Reads the body of a SUBSCRIBE [3.8]. */
export const readSubscribe: ReadPacket = (reader, flags, version) => {
  const { raw, walk, length } = readDelegated('subscribe', reader, version)
  const { messageId, subscriptions } = raw
  checkMessageId(messageId, 'SUBSCRIBE')
  checkSubscriptions(subscriptions, version)
  return {
    cmd: 'subscribe',
    length,
    messageId,
    subscriptions,
    ...((flags & duplicate) !== 0 && { dup: true }),
    ...propertiesOf(walk, 'subscribe'),
  }
}

/** Writes the body of a SUBSCRIBE. */
export const writeSubscribe: WritePacket<'subscribe'> = (writer, input, version) => {
  const { messageId, properties, dup } = input
  const subscriptions = toList(input.subscriptions, 'SUBSCRIBE subscriptions').map((each) =>
    toSubscription(each, version),
  )
  if (version < 5) forbid(input, ['properties'], 'SUBSCRIBE', version)
  checkMessageId(messageId, 'SUBSCRIBE')
  checkSubscriptions(subscriptions, version)
  const flags = toDuplicate(dup, 'SUBSCRIBE', version) ? requestFlags | duplicate : requestFlags
  const body = generateBody({ cmd: 'subscribe', messageId, subscriptions }, version, 'SUBSCRIBE')
  writeBody(writer, body, version, [2, 'subscribe', properties])
  return flags
}

function toSubscription(value: unknown, version: ProtocolVersion): Subscription {
  const input = toObject(value, 'SUBSCRIBE subscription')
  const { topic, qos, nl, rap, rh = 0 } = input
  checkText(topic, 'SUBSCRIBE topic filter')
  const subscription = { topic, qos: toInteger(qos, 2, 'SUBSCRIBE qos') as QoS }
  if (version < 5) {
    forbid(input, ['nl', 'rap', 'rh'], 'SUBSCRIBE', version)
    return subscription
  }
  return {
    ...subscription,
    nl: toBoolean(nl, false, 'SUBSCRIBE nl'),
    rap: toBoolean(rap, false, 'SUBSCRIBE rap'),
    rh: toInteger(rh, 2, 'SUBSCRIBE rh') as 0 | 1 | 2,
  }
}
