/** Random choices that come again with the same seed. */
export interface Random {
  /** From 0 up to 1. */
  (): number
  /** A whole number from 0 up to `limit`. */
  below(limit: number): number
  /** One of them. */
  of<T>(choices: readonly T[]): T
  /** True, with this probability. */
  chance(probability: number): boolean
  bytes(length: number): Uint8Array
}

/** The mulberry32 generator. */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return Object.assign(next, {
    below,
    of: <T>(choices: readonly T[]): T => choices[below(choices.length)] as T,
    chance: (probability: number): boolean => next() < probability,
    bytes: (length: number): Uint8Array => Uint8Array.from({ length }, () => below(256)),
  })
}
