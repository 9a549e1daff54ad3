/**
 * A Map by packet identifier or other number, in the order of insertion, that takes no memory before its first entry: a
 * server has a hundred thousand of them, and most of its clients are idle.
 */
export class IdMap<T> {
  #items: Map<number, T> = none

  get size(): number {
    return this.#items.size
  }

  get(id: number): T | undefined {
    return this.#items.get(id)
  }

  has(id: number): boolean {
    return this.#items.has(id)
  }

  set(id: number, item: T): void {
    if (this.#items === none) this.#items = new Map()
    this.#items.set(id, item)
  }

  /** Whether it was there. */
  delete(id: number): boolean {
    return this.#items.delete(id)
  }

  clear(): void {
    this.#items = none
  }

  keys(): IterableIterator<number> {
    return this.#items.keys()
  }

  values(): IterableIterator<T> {
    return this.#items.values()
  }

  [Symbol.iterator](): IterableIterator<[number, T]> {
    return this.#items.entries()
  }
}

/** Nothing is ever put in. */
const none = new Map<number, never>()
