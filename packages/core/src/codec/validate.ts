import { MqttError } from '../errors.js'
import type { ConnackPacket, ConnectPacket, ProtocolVersion, Subscription } from '../packet/packet.js'
import { reasonCodes } from '../packet/reason-code.js'
import { malformed, protocolError, shown } from './violation.js'

/**
 * A packet identifier: an integer from 1 to 65,535.
 *
 * @throws MqttError `'protocol-error'` [MQTT5-2.2.1-3] [MQTT311-2.3.1-1]
 */
export function checkMessageId(messageId: unknown, packet: string): void {
  if (typeof messageId !== 'number' || !Number.isInteger(messageId) || messageId < 1 || messageId > 65_535) {
    throw protocolError(
      `${packet} messageId must be an integer from 1 to 65535, not ${shown(messageId)} [MQTT-2.2.1-3] [MQTT-2.3.1-1]`,
    )
  }
}

/**
 * A topic name: not empty, without wildcards. U+0000 and ill-formed UTF-8 are found where strings are read and written.
 *
 * @throws MqttError `'protocol-error'` [MQTT-3.3.2-2] [MQTT-4.7.1-1] [MQTT-4.7.3-1]
 */
export function checkTopicName(topic: string, field: string, id = 'MQTT-3.3.2-2'): void {
  if (topic === '') throw protocolError(`${field} must be at least one character long [MQTT-4.7.3-1]`)
  const wildcard = topic.includes('+') ? '+' : topic.includes('#') ? '#' : undefined
  if (wildcard !== undefined) {
    throw protocolError(`${field} must not contain '${wildcard}': ${shown(topic)} [${id}]`)
  }
}

const allowed: ReadonlyMap<string, ReadonlySet<number>> = new Map(
  Object.entries(reasonCodes).map(([cmd, codes]) => [cmd, new Set<number>(codes)]),
)

/**
 * A reason code that the packet type may carry.
 *
 * @throws MqttError `'protocol-error'`
 */
export function checkReasonCode(code: unknown, cmd: keyof typeof reasonCodes, rule: string): void {
  if (typeof code !== 'number' || !allowed.get(cmd)!.has(code)) {
    const value = typeof code === 'number' ? `0x${code.toString(16)}` : shown(code)
    throw protocolError(`${cmd.toUpperCase()} reason code ${value} is not one of its codes [${rule}]`)
  }
}

/** The id of a statement that MQTT 5 and MQTT 3.1.1 number differently. */
function rule(version: ProtocolVersion, five: string, four: string): string {
  return `[MQTT-${version === 5 ? five : four}]`
}

/**
 * A topic filter: not empty, wildcards as whole levels, `#` at the end; in MQTT 5 `$share/name/filter` is a shared
 * subscription, before it is a filter like any other.
 *
 * @throws MqttError `'protocol-error'` [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-1] [MQTT-4.8.2-1] [MQTT-4.8.2-2]
 */
export function checkTopicFilter(filter: string, field: string, version: ProtocolVersion): void {
  const rest = version === 5 && filter.startsWith(sharePrefix) ? filterOfShare(filter, field) : filter
  if (rest === '') throw protocolError(`${field} must be at least one character long [MQTT-4.7.3-1]`)
  for (let at = 0; at < rest.length; at++) {
    const unit = rest[at]
    if (unit !== '+' && unit !== '#') continue
    const isLast = at === rest.length - 1
    const begins = at === 0 || rest[at - 1] === '/'
    if (unit === '#' && !(begins && isLast)) {
      const id = rule(version, '4.7.1-1', '4.7.1-2')
      throw protocolError(`${field} must have '#' as its whole last level: ${shown(filter)} ${id}`)
    }
    if (unit === '+' && !(begins && (isLast || rest[at + 1] === '/'))) {
      const id = rule(version, '4.7.1-2', '4.7.1-3')
      throw protocolError(`${field} must have '+' as a whole level: ${shown(filter)} ${id}`)
    }
  }
}

/** How the filter of a shared subscription begins, in MQTT 5 [MQTT5 4.8.2]. */
export const sharePrefix = '$share/'

