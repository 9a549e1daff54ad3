import { readUtf8, utf8Length, writeUtf8 } from './utf8.js'
import { invalidPacket, malformed, shown } from './violation.js'

/** The largest remaining length and variable byte integer: four bytes of seven bits [MQTT5 1.5.5]. */
export const maximumVarint = 268_435_455

/** How many bytes `value` takes as a variable byte integer. */
export function varintLength(value: number): number {
  return value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4
}

/**
 * A cursor over the body of one frame. It never looks past `end`; whoever reads beyond it, or leaves bytes over, gets
 * `'malformed-packet'`. Field names in errors are `PACKET field`.
 */
export class ByteReader {
  bytes: Uint8Array = new Uint8Array(0)
  position = 0
  end = 0
  /** The packet's name for errors, such as `'PUBLISH'`. */
  packet = ''

  /** Points the cursor at `bytes[position, end)`. */
  open(bytes: Uint8Array, position: number, end: number, packet: string): this {
    this.bytes = bytes
    this.position = position
    this.end = end
    this.packet = packet
    return this
  }

  get remaining(): number {
    return this.end - this.position
  }

  u8(field: string): number {
    this.#need(1, field)
    return this.bytes[this.position++]!
  }

  u16(field: string): number {
    this.#need(2, field)
    const at = this.position
    this.position = at + 2
    return (this.bytes[at]! << 8) | this.bytes[at + 1]!
  }

  u32(field: string): number {
    return this.u16(field) * 65_536 + this.u16(field)
  }

  /** A variable byte integer, in its shortest form [MQTT-1.5.5-1]. */
  varint(field: string): number {
    let value = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.u8(field)
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) {
          throw malformed(`${this.packet} ${field} must be encoded in as few bytes as possible [MQTT-1.5.5-1]`)
        }
        return value
      }
    }
    throw malformed(`${this.packet} ${field} must not take more than four bytes [MQTT5 1.5.5]`)
  }

  /** UTF-8 text with its two-byte length. */
  string(field: string): string {
    const length = this.u16(field)
    this.#need(length, field)
    const start = this.position
    this.position = start + length
    return readUtf8(this.bytes, start, this.position, `${this.packet} ${field}`)
  }

  /** Binary data with its two-byte length, as a view. */
  binary(field: string): Uint8Array {
    const length = this.u16(field)
    this.#need(length, field)
    return this.view(length)
  }

  /** The next `length` bytes, which the caller knows to be there, as a view. */
  view(length: number): Uint8Array {
    const start = this.position
    this.position = start + length
    return this.bytes.subarray(start, this.position)
  }

  /** Refuses bytes that no field has used. */
  done(): void {
    if (this.position !== this.end) {
      throw malformed(`${this.packet} has ${this.remaining} bytes left over after its last field [MQTT5 4.13.1]`)
    }
  }

  #need(length: number, field: string): void {
    if (length > this.end - this.position) {
      throw malformed(
        `${this.packet} ends inside ${field}: ${length} bytes needed, ${this.remaining} left [MQTT5 4.13.1]`,
      )
    }
  }
}

/**
 * Bytes written one after the other from `start`, which moves along only by {@link commit}: what was written since can be
 * taken back by {@link rollback}. When the room is used up, `grow` moves the uncommitted bytes to new memory.
 */
export class ByteWriter {
  bytes: Uint8Array
  start = 0
  position = 0
  /** The packet's name for errors, such as `'PUBLISH'`. */
  packet = ''
  /** A large payload of the uncommitted packet: it follows what was written, uncopied. */
  tail: Uint8Array | undefined
  readonly #size: number

  /** @param size - bytes to begin with, and to go on with when they are used up */
  constructor(size: number) {
    this.#size = size
    this.bytes = new Uint8Array(size)
  }

  commit(): void {
    this.start = this.position
  }

  rollback(): void {
    this.position = this.start
    this.tail = undefined
  }

  /** Makes room for `length` more bytes. */
  reserve(length: number): void {
    if (this.position + length > this.bytes.length) this.grow(length)
  }

  protected grow(length: number): void {
    const pending = this.position - this.start
    const bytes = new Uint8Array(Math.max(this.#size, (pending + length) * 2))
    bytes.set(this.bytes.subarray(this.start, this.position))
    this.bytes = bytes
    this.start = 0
    this.position = pending
  }

  u8(value: number): void {
    this.reserve(1)
    this.bytes[this.position++] = value
  }

  u16(value: number): void {
    this.reserve(2)
    const at = this.position
    this.bytes[at] = value >>> 8
    this.bytes[at + 1] = value
    this.position = at + 2
  }

  u32(value: number): void {
    this.u16(Math.floor(value / 65_536))
    this.u16(value % 65_536)
  }

  varint(value: number): void {
    let rest = value
    while (rest > 127) {
      this.u8((rest & 0x7f) | 0x80)
      rest >>>= 7
    }
    this.u8(rest)
  }

  /**
   * UTF-8 text with its two-byte length.
   *
   * @throws MqttError `'invalid-packet'` for what is not a string, a lone surrogate, U+0000, or over 65,535 bytes
   */
  string(value: unknown, field: string): void {
    if (typeof value !== 'string') throw invalidPacket(`${this.packet} ${field} must be a string, not ${shown(value)}`)
    const length = utf8Length(value)
    if (length < 0) throw invalidPacket(`${this.packet} ${field} has a lone surrogate: ${shown(value)} [MQTT-1.5.4-1]`)
    if (value.includes('\u0000')) {
      throw invalidPacket(`${this.packet} ${field} must not contain U+0000: ${shown(value)} [MQTT-1.5.4-2]`)
    }
    if (length > 65_535) {
      throw invalidPacket(`${this.packet} ${field} must not be over 65,535 bytes, it has ${length} [MQTT5 1.5.4]`)
    }
    this.reserve(length + 2)
    this.u16(length)
    writeUtf8(this.bytes, this.position, value, length)
    this.position += length
  }

  /**
   * Binary data with its two-byte length.
   *
   * @throws MqttError `'invalid-packet'` for what is not a Uint8Array, or over 65,535 bytes
   */
  binary(value: unknown, field: string): void {
    if (!(value instanceof Uint8Array)) {
      throw invalidPacket(`${this.packet} ${field} must be a Uint8Array, not ${shown(value)}`)
    }
    if (value.length > 65_535) {
      throw invalidPacket(`${this.packet} ${field} must not be over 65,535 bytes, it has ${value.length} [MQTT5 1.5.6]`)
    }
    this.u16(value.length)
    this.raw(value)
  }

  /** Bytes as they are. */
  raw(value: Uint8Array): void {
    this.reserve(value.length)
    this.bytes.set(value, this.position)
    this.position += value.length
  }

  /**
   * Fills in the variable byte integer for which the caller left `reserved` bytes free at `offset` after `start`, moving
   * what follows where it takes more or fewer bytes.
   */
  fillVarint(offset: number, reserved: number, value: number): void {
    const extra = varintLength(value) - reserved
    if (extra !== 0) {
      if (extra > 0) this.reserve(extra)
      const from = this.start + offset + reserved
      this.bytes.copyWithin(from + extra, from, this.position)
      this.position += extra
    }
    const end = this.position
    this.position = this.start + offset
    this.varint(value)
    this.position = end
  }
}
