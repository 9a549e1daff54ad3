// As much of Node as the helpers of the transport contract need, in a page: bytes that tell a lost, doubled or swapped
// piece, and a short text for comparing many. Bundled in place of node:crypto and node:fs.

/** Numbers that look random and are the same for the same seed. */
function* random(seed: number): Generator<number> {
  for (let state = seed || 1; ; ) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    yield state
  }
}

export function createCipheriv(_name: string, key: Uint8Array): { update(zeros: Uint8Array): Uint8Array } {
  return {
    update: (zeros) => {
      const numbers = random(new DataView(key.buffer).getInt32(0))
      const words = new Int32Array(Math.ceil(zeros.length / 4))
      for (let i = 0; i < words.length; i++) words[i] = numbers.next().value as number
      return new PageBuffer(words.buffer, 0, zeros.length)
    },
  }
}

interface Hash {
  update(data: string | Uint8Array): Hash
  digest(encoding?: 'hex'): unknown
}

export function createHash(): Hash {
  let state = 0x811c9dc5
  const hash: Hash = {
    update: (data) => {
      for (const byte of typeof data === 'string' ? new TextEncoder().encode(data) : data) {
        state = Math.imul(state ^ byte, 0x01000193)
      }
      return hash
    },
    digest: (encoding) =>
      encoding === 'hex' ? (state >>> 0).toString(16) : new Uint8Array(Int32Array.of(state).buffer),
  }
  return hash
}

export function readFileSync(): never {
  throw new Error('a page has no files')
}

class PageBuffer extends Uint8Array<ArrayBuffer> {
  static alloc(size: number): Uint8Array {
    return new PageBuffer(new ArrayBuffer(size))
  }

  static concat(chunks: readonly Uint8Array[]): Uint8Array {
    const whole = PageBuffer.alloc(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
    let at = 0
    for (const chunk of chunks) {
      whole.set(chunk, at)
      at += chunk.length
    }
    return whole
  }
}

const { port1, port2 } = new MessageChannel()
const immediates: (() => void)[] = []
Object.assign(port1, { onmessage: () => immediates.shift()?.() })

Object.assign(globalThis, {
  Buffer: PageBuffer,
  process: { nextTick: (run: () => void) => queueMicrotask(run) },
  setImmediate: (run: () => void) => {
    immediates.push(run)
    port2.postMessage(undefined)
  },
})
