import type { PacketInput } from '../packet/fields.js'
import type { PacketType, ProtocolVersion } from '../packet/packet.js'
import { packetTypes } from '../packet/packet-types.js'

/** A small packet of each type, as a version has it; `auth` is MQTT 5's alone. */
export function packetOf(cmd: PacketType, version: ProtocolVersion): PacketInput {
  const messageId = 1
  switch (cmd) {
    case 'connect':
      return { cmd, clientId: 'me', protocolVersion: version }
    case 'publish':
      return { cmd, topic: 'a', payload: 'hi' }
    case 'subscribe':
      return { cmd, messageId, subscriptions: [{ topic: 'a', qos: 0 }] }
    case 'suback':
      return { cmd, messageId, granted: [0] }
    case 'unsubscribe':
      return { cmd, messageId, unsubscriptions: ['a'] }
    case 'unsuback':
      return version === 5 ? { cmd, messageId, granted: [0] } : { cmd, messageId }
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return { cmd, messageId }
    default:
      return { cmd }
  }
}

/** The fifteen, in the order of their numbers. */
export const allTypes: readonly PacketType[] = packetTypes.filter((cmd) => cmd !== undefined)
