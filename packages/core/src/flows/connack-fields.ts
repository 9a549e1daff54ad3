import { invalidPacket } from '../codec/violation.js'
import { MqttError } from '../errors.js'
import type { AuthFields, ConnackFields } from '../packet/fields.js'
import type { ConnectPacket, ProtocolVersion } from '../packet/packet.js'
import type { ConnackProperties } from '../packet/properties.js'
import { type ConnackReasonCode, reasonCodes, ReturnCode } from '../packet/reason-code.js'
import { checkMethod } from './authentication.js'
import { reasonOf } from '../connection/leave.js'

/** What becomes part of a CONNACK besides the answer of `authorize`. */
export interface Terms {
  /** The client sent no id and has got this one. */
  readonly assigned: boolean
  /** How enhanced authentication ended. */
  readonly authentication: AuthFields | undefined
  /** Seconds. */
  readonly maximumKeepAlive: number | undefined
}

/** MQTT 5's reasons in MQTT 3.x's terms; others are 3, server unavailable. */
const returnCodes: ReadonlyMap<number, ReturnCode> = new Map<number, ReturnCode>([
  [0x00, ReturnCode.Accepted],
  [0x84, ReturnCode.UnacceptableProtocolVersion],
  [0x85, ReturnCode.IdentifierRejected],
  [0x86, ReturnCode.BadUserNameOrPassword],
  [0x8c, ReturnCode.BadUserNameOrPassword],
  [0x87, ReturnCode.NotAuthorized],
  [0x8a, ReturnCode.NotAuthorized],
])

/** MQTT 3.x's return codes, from 0 on, in MQTT 5's terms. */
const fromReturnCode = [0x00, 0x84, 0x85, 0x88, 0x86, 0x87] as const

/**
 * The CONNACK that is written for an answer: codes in the terms of the client's version, what the version has no place
 * for left out, and the terms of the server added.
 *
 * @throws MqttError for an answer that must not be given
 */
export function connackFor(connect: ConnectPacket, answer: ConnackFields, terms: Terms): ConnackFields {
  const version = connect.protocolVersion
  if (version < 5) {
    const returnCode = answer.returnCode ?? toReturnCode(answer.reasonCode ?? 0)
    return returnCode === 0 && version === 4 && answer.sessionPresent === true
      ? { returnCode, sessionPresent: true }
      : { returnCode }
  }
  const reasonCode = answer.reasonCode ?? fromReturnCode[answer.returnCode ?? 0]
  const { sessionPresent } = answer
  if (reasonCode !== 0) return { reasonCode, properties: answer.properties }
  const properties = termsOf(connect, answer.properties ?? {}, terms)
  checkWill(connect, properties)
  const fields = sessionPresent === undefined ? { reasonCode } : { reasonCode, sessionPresent }
  return Object.keys(properties).length === 0 ? fields : { ...fields, properties }
}

function termsOf(connect: ConnectPacket, answer: ConnackProperties, terms: Terms): ConnackProperties {
  const { keepalive, properties } = connect
  const { assigned, authentication, maximumKeepAlive } = terms
  const method = properties?.authenticationMethod
  if (answer.authenticationMethod !== undefined) checkMethod(answer.authenticationMethod, method, 'CONNACK')
  if (!assigned && answer.assignedClientIdentifier !== undefined) {
    throw invalidPacket('CONNACK assignedClientIdentifier is only for a client without an id [MQTT5 3.2.2.3.7]')
  }
  const isTooLong = maximumKeepAlive !== undefined && (keepalive === 0 || keepalive > maximumKeepAlive)
  const data = authentication?.properties?.authenticationData
  return {
    ...(assigned ? { assignedClientIdentifier: connect.clientId } : {}),
    ...(isTooLong ? { serverKeepAlive: maximumKeepAlive } : {}),
    ...(method === undefined ? {} : { authenticationMethod: method }),
    ...(data === undefined ? {} : { authenticationData: data }),
    ...answer,
  }
}

/** @throws MqttError `'refused'` for a will that the server says it can't serve [MQTT-3.2.2-12] [MQTT-3.2.2-13] */
function checkWill({ will }: ConnectPacket, { maximumQoS, retainAvailable }: ConnackProperties): void {
  if (will === undefined) return
  if (maximumQoS !== undefined && will.qos > maximumQoS) {
    const text = `CONNECT will.qos must not be over ${maximumQoS}, the Maximum QoS: ${will.qos} [MQTT-3.2.2-12]`
    throw new MqttError('refused', text, { reasonCode: 0x9b })
  }
  if (will.retain && retainAvailable === false) {
    const text = 'CONNECT will.retain must be false: this server keeps no message [MQTT-3.2.2-13]'
    throw new MqttError('refused', text, { reasonCode: 0x9a })
  }
}

/** The CONNACK for who is refused because of an error: its reason where a CONNACK may have it, otherwise 0x80. */
export function refusalFor(version: ProtocolVersion, error: unknown): ConnackFields {
  const given = reasonOf(error) as ConnackReasonCode | undefined
  const reasonCode = given !== undefined && given >= 0x80 && reasonCodes.connack.includes(given) ? given : 0x80
  return version === 5 ? { reasonCode } : { returnCode: toReturnCode(reasonCode) }
}

function toReturnCode(reasonCode: number): ReturnCode {
  return returnCodes.get(reasonCode) ?? ReturnCode.ServerUnavailable
}
