import { MqttError } from '../errors.js'
import type { PacketInput } from '../packet/fields.js'
import { maximumVarint } from './bytes.js'
import { checkOption, checkSize } from './limits.js'
import { Protocol } from './protocol.js'
import { joined, type Loan, slab } from './slab.js'
import { type TableEntry, table } from './table.js'
import { invalidPacket, refusal, shown } from './violation.js'

/** What an encoder speaks, and how large its packets and chunks may be. */
export interface EncoderOptions {
  /**
   * The version, shared with the decoder of the same connection.
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
   * Bytes that are gathered in one chunk before they should be taken.
   *
   * @default 65,536
   */
  readonly chunkSize?: number | undefined
}

const byName: ReadonlyMap<unknown, TableEntry> = new Map(Object.entries(table)) as ReadonlyMap<unknown, TableEntry>
/** Nearly everything is one: it need not be looked up. */
const publish = byName.get('publish')

/** Reading the fields of a packet may run code of the caller: a getter, a Proxy. */
function checkFree(): void {
  if (slab.position !== slab.start) throw invalidPacket('a packet must not be written while another one is read')
}

function entryOf(packet: PacketInput): TableEntry {
  const cmd: unknown = packet?.cmd
  const entry = cmd === 'publish' ? publish : byName.get(cmd)
  if (entry === undefined) throw invalidPacket(`cmd must be a packet type, not ${shown(cmd)}`)
  return entry
}

/**
 * Packets in, chunks out: small packets are gathered in one chunk, a payload above a few kilobytes is a chunk of its own,
 * uncopied. Bytes given to it belong to it.
 *
 * @example
 * ```ts
 * const encoder = new Encoder()
 * encoder.write({ cmd: 'publish', topic: 'a', payload: 'x' })
 * encoder.write({ cmd: 'pingreq' })
 * encoder.take() // [Uint8Array of both]
 * ```
 */
export class Encoder {
  readonly protocol: Protocol
  /** Bytes, fixed header included, that a packet may have. */
  maximumPacketSize: number
  /** Bytes that are gathered in one chunk before they should be taken. */
  readonly chunkSize: number
  #chunks: (Uint8Array | Loan)[] | undefined
  #pending = 0

  /** @throws MqttError `'invalid-option'` for a size that is not an integer from 2 (a packet) or 1 (a chunk) on */
  constructor(options: EncoderOptions = {}) {
    this.protocol = options.protocol ?? new Protocol()
    this.maximumPacketSize = checkSize(options.maximumPacketSize)
    this.chunkSize = checkOption('chunkSize', options.chunkSize, 65_536)
  }

  /** Bytes written that were not taken yet. */
  get pending(): number {
    return this.#pending
  }

  /**
   * Writes a packet behind those that wait to be taken.
   *
   * @throws MqttError `'invalid-packet'`; state and bytes are then as before
   */
  write(packet: PacketInput): void {
    checkFree()
    try {
      const size = this.#writeFrame(entryOf(packet), packet, true)
      if (packet.cmd === 'connect') this.protocol.settle(packet.protocolVersion ?? this.protocol.version)
      this.#pending += size
    } catch (error) {
      slab.rollback()
      throw refusal(error)
    }
    const { tail } = slab
    slab.commit()
    if (tail !== undefined) {
      slab.tail = undefined
      slab.release()
      this.ready(tail)
    }
  }

  /**
   * @internal Finds out whether a packet can be written, and leaves nothing of it: neither here nor with another encoder,
   * whose packets go on being gathered in one chunk.
   * @throws MqttError `'invalid-packet'`
   */
  check(packet: PacketInput): void {
    checkFree()
    try {
      this.#writeFrame(entryOf(packet), packet, false)
    } catch (error) {
      throw refusal(error)
    } finally {
      slab.rollback()
      if (slab.owner === undefined) slab.trim()
    }
  }

  /** Takes what is ready, in order. */
  take(): Uint8Array[] {
    if (slab.owner === this) {
      slab.release()
      slab.owner = undefined
      slab.trim()
    }
    const chunks = this.#chunks
    this.#chunks = undefined
    this.#pending = 0
    return chunks === undefined ? [] : joined(chunks)
  }

  /** @internal A chunk of this encoder is complete. */
  ready(chunk: Uint8Array | { bytes: Uint8Array; from: number; to: number; length: number }): void {
    if (this.#chunks === undefined) this.#chunks = [chunk]
    else this.#chunks.push(chunk)
  }

  /** Writes one frame and returns its size with the tail. The room left for its length is a guess, mended afterwards. */
  #writeFrame(entry: TableEntry, packet: PacketInput, isKept: boolean): number {
    const reserved = packet.cmd === 'publish' && (packet.payload?.length ?? 0) > 100 ? 2 : 1
    if (isKept) slab.acquire(this)
    slab.packet = entry.name
    slab.reserve(1 + reserved)
    slab.position = slab.start + 1 + reserved
    const flags = entry.write(slab, packet, this.protocol.version)
    const tail = slab.tail?.length ?? 0
    const length = slab.position - slab.start - 1 - reserved + tail
    if (length > maximumVarint) {
      throw invalidPacket(
        `${entry.name} remaining length must not be over ${maximumVarint}, it is ${length} [MQTT5 2.1.4]`,
      )
    }
    slab.fillVarint(1, reserved, length)
    slab.bytes[slab.start] = (entry.type << 4) | flags
    const size = slab.position - slab.start + tail
    if (size > this.maximumPacketSize) {
      throw new MqttError(
        'invalid-packet',
        `${entry.name} has ${size} bytes, over maximumPacketSize, ${this.maximumPacketSize} [MQTT-3.1.2-24]`,
        { reasonCode: 0x95 },
      )
    }
    return size
  }
}
