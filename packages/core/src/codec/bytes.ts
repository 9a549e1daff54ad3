import { readUtf8 } from './utf8.js'
import { malformed } from './violation.js'

/** The largest remaining length and variable byte integer: four bytes of seven bits [MQTT5 1.5.5]. */
export const maximumVarint = 268_435_455

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
    return readUtf8(this.bytes, start, this.position, this.packet, field)
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
      throw malformed(
        `${this.packet} has ${this.remaining} bytes left over after its last field [MQTT5 4.13.1] [MQTT-4.8.0-1]`,
      )
    }
  }

  #need(length: number, field: string): void {
    if (length > this.end - this.position) {
      throw malformed(
        `${this.packet} ends inside ${field}: ${length} bytes needed, ${this.remaining} left [MQTT5 4.13.1] [MQTT-4.8.0-1]`,
      )
    }
  }
}
