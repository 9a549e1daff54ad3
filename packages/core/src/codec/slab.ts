import { ByteWriter } from './byte-writer.js'

const slabSize = 131_072
const copiedChunk = 32_768
/** Payloads over so many bytes are chunks of their own, uncopied. */
const joinedChunk = 4_096

/** A few bytes of the slab, lent to an encoder until they are taken: then they are copied. */
export interface Loan {
  readonly bytes: Uint8Array
  readonly from: number
  readonly to: number
  readonly length: number
}

/** What writes to the slab, and gets what it has written. */
export interface SlabOwner {
  ready(chunk: Uint8Array | Loan): void
}

/** The memory that all encoders write to, one after the other; what was taken is never written again. */
class Slab extends ByteWriter {
  /** Whose committed bytes, not yet taken, end at `start`. */
  owner: SlabOwner | undefined
  /** Where these begin. */
  run = 0
  /** Loans of this memory. */
  #lent = 0
  /** Where what is handed out for good ends. */
  #kept = 0

  protected override grow(length: number): void {
    this.release()
    super.grow(length)
    this.run = this.#lent = this.#kept = 0
  }

  /** Lets `owner` write next. */
  acquire(owner: SlabOwner): void {
    if (this.owner === owner) return
    this.release()
    this.owner = owner
  }

  /** Hands what was committed to its owner: for good where it is a good part of the memory, or else as a loan. */
  release(): void {
    const { bytes, run: from, start: to } = this
    if (this.owner === undefined || from === to) return
    const length = to - from
    this.run = to
    if (length < copiedChunk) {
      this.#lent++
      this.owner.ready({ bytes, from, to, length })
    } else {
      this.#kept = to
      this.owner.ready(bytes.subarray(from, to))
    }
  }

  /** Takes a loan back. When there is none any more, the memory is used again. */
  giveBack({ bytes }: Loan): void {
    if (bytes !== this.bytes || --this.#lent > 0 || this.position !== this.run) return
    this.start = this.position = this.run = this.#kept
  }

  /** Gives memory back that one large packet took. */
  trim(): void {
    if (this.bytes.length <= slabSize) return
    this.bytes = new Uint8Array(slabSize)
    this.start = this.position = this.run = this.#lent = this.#kept = 0
  }
}

export const slab: Slab = new Slab(slabSize)

/** Small chunks and loans that follow one another become one: writing to many encoders in turn cuts what each gathers. */
export function joined(chunks: readonly (Uint8Array | Loan)[]): Uint8Array[] {
  const result: Uint8Array[] = []
  for (let from = 0, to = 0; from < chunks.length; from = to) {
    let size = 0
    for (; to < chunks.length && isCopied(chunks[to]!); to++) size += chunks[to]!.length
    const first = chunks[from]!
    if (to - from < 2 && first instanceof Uint8Array) {
      to = from + 1
      result.push(first)
      continue
    }
    const whole = new Uint8Array(size)
    for (let i = from, at = 0; i < to; at += chunks[i++]!.length) copy(chunks[i]!, whole, at)
    result.push(whole)
  }
  return result
}

function isCopied(chunk: Uint8Array | Loan): boolean {
  return !(chunk instanceof Uint8Array) || chunk.length <= joinedChunk
}

function copy(chunk: Uint8Array | Loan, whole: Uint8Array, at: number): void {
  if (chunk instanceof Uint8Array) return whole.set(chunk, at)
  const { bytes, from, to } = chunk
  whole.set(bytes.subarray(from, to), at)
  slab.giveBack(chunk)
}
