import { Encoder, Protocol, type PacketInput } from '@rxmqtt/core'

export const topic = 'devices/4711/temperature'

/** The frame of one packet. */
export function frameOf(packet: PacketInput, version: 4 | 5 = 4): Buffer {
  const encoder = new Encoder({ protocol: new Protocol(version) })
  encoder.write(packet)
  return Buffer.concat(encoder.take())
}

/** The frame of the PUBLISH that all measurements exchange. */
export function publishFrame(payload: number): Buffer {
  return frameOf({ cmd: 'publish', topic, payload: new Uint8Array(payload).fill(0x78) })
}

/** As many copies of `frame` as fit in some 256 KiB, at least one: what a raw socket writes without any work. */
export function blockOf(frame: Buffer): Buffer {
  const copies = Math.max(1, Math.floor(262_144 / frame.length))
  return Buffer.concat(new Array<Buffer>(copies).fill(frame))
}
