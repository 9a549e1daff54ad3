import type { MqttError } from '../errors.js'
import type { PacketInput } from '../packet/fields.js'
import type { ProtocolVersion } from '../packet/packet.js'
import type { ConnackReasonCode, DisconnectReasonCode, ReturnCode } from '../packet/reason-code.js'
import { reasonCodes } from '../packet/reason-code.js'
import type { Conversation } from './conversation.js'

/** The last packet to a peer, and the version it is written in. */
export interface Farewell {
  readonly packet: PacketInput
  readonly version: ProtocolVersion
}

/**
 * What the peer is told of its bad packet, where the standard allows: a refused CONNECT, or what comes before its CONNACK,
 * gets CONNACK, an MQTT 5 peer otherwise DISCONNECT, and bytes that are no packet nothing [MQTT-4.13.1-1] [MQTT-4.8.0-1].
 *
 * @param rejected - how the frame began that was refused, where it was whole
 */
export function farewellTo(
  error: MqttError,
  rejected: Uint8Array | undefined,
  conversation: Conversation,
  version: ProtocolVersion,
): Farewell | undefined {
  const farewell = reasonFor(error, rejected, conversation, version)
  // Where a peer takes no packet so long, it is told nothing [MQTT-3.1.2-24] [MQTT-3.2.2-15].
  return farewell === undefined || lengthOf(farewell) > conversation.peerMaximum ? undefined : farewell
}

function reasonFor(
  error: MqttError,
  rejected: Uint8Array | undefined,
  conversation: Conversation,
  version: ProtocolVersion,
): Farewell | undefined {
  if (error.reasonCode === undefined) return undefined
  const { phase, end } = conversation
  if (phase === 'new') return end === 'client' ? undefined : refusalOf(error, levelOf(rejected))
  if (phase === 'connecting' && end === 'server') return refusalOf(error, version)
  const reasonCode = error.reasonCode as DisconnectReasonCode
  if (version < 5 || phase === 'over' || !reasonCodes.disconnect.includes(reasonCode)) return undefined
  return { packet: { cmd: 'disconnect', reasonCode }, version }
}

/** Bytes: a fixed header of two, then the reason and, in CONNACK, its flags and what MQTT 5 has of properties. */
function lengthOf({ packet, version }: Farewell): number {
  if (packet.cmd === 'disconnect') return 3
  return version === 5 ? 5 : 4
}

function refusalOf(error: MqttError, level: number | undefined): Farewell | undefined {
  if (level === undefined) return undefined
  if (level >= 5) {
    const reasonCode = error.reasonCode as ConnackReasonCode
    return reasonCodes.connack.includes(reasonCode) ? { packet: { cmd: 'connack', reasonCode }, version: 5 } : undefined
  }
  const returnCode = error.returnCode as ReturnCode | undefined
  return returnCode === undefined ? undefined : { packet: { cmd: 'connack', returnCode }, version: 4 }
}

/** The protocol level that a refused CONNECT names, where it has a protocol name; a bridge's without its top bit. */
function levelOf(frame: Uint8Array | undefined): number | undefined {
  if (frame === undefined || frame[0] !== 0x10) return undefined
  let at = 1
  while (frame[at]! > 127) at++
  const name = String.fromCharCode(...frame.subarray(at + 1, at + 9))
  if (name.startsWith('\u0000\u0004MQTT')) return frame[at + 7]! & 0x7f
  if (name.startsWith('\u0000\u0006MQIsdp')) return frame[at + 9]! & 0x7f
  return undefined
}
