import { Decoder, Encoder, MqttError, type Packet, Protocol, type ProtocolVersion } from '@rxmqtt/core'
import { type Random, seeded } from '../soak/random.js'
import { packet } from './packets.js'

/** What one case came to. */
export interface Outcome {
  readonly packets: number
  /** The code of its error; undefined where all bytes were packets. */
  readonly code: string | undefined
  /** What must not be. */
  readonly problems: readonly string[]
  readonly bytes: Uint8Array
}

interface Events {
  /** As text, to be compared. */
  readonly packets: readonly string[]
  readonly read: readonly (readonly [packet: Packet, version: ProtocolVersion])[]
  readonly error: MqttError | undefined
}

const codes = new Set(['malformed-packet', 'protocol-error', 'packet-too-large', 'unsupported-version'])
const reasons = new Set([0x81, 0x82, 0x84, 0x85, 0x95])

/** A first byte and the four of a length. */
const longestHeader = 5

/** Bytes to a decoder, and what must hold whatever they are. */
export function oneCase(seed: number): Outcome {
  const random = seeded(seed)
  const version = random.of([3, 4, 5] as const)
  const limit = random.chance(0.1) ? 2 + random.below(64) : 65_536
  const bytes = bytesOf(random, version)
  const problems: string[] = []
  const whole = decode([surrounded(bytes, 0x00)], version, limit, problems)
  const chunks = random.chance(0.3) ? Array.from(bytes, (byte) => Uint8Array.of(byte)) : cut(random, bytes)
  const parts = chunks.map((chunk) => surrounded(chunk, 0xff))
  const inParts = decode(parts, version, limit, problems, random.of([1, 1, 2, 1_000]))
  const [first, second] = [told(whole), told(inParts)]
  if (first !== second)
    problems.push(`other packets in chunks of ${chunks.map((chunk) => chunk.length).join()}: ${first} and ${second}`)
  if (whole.error !== undefined) checkError(whole.error, problems)
  for (const [parsed, level] of whole.read) checkPacket(parsed, level, problems)
  return { packets: whole.read.length, code: whole.error?.code, problems, bytes }
}

function told({ packets, error }: Events): string {
  return `${packets.join(' ')} ${error === undefined ? 'end' : `${error.code} ${error.reasonCode} ${error.message}`}`
}

function decode(
  chunks: readonly Uint8Array[],
  version: ProtocolVersion,
  limit: number,
  problems: string[],
  readEvery = 1,
): Events {
  const protocol = new Protocol(version)
  const decoder = new Decoder({ protocol, maximumPacketSize: limit })
  const packets: string[] = []
  const read: [Packet, ProtocolVersion][] = []
  try {
    for (const [i, chunk] of chunks.entries()) {
      decoder.push(chunk)
      if (i % readEvery !== 0 && i < chunks.length - 1) continue
      for (let parsed = decoder.read(); parsed !== undefined; parsed = decoder.read()) {
        packets.push(shown(parsed))
        read.push([parsed, protocol.version])
      }
      const { buffered } = decoder
      if (buffered >= Math.max(limit, longestHeader)) problems.push(`${buffered} bytes are held, the limit is ${limit}`)
    }
    decoder.end()
  } catch (error) {
    if (!(error instanceof MqttError)) {
      problems.push(`thrown: ${String(error)}`)
      return { packets, read, error: undefined }
    }
    checkFailed(decoder, error, problems)
    return { packets, read, error }
  }
  return { packets, read, error: undefined }
}

/** After an error of a packet there is only that error, and no memory is held. */
function checkFailed(decoder: Decoder, error: MqttError, problems: string[]): void {
  if (error.message.startsWith('the bytes ended')) return
  if (decoder.buffered > 0) problems.push(`${decoder.buffered} bytes are held after an error`)
  try {
    decoder.push(Uint8Array.of(0xc0, 0x00))
    decoder.read()
    problems.push('a packet was read after an error')
  } catch (again) {
    if (again !== error) problems.push(`another error after an error: ${String(again)}`)
  }
}

