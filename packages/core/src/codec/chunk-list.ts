const smallChunk = 4096
const largestBlock = 65_536

/**
 * Chunks waiting for the rest of a frame. Small ones are gathered in blocks that grow with what is there, so that bytes
 * that come one by one cost a byte each; nothing is copied twice before it is taken.
 */
export class ChunkList {
  #chunks: Uint8Array[] = []
  #first = 0
  #offset = 0
  #length = 0
  /** The block that small chunks are gathered in, and how much of it is used. */
  #block: Uint8Array | undefined
  #used = 0

  get length(): number {
    return this.#length
  }

  push(chunk: Uint8Array): void {
    this.#length += chunk.length
    if (chunk.length >= smallChunk) {
      this.#seal()
      this.#chunks.push(chunk)
      return
    }
    if (this.#block === undefined || this.#used + chunk.length > this.#block.length) {
      this.#seal()
      this.#block = new Uint8Array(Math.min(largestBlock, Math.max(256, chunk.length * 2, this.#length)))
      this.#used = 0
    }
    this.#block.set(chunk, this.#used)
    this.#used += chunk.length
  }

  /** Takes the first chunk, or what is left of it; undefined when nothing is there. */
  shift(): Uint8Array | undefined {
    if (this.#first === this.#chunks.length) this.#seal()
    const chunk = this.#chunks[this.#first]
    if (chunk === undefined) return undefined
    const rest = this.#offset === 0 ? chunk : chunk.subarray(this.#offset)
    this.#next()
    this.#length -= rest.length
    return rest
  }

  /** Takes exactly `target.length - start` bytes, which the caller knows to be there, into `target` from `start` on. */
  takeInto(target: Uint8Array, start: number): void {
    let at = start
    this.#seal()
    while (at < target.length) {
      const chunk = this.#chunks[this.#first]!
      const part = chunk.subarray(this.#offset, this.#offset + target.length - at)
      target.set(part, at)
      at += part.length
      this.#length -= part.length
      this.#offset += part.length
      if (this.#offset === chunk.length) this.#next()
    }
  }

  #next(): void {
    this.#chunks[this.#first] = empty
    this.#first++
    this.#offset = 0
    if (this.#first === this.#chunks.length) {
      this.#chunks = []
      this.#first = 0
    }
  }

  #seal(): void {
    if (this.#block === undefined || this.#used === 0) return
    this.#chunks.push(this.#block.subarray(0, this.#used))
    this.#block = undefined
    this.#used = 0
  }
}

const empty = new Uint8Array(0)
