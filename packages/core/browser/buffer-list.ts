import { Buffer, toText, viewOf } from './buffer.js'

/** Of `bl` what mqtt-packet's parser calls: chunks in a list, joined once when somebody reads. */
export class BufferList {
  #chunks: Uint8Array[] = []
  length = 0

  append(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.length += chunk.length
  }

  /** Drops bytes at the front. */
  consume(count: number): void {
    const rest = this.#whole().subarray(count)
    this.#chunks = [rest]
    this.length = rest.length
  }

  /** A view of the bytes `[start, end)`. */
  slice(start?: number, end?: number): Buffer {
    const { buffer, byteOffset, length } = this.#whole().subarray(start, end)
    return Buffer.from(buffer, byteOffset, length)
  }

  toString(_encoding?: string, start?: number, end?: number): string {
    return toText(this.#whole().subarray(start, end))
  }

  readUInt8(at: number): number {
    return viewOf(this.#whole()).getUint8(at)
  }

  readUInt16BE(at: number): number {
    return viewOf(this.#whole()).getUint16(at)
  }

  readUInt32BE(at: number): number {
    return viewOf(this.#whole()).getUint32(at)
  }

  #whole(): Uint8Array<ArrayBuffer> {
    if (this.#chunks.length !== 1) {
      const whole = new Uint8Array(this.length)
      let at = 0
      for (const chunk of this.#chunks) {
        whole.set(chunk, at)
        at += chunk.length
      }
      this.#chunks = [whole]
    }
    return this.#chunks[0] as Uint8Array<ArrayBuffer>
  }
}