function filterOfShare(filter: string, field: string): string {
  const slash = filter.indexOf('/', sharePrefix.length)
  const name = slash < 0 ? filter.slice(sharePrefix.length) : filter.slice(sharePrefix.length, slash)
  if (name === '') throw protocolError(`${field} must have a share name: ${shown(filter)} [MQTT-4.8.2-1]`)
  if (name.includes('+') || name.includes('#')) {
    throw protocolError(`${field} must not have a wildcard in its share name: ${shown(filter)} [MQTT-4.8.2-2]`)
  }
  if (slash < 0 || slash === filter.length - 1) {
    throw protocolError(`${field} must have a topic filter after its share name: ${shown(filter)} [MQTT-4.8.2-2]`)
  }
  return filter.slice(slash + 1)
}

/**
 * The entries of a SUBSCRIBE. How many there are and their reserved bits are seen to where they are read.
 *
 * @throws MqttError `'protocol-error'` for an ill-formed filter, or No Local on a shared subscription [MQTT-3.8.3-4]
 */
export function checkSubscriptions(subscriptions: readonly Subscription[], version: ProtocolVersion): void {
  for (const { topic, nl } of subscriptions) {
    checkTopicFilter(topic, 'SUBSCRIBE topic filter', version)
    if (nl === true && topic.startsWith(sharePrefix)) {
      throw protocolError(`SUBSCRIBE nl must not be set on a shared subscription: ${shown(topic)} [MQTT-3.8.3-4]`)
    }
  }
}

/**
 * A code of a SUBACK: those of MQTT 5; 0, 1, 2 and 0x80 in MQTT 3.1.1; 0, 1 and 2 in MQTT 3.1.
 *
 * @throws MqttError `'protocol-error'` [MQTT-3.9.3-2]
 */
export function checkGranted(code: unknown, version: ProtocolVersion): void {
  checkReasonCode(code, 'suback', 'MQTT-3.9.3-2')
  if (version < 5 && (code as number) > 2 && (version === 3 || code !== 0x80)) {
    throw protocolError(`SUBACK return code ${shown(code)} is not one of MQTT ${names[version]} [MQTT-3.9.3-2]`)
  }
}

/**
 * A code of an UNSUBACK, which has them in MQTT 5 alone.
 *
 * @throws MqttError `'protocol-error'` [MQTT-3.11.3-2]
 */
export function checkUngranted(code: unknown): void {
  checkReasonCode(code, 'unsuback', 'MQTT-3.11.3-2')
}

/** The versions' names by their protocol level. */
export const names: Readonly<Record<ProtocolVersion, string>> = { 3: '3.1', 4: '3.1.1', 5: '5' }

/**
 * A protocol name and level that belong together: MQIsdp with 3, MQTT with 4 and 5. Levels of bridges (0x83, 0x84) are
 * no levels of the standard.
 *
 * @throws MqttError `'protocol-error'` [MQTT-3.1.2-1], `'unsupported-version'` for another level [MQTT-3.1.2-2]
 */
export function checkProtocol(name: unknown, level: unknown): asserts level is ProtocolVersion {
  if (name !== 'MQTT' && name !== 'MQIsdp') {
    throw protocolError(`CONNECT protocol name must be "MQTT" or "MQIsdp", not ${shown(name)} [MQTT-3.1.2-1]`)
  }
  if (level !== 3 && level !== 4 && level !== 5) {
    const message = `CONNECT protocol level must be 3, 4 or 5, not ${shown(level)} [MQTT-3.1.2-2]`
    throw new MqttError('unsupported-version', message, { reasonCode: 0x84, returnCode: 1 })
  }
  if (name !== (level === 3 ? 'MQIsdp' : 'MQTT')) {
    throw protocolError(`CONNECT protocol name ${shown(name)} does not belong to level ${level} [MQTT-3.1.2-1]`)
  }
}

/**
 * The connect flags, as they stand in their byte.
 *
 * @throws MqttError `'malformed-packet'` for the reserved bit and will QoS 3, `'protocol-error'` for will flags without a
 * will, and before MQTT 5 for a password without a username
 */
