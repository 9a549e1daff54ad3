import type { PacketType, ProtocolVersion } from '../packet/packet.js'
import { packetTypes } from '../packet/packet-types.js'
import { malformed } from './violation.js'

const requestFlags = 0b0010
const duplicate = 0b1000

/**
 * The packet type of a first byte, checked before anything is read or kept for it: a known type, with the flags that the
 * standard reserves for it. PUBLISH has flags of its own. MQTT 3.1 allows DUP on PUBREL, SUBSCRIBE and UNSUBSCRIBE.
 *
 * @throws MqttError `'malformed-packet'` [MQTT-2.1.3-1] [MQTT-2.2.2-1] [MQTT-2.2.2-2]
 */
export function checkFirstByte(byte: number, version: ProtocolVersion): PacketType {
  const type = byte >> 4
  const cmd = packetTypes[type]
  if (cmd === undefined) throw malformed('packet type 0 is forbidden [MQTT 2.1.2]')
  if (cmd === 'auth' && version < 5) throw malformed(`AUTH needs MQTT 5, this is level ${version} [MQTT 2.1.2]`)
  if (cmd === 'publish') return cmd
  const flags = byte & 0x0f
  const isRequest = cmd === 'pubrel' || cmd === 'subscribe' || cmd === 'unsubscribe'
  const expected = isRequest ? requestFlags : 0
  if (flags === expected || (isRequest && version === 3 && flags === (requestFlags | duplicate))) return cmd
  const rule = cmd === 'pubrel' ? '[MQTT-3.6.1-1]' : cmd === 'subscribe' ? '[MQTT-3.8.1-1]' : '[MQTT-2.1.3-1]'
  throw malformed(
    `${cmd.toUpperCase()} header flags must be 0b${expected.toString(2).padStart(4, '0')}, not 0b${flags.toString(2).padStart(4, '0')} ${rule}`,
  )
}
