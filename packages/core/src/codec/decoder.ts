import { MqttError, toMqttError } from '../errors.js'
import type { Packet, PacketType } from '../packet/packet.js'
import { packetTypes } from '../packet/packet-types.js'
import { ByteReader } from './bytes.js'
import { ChunkList } from './chunk-list.js'
import { checkFirstByte } from './fixed-header.js'
import { checkSize } from './limits.js'
import { Protocol } from './protocol.js'
import { type TableEntry, table } from './table.js'
import { malformed } from './violation.js'

/** What a decoder speaks, takes and refuses. */
export interface DecoderOptions {
  /**
   * The version, shared with the encoder of the same connection.
   *
   * @default new Protocol(): MQTT 3.1.1 until a CONNECT says otherwise
   */
  readonly protocol?: Protocol | undefined
  /**
   * Bytes, fixed header included, that a packet may have.
   *
   * @default 16,777,216 (16 MiB)
   */
  readonly maximumPacketSize?: number | undefined
  /**
   * Called with the type of each packet as soon as its first byte is there (again where its header is cut), before its
   * body is waited for; throws an MqttError to refuse it. What else it throws becomes the `cause` of one with code
   * `'transport'`.
   *
   * @default every type is let pass
   */
  readonly expect?: ((cmd: PacketType) => void) | undefined
}

/** Enough of a refused frame to see a CONNECT's protocol name and level. */
const rejectedBytes = 32

const nothing = new Uint8Array(0)
const reader = new ByteReader()
const byType: readonly (Pick<TableEntry, 'name' | 'read'> | undefined)[] = packetTypes.map((cmd) =>
  cmd === undefined ? undefined : table[cmd],
)

/**
 * Chunks in, packets out, by pull: push what arrived, read until there is no whole packet left. It cuts the frame first
 * and shows one whole frame to whoever decodes it. The cost is linear in bytes, whatever the chunks.
 *
 * @example
 * ```ts
 * const decoder = new Decoder()
 * decoder.push(Uint8Array.of(0xc0, 0x00))
 * decoder.read() // { cmd: 'pingreq', length: 0 }
 * decoder.read() // undefined
 * ```
 */
export class Decoder {
  readonly protocol: Protocol
  /** Bytes, fixed header included, that a packet may have; looked at when the length field of a packet is there. */
  maximumPacketSize: number
  readonly #expect: ((cmd: PacketType) => void) | undefined
  #chunk: Uint8Array = nothing
  #position = 0
  #waiting: ChunkList | undefined
  /** Of the frame at the front, once its fixed header was read: its length and its header's length; else 0. */
  #frame = 0
  #header = 0
  #failure: MqttError | undefined
  #rejected: Uint8Array | undefined

  /** @throws MqttError `'invalid-option'` for a `maximumPacketSize` that is not an integer from 2 on */
  constructor(options: DecoderOptions = {}) {
    this.protocol = options.protocol ?? new Protocol()
    this.maximumPacketSize = checkSize(options.maximumPacketSize)
    this.#expect = options.expect
  }

  /** Bytes held that no packet has used yet. */
  get buffered(): number {
    return this.#chunk.length - this.#position + (this.#waiting?.length ?? 0)
  }

  /** How the frame began that `read` refused, for who answers it; undefined where it was refused before it was whole. */
  get rejected(): Uint8Array | undefined {
    return this.#rejected
  }

