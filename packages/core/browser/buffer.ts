const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Without the static methods, of which Buffer has other ones. */
const Bytes: {
  new (source: number | ArrayLike<number> | ArrayBuffer, offset?: number, length?: number): Uint8Array<ArrayBuffer>
} = Uint8Array

/** Of Node's Buffer what mqtt-packet calls; a `Uint8Array` otherwise. */
export class Buffer extends Bytes {
  /** Bytes of an ArrayBuffer as a view, of a list or of text as a copy. */
  static from(source: ArrayBuffer | ArrayLike<number> | string, offset?: number, length?: number): Buffer {
    return typeof source === 'string' ? new Buffer(encoder.encode(source)) : new Buffer(source, offset, length)
  }

  static alloc(size: number): Buffer {
    return new Buffer(size)
  }

  static allocUnsafe(size: number): Buffer {
    return new Buffer(size)
  }

  static isBuffer(value: unknown): value is Buffer {
    return value instanceof Buffer
  }

  /** How many bytes text takes as UTF-8. */
  static byteLength(value: string | Uint8Array): number {
    return typeof value === 'string' ? encoder.encode(value).length : value.length
  }

  copy(target: Uint8Array, at: number): void {
    target.set(this, at)
  }

  write(text: string, at: number): void {
    encoder.encodeInto(text, this.subarray(at))
  }

  writeUInt8(value: number, at: number): void {
    this[at] = value
  }

  writeUInt32BE(value: number, at: number): void {
    viewOf(this).setUint32(at, value)
  }
}

/** @throws RangeError where a number is read or written past the end */
export function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length)
}

/** Bytes as text: what is ill-formed becomes U+FFFD, a byte order mark stays. */
export function toText(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}
