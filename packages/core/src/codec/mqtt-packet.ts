import { Buffer } from 'buffer'
import { generate, type Packet, parser, writeToStream } from 'mqtt-packet'

// Its cache takes 8 MB and 37 ms at the first packet.
writeToStream.cacheNumbers = false

/**
 * Lets mqtt-packet parse one whole frame: nothing before it, nothing after it. A parser is made for each frame, since one
 * goes on with the version and the packet of a CONNECT, and with rubbish after an error.
 *
 * @returns the packet with the field names that mqtt-packet documents, with its noise
 * @throws Error for what mqtt-packet refuses
 */
export function parseFrame(frame: Uint8Array, protocolVersion: number): unknown {
  const instance = parser({ protocolVersion })
  let packet: unknown
  let failure: Error | undefined
  instance.on('packet', (parsed) => {
    packet = parsed
  })
  instance.on('error', (error: Error) => {
    failure = error
  })
  instance.parse(Buffer.from(frame.buffer, frame.byteOffset, frame.length))
  if (failure !== undefined) throw failure
  if (packet === undefined) throw new Error('the frame is not whole')
  return packet
}

/**
 * Lets mqtt-packet generate one frame. Bytes in the packet come from {@link toBuffer}.
 *
 * @throws Error for what mqtt-packet refuses
 */
export function generateFrame(packet: object, protocolVersion: number): Uint8Array {
  return generate(packet as Packet, { protocolVersion })
}

/** The same bytes as mqtt-packet's writer takes them; no copy. */
export function toBuffer(bytes: Uint8Array): Uint8Array {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