  /** Takes a chunk, which from then on belongs to the decoder. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0 || this.#failure !== undefined) return
    const bytes = plain(chunk)
    if (this.#position === this.#chunk.length) {
      this.#chunk = bytes
      this.#position = 0
    } else {
      this.#waiting ??= new ChunkList()
      this.#waiting.push(bytes)
    }
  }

  /**
   * The next packet, or undefined until more bytes are there.
   *
   * @throws MqttError once and for all: `'malformed-packet'`, `'protocol-error'`, `'packet-too-large'` or
   * `'unsupported-version'`, or what `expect` throws
   */
  read(): Packet | undefined {
    if (this.#failure !== undefined) throw this.#failure
    try {
      return this.#next()
    } catch (error) {
      this.#failure = toMqttError(error)
      this.#chunk = nothing
      this.#position = 0
      this.#waiting = undefined
      throw this.#failure
    }
  }

  /**
   * Says that no more bytes come.
   *
   * @throws MqttError `'malformed-packet'` when bytes of an unfinished packet are left
   */
  end(): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.buffered > 0) {
      throw malformed(
        `the bytes ended inside a packet, ${this.buffered} bytes after its start [MQTT5 4.13.1] [MQTT-4.8.0-1]`,
      )
    }
  }

  #next(): Packet | undefined {
    if (this.#frame === 0 && !this.#readHeader()) return undefined
    const frame = this.#frame
    let bytes = this.#chunk
    let start = this.#position
    if (bytes.length - start > frame) {
      this.#position = start + frame
    } else {
      if (this.buffered < frame) return undefined
      if (bytes.length - start < frame) {
        bytes = this.#join(frame)
        start = 0
      }
      this.#chunk = this.#waiting?.shift() ?? nothing
      this.#position = 0
    }
    this.#frame = 0
    try {
      return this.#decode(bytes, start, start + frame)
    } catch (error) {
      this.#rejected = bytes.slice(start, Math.min(start + frame, start + rejectedBytes))
      throw error
    }
  }

  #decode(bytes: Uint8Array, start: number, end: number): Packet {
    const first = bytes[start]!
    const entry = byType[first >> 4]!
    reader.open(bytes, start + this.#header, end, entry.name)
    const packet = entry.read(reader, first & 0x0f, this.protocol.version)
    reader.done()
    if (packet.cmd === 'connect') this.protocol.settle(packet.protocolVersion)
    return packet
  }

  #join(frame: number): Uint8Array {
    const joined = new Uint8Array(frame)
    const front = this.#chunk.subarray(this.#position)
    joined.set(front)
    this.#waiting!.takeInto(joined, front.length)
    return joined
  }

  /** Reads the fixed header at the front: false until all of it is there. */
  #readHeader(): boolean {
    let length = 0
    for (let i = 0; ; i++) {
      const byte = this.#chunk[this.#position + i]
      if (byte === undefined) {
        if (!this.#extend()) return false
        return this.#readHeader()
      }
      if (i === 0) {
        const cmd = checkFirstByte(byte, this.protocol.version)
        this.#expect?.(cmd)
        continue
      }
      length |= (byte & 0x7f) << (7 * (i - 1))
      if (byte < 0x80) {
        if (byte === 0 && i > 1)
          throw malformed('remaining length must be encoded in as few bytes as possible [MQTT-1.5.5-1]')
        this.#header = i + 1
        break
      }
      if (i === 4) throw malformed('remaining length must not take more than four bytes [MQTT5 2.1.4]')
    }
    const frame = this.#header + length
    if (frame > this.maximumPacketSize) {
      throw new MqttError(
        'packet-too-large',
        `a packet of ${frame} bytes is over maximumPacketSize, ${this.maximumPacketSize} [MQTT-3.1.2-24]`,
        { reasonCode: 0x95 },
      )
    }
    this.#frame = frame
    return true
  }

  /** Joins a header that is cut over chunks with the chunk after it; false where there is none. */
  #extend(): boolean {
    const next = this.#waiting?.shift()
    if (next === undefined) return false
    const rest = this.#chunk.subarray(this.#position)
    const joined = new Uint8Array(rest.length + next.length)
    joined.set(rest)
    joined.set(next, rest.length)
    this.#chunk = joined
    this.#position = 0
    return true
  }
}

/** The same bytes without what a subclass adds, such as Node's Buffer: payloads are views, and alike in any chunking. */
function plain(chunk: Uint8Array): Uint8Array {
  return chunk.constructor === Uint8Array ? chunk : new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length)
}
