import { Decoder } from '../codec/decoder.js'
import { Encoder } from '../codec/encoder.js'
import { Protocol } from '../codec/protocol.js'
import { MqttError } from '../errors.js'
import type { PacketInput } from '../packet/fields.js'
import type { Packet, ProtocolVersion } from '../packet/packet.js'
import { join } from '../testing/wire.js'

/** An error as a value that tests can compare; `toEqual` looks at the message of an Error alone. */
export interface Flat {
  readonly code: string
  readonly reasonCode: number | undefined
  readonly returnCode: number | undefined
  readonly message: string
}

/** The error of `run`, which must be an MqttError; undefined where it has none. */
export function failure(run: () => unknown): Flat | undefined {
  try {
    run()
  } catch (error) {
    if (!(error instanceof MqttError)) throw error
    const { code, reasonCode, returnCode, message } = error
    return { code, reasonCode, returnCode, message }
  }
  return undefined
}

/** All packets of `chunks`, which must hold whole packets. */
export function decode(version: ProtocolVersion, ...chunks: readonly Uint8Array[]): Packet[] {
  const decoder = new Decoder({ protocol: new Protocol(version), maximumPacketSize: 268_435_460 })
  const packets: Packet[] = []
  for (const chunk of chunks) {
    decoder.push(chunk)
    for (let packet = decoder.read(); packet !== undefined; packet = decoder.read()) packets.push(packet)
  }
  decoder.end()
  return packets
}

/** The bytes of packets, joined. */
export function encode(version: ProtocolVersion, ...packets: readonly PacketInput[]): Uint8Array {
  const encoder = new Encoder({ protocol: new Protocol(version), maximumPacketSize: 268_435_460 })
  for (const packet of packets) encoder.write(packet)
  return join(...encoder.take())
}
