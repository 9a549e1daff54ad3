import type { Connection } from './connection.js'
import { MqttError } from '../errors.js'
import { type DisconnectReasonCode, reasonCodes } from '../packet/reason-code.js'

/** Reasons that a client may give; the others are a server's [MQTT5 3.14.2.1]. */
const fromClient: readonly number[] = [
  0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
]

/**
 * Ends a connection because of an error: an MQTT 5 peer is told by DISCONNECT, with the error's reason code where this
 * end may give it, otherwise with 0x80 [MQTT-4.13.1-1] [MQTT-4.13.2-1].
 */
export function leave(connection: Connection, error: unknown): void {
  if (connection.protocol.version === 5) {
    try {
      connection.disconnect({ reasonCode: disconnectReason(connection, error) })
    } catch {
      // Only because the peer said goodbye itself just now, or because no DISCONNECT may be sent yet.
    }
  }
  connection.end()
}

/** The reason that an error has for the peer: none where a packet of our own was wrong. */
export function reasonOf(error: unknown): number | undefined {
  return error instanceof MqttError && error.code !== 'invalid-packet' ? error.reasonCode : undefined
}

function disconnectReason({ role }: Connection, error: unknown): DisconnectReasonCode {
  const reasonCode = reasonOf(error) as DisconnectReasonCode
  const codes = role === 'client' ? fromClient : reasonCodes.disconnect
  return codes.includes(reasonCode) && reasonCode >= 0x80 ? reasonCode : 0x80
}
