/** First in, first out, at a constant cost; without memory of its own before the first item. */
export class Queue<T> {
  #items: (T | undefined)[] = none
  #first = 0

  get length(): number {
    return this.#items.length - this.#first
  }

  /** The item that comes next. */
  get first(): T | undefined {
    return this.#items[this.#first]
  }

  push(item: T): void {
    if (this.#items === none) this.#items = []
    this.#items.push(item)
  }

  /** The first item; the caller knows that there is one. */
  shift(): T {
    const item = this.#items[this.#first] as T
    this.#items[this.#first++] = undefined
    if (this.#first > 64 && this.#first * 2 > this.#items.length) {
      this.#items.splice(0, this.#first)
      this.#first = 0
    }
    return item
  }

  /** Drops what `keep` says no to. */
  retain(keep: (item: T) => boolean): void {
    this.#items = (this.#items.slice(this.#first) as T[]).filter(keep)
    this.#first = 0
  }

  clear(): void {
    this.#items = none
    this.#first = 0
  }
}

/** Nothing is ever put in. */
const none = Object.freeze([]) as unknown as never[]
