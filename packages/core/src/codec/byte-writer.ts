import { utf8Length, writeUtf8 } from './utf8.js'
import { invalidPacket, shown } from './violation.js'

/** How many bytes `value` takes as a variable byte integer. */
function varintLength(value: number): number {
  return value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4
}

/** Units of a string that are worth a loop. */
const shortText = 64

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
    this.reserve(4)
    const at = this.position
    this.bytes[at] = value >>> 24
    this.bytes[at + 1] = value >>> 16
    this.bytes[at + 2] = value >>> 8
    this.bytes[at + 3] = value
    this.position = at + 4
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
   * @param of - whose field it is, where there are many, for errors
   * @throws MqttError `'invalid-packet'` for what is not a string, a lone surrogate, U+0000, or over 65,535 bytes
   */
  string(value: unknown, field: string, of?: string): void {
    if (typeof value !== 'string') {
      throw invalidPacket(`${this.#label(field, of)} must be a string, not ${shown(value)}`)
    }
    if (this.#shortAscii(value)) return
    const length = utf8Length(value)
    if (length < 0) {
      throw invalidPacket(
        `${this.#label(field, of)} has a lone surrogate: ${shown(value)} [MQTT-1.5.4-1] [MQTT-1.5.3-1]`,
      )
    }
    if (value.includes('\u0000')) {
      throw invalidPacket(
        `${this.#label(field, of)} must not contain U+0000: ${shown(value)} [MQTT-1.5.4-2] [MQTT-1.5.3-2]`,
      )
    }
    if (length > 65_535) {
      throw invalidPacket(`${this.#label(field, of)} must not be over 65,535 bytes, it has ${length} [MQTT5 1.5.4]`)
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
    if (reserved === 1 && value < 128) {
      this.bytes[this.start + offset] = value
      return
    }
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
  /** Writes text that is short and nothing but ASCII without U+0000, as most is, at one go; false for other text. */
  #shortAscii(value: string): boolean {
    const { length } = value
    if (length > shortText) return false
    this.reserve(length + 2)
    const { bytes, position } = this
    const start = position + 2
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i)
      if (unit > 0x7f || unit === 0) return false
      bytes[start + i] = unit
    }
    bytes[position] = 0
    bytes[position + 1] = length
    this.position = start + length
    return true
  }

  #label(field: string, of: string | undefined): string {
    return of === undefined ? `${this.packet} ${field}` : `${this.packet} ${field} ${shown(of)}`
  }
}