export function checkConnectFlags(flags: number, version: ProtocolVersion): void {
  if ((flags & 0x01) !== 0) throw malformed('CONNECT reserved flag must be 0 [MQTT-3.1.2-3]')
  const willQoS = (flags >> 3) & 3
  if ((flags & 0x04) === 0) {
    if (willQoS > 0) {
      const id = rule(version, '3.1.2-11', '3.1.2-13')
      throw protocolError(`CONNECT will QoS must be 0 without a will, not ${willQoS} ${id}`)
    }
    if ((flags & 0x20) !== 0) {
      throw protocolError(`CONNECT will retain must be 0 without a will ${rule(version, '3.1.2-13', '3.1.2-15')}`)
    }
  } else if (willQoS === 3) {
    throw malformed(`CONNECT will QoS must not be 3 ${rule(version, '3.1.2-12', '3.1.2-14')}`)
  }
  if (version < 5 && (flags & 0xc0) === 0x40) {
    throw protocolError(`CONNECT must not have a password without a username in MQTT ${names[version]} [MQTT-3.1.2-22]`)
  }
}

/**
 * The values of a CONNECT whose protocol and flags are known to be right.
 *
 * @throws MqttError `'protocol-error'`, for a client id with `returnCode` 2 and `reasonCode` 0x85
 */
export function checkConnect({ protocolVersion, clientId, clean, will, properties }: ConnectPacket): void {
  if (protocolVersion === 3) {
    const length = [...clientId].length
    if (length < 1 || length > 23) {
      throw clientIdError(`CONNECT clientId must have 1 to 23 characters in MQTT 3.1, not ${length} [MQTT 3.1 3.1]`)
    }
  } else if (protocolVersion === 4 && clientId === '' && !clean) {
    throw clientIdError('CONNECT clientId must not be empty when clean is false [MQTT-3.1.3-7] [MQTT-3.1.3-8]')
  }
  checkAuthentication(properties, 'CONNECT')
  if (will === undefined) return
  checkTopicName(will.topic, 'CONNECT will topic')
  checkResponseTopic(will.properties, 'CONNECT will')
}

function clientIdError(message: string): MqttError {
  return new MqttError('protocol-error', message, { reasonCode: 0x85, returnCode: 2 })
}

/**
 * The values of a CONNACK.
 *
 * @throws MqttError `'protocol-error'` for an unknown code, or a session present with an error
 */
export function checkConnack(packet: ConnackPacket, version: ProtocolVersion): void {
  const code = version === 5 ? packet.reasonCode : packet.returnCode
  if (version === 5) {
    checkReasonCode(code, 'connack', 'MQTT-3.2.2-8')
  } else if (typeof code !== 'number' || !(code >= 0 && code <= 5 && Number.isInteger(code))) {
    throw protocolError(`CONNACK returnCode must be an integer from 0 to 5, not ${shown(code)} [MQTT311 3.2.2.3]`)
  }
  if (packet.sessionPresent && code !== 0) {
    const id = rule(version, '3.2.2-6', '3.2.2-4')
    throw protocolError(`CONNACK sessionPresent must be false with code ${code} ${id}`)
  }
  checkAuthentication(packet.properties, 'CONNACK')
}

/**
 * Authentication data comes with a method only.
 *
 * @throws MqttError `'protocol-error'` [MQTT5 3.1.2.11.10]
 */
export function checkAuthentication(
  properties: { readonly authenticationMethod?: unknown; readonly authenticationData?: unknown } | undefined,
  packet: string,
): void {
  if (properties?.authenticationData !== undefined && properties.authenticationMethod === undefined) {
    throw protocolError(`${packet} authenticationData needs authenticationMethod [MQTT5 3.1.2.11.10]`)
  }
}

/**
 * A response topic is a topic name.
 *
 * @throws MqttError `'protocol-error'` [MQTT-3.3.2-14]
 */
export function checkResponseTopic(properties: { readonly responseTopic?: unknown } | undefined, packet: string): void {
  const topic = properties?.responseTopic
  if (typeof topic === 'string') checkTopicName(topic, `${packet} responseTopic`, 'MQTT-3.3.2-14')
}
