import type { Packet } from '../packet/packet.js'
import type { Inbound } from './inbound.js'
import type { Outbound } from './outbound.js'
import type { Subscriptions } from './subscriptions.js'

/**
 * Hands a packet of the peer to the part of a session that it is for.
 *
 * @throws MqttError what the peer did wrong
 */
export function receive(packet: Packet, inbound: Inbound, outbound: Outbound, subscriptions: Subscriptions): void {
  switch (packet.cmd) {
    case 'publish':
      return inbound.publish(packet)
    case 'puback':
      return outbound.puback(packet)
    case 'pubrec':
      return outbound.pubrec(packet)
    case 'pubrel':
      return inbound.pubrel(packet)
    case 'pubcomp':
      return outbound.pubcomp(packet)
    case 'suback':
    case 'unsuback':
      subscriptions.answer(packet)
      // A message may have waited for a packet identifier.
      return outbound.pump()
    default:
      return
  }
}
