/** Something that ends. */
export interface Expiring {
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  /** Where it is in the heap: the heap's own. */
  place: number
}

/** What ends, the next first: a binary heap whose members know their places, so that any of them can be taken out. */
export class ExpiryHeap<T extends Expiring> {
  readonly #items: T[] = []

  get first(): T | undefined {
    return this.#items[0]
  }

  add(item: T): void {
    this.#items.push(item)
    this.#rise(item, this.#items.length - 1)
  }

  /** Takes out an item that is there. */
  delete(item: T): void {
    const last = this.#items.pop()!
    if (last === item) return
    this.#rise(last, item.place)
    this.#sink(last, last.place)
  }

  #rise(item: T, from: number): void {
    let place = from
    while (place > 0) {
      const above = (place - 1) >> 1
      if (this.#items[above]!.expiresAt <= item.expiresAt) break
      this.#put(this.#items[above]!, place)
      place = above
    }
    this.#put(item, place)
  }

  #sink(item: T, from: number): void {
    let place = from
    for (;;) {
      let below = 2 * place + 1
      const other = this.#items[below + 1]
      if (other !== undefined && other.expiresAt < this.#items[below]!.expiresAt) below++
      if (below >= this.#items.length || this.#items[below]!.expiresAt >= item.expiresAt) break
      this.#put(this.#items[below]!, place)
      place = below
    }
    this.#put(item, place)
  }

  #put(item: T, place: number): void {
    this.#items[place] = item
    item.place = place
  }
}
