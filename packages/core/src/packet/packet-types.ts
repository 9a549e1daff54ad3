import type { PacketType } from './packet.js'

/** The packet types by their number on the wire [2.1.2]: `packetTypes[3]` is `'publish'`; 0 is forbidden. */
export const packetTypes: readonly [undefined, ...PacketType[]] = [
  undefined,
  'connect',
  'connack',
  'publish',
  'puback',
  'pubrec',
  'pubrel',
  'pubcomp',
  'subscribe',
  'suback',
  'unsubscribe',
  'unsuback',
  'pingreq',
  'pingresp',
  'disconnect',
  'auth',
]