function checkError({ code, reasonCode, returnCode, message }: MqttError, problems: string[]): void {
  // A server that does not know MQTT 5 says no in MQTT 3.1.1: nothing is wrong with its packet.
  if (returnCode !== undefined && returnCode > 0 && (code === 'refused' || code === 'unsupported-version')) return
  if (!codes.has(code)) problems.push(`code ${code}`)
  if (reasonCode === undefined || !reasons.has(reasonCode)) problems.push(`reason code ${reasonCode}`)
  if (!message.includes('[MQTT')) problems.push(`an error that names no rule: ${message}`)
}

/** What was read can be written, and is read again as it was. */
function checkPacket(parsed: Packet, version: ProtocolVersion, problems: string[]): void {
  try {
    const encoder = new Encoder({ protocol: new Protocol(version), maximumPacketSize: 200_000 })
    encoder.write(parsed)
    const decoder = new Decoder({ protocol: new Protocol(version), maximumPacketSize: 200_000 })
    for (const chunk of encoder.take()) decoder.push(chunk)
    const again = decoder.read()
    decoder.end()
    const [before, after] = [shown({ ...parsed, length: 0 }), again === undefined ? '' : shown({ ...again, length: 0 })]
    if (before !== after) problems.push(`read ${before}, written and read again ${after}`)
  } catch (error) {
    problems.push(`read ${shown(parsed)}, refused by the encoder: ${String(error)}`)
  }
}

/** A packet as text, its bytes as hex and the user properties with their order. */
function shown(parsed: Packet): string {
  return JSON.stringify(parsed, (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex') : value,
  )
}

/** The same bytes inside larger memory, whose rest must not matter. */
function surrounded(bytes: Uint8Array, filling: number): Uint8Array {
  const memory = new Uint8Array(bytes.length + 16).fill(filling)
  memory.set(bytes, 8)
  return memory.subarray(8, 8 + bytes.length)
}

function bytesOf(random: Random, version: ProtocolVersion): Uint8Array {
  if (random.chance(0.05)) return random.bytes(random.below(40))
  if (random.chance(0.15)) return framed(random)
  const encoder = new Encoder({ protocol: new Protocol(version) })
  for (let i = random.below(4); i >= 0; i--) encoder.write(packet(random, encoder.protocol.version))
  let bytes: Uint8Array = Buffer.concat(encoder.take())
  if (random.chance(0.3)) return bytes
  for (let i = random.below(3); i >= 0; i--) bytes = mutated(random, bytes)
  return bytes
}

/** A header that fits, and a body of anything. */
function framed(random: Random): Uint8Array {
  const body = random.bytes(random.below(30))
  const first = random.of([0x10, 0x20, 0x30, 0x32, 0x40, 0x50, 0x62, 0x70, 0x82, 0x90, 0xa2, 0xb0, 0xe0, 0xf0])
  return Uint8Array.of(first, body.length, ...body)
}

function mutated(random: Random, bytes: Uint8Array): Uint8Array {
  const copy = Array.from(bytes)
  const at = random.below(copy.length)
  const length = 1 + random.below(6)
  switch (random.below(7)) {
    case 0:
      copy[at] = random.below(256)
      break
    case 1:
      copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8))
      break
    case 2:
      copy[at] = random.of([0x00, 0x01, 0x7f, 0x80, 0xff])
      break
    case 3:
      copy.splice(at, length)
      break
    case 4:
      copy.splice(at, 0, ...copy.slice(at, at + length))
      break
    case 5:
      copy.splice(at, 0, ...random.bytes(length))
      break
    default:
      copy.length = at
  }
  return Uint8Array.from(copy)
}

function cut(random: Random, bytes: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + random.below(Math.min(random.of([3, 20, 400]), bytes.length - at))
    chunks.push(bytes.subarray(at, at + length))
    at += length
  }
  return chunks
}
