import type { ReadPacket } from './body.js'

/** The reader of PINGREQ [3.12] or PINGRESP [3.13], which have no body. */
export function pingReader(cmd: 'pingreq' | 'pingresp'): ReadPacket {
  return (reader) => ({ cmd, length: reader.remaining })
}

/** The writer of both: nothing but the fixed header. */
export function writePing(): number {
  return 0
}
