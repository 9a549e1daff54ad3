/** From so many values on, their places are in a map: below, looking through them is faster and takes less memory. */
const few = 8

/**
 * The values of one filter, and of the shared subscriptions with that filter. Each is there once, in no order; an array,
 * because matching reads it far more often than anything changes it.
 */
export class Entries<T> {
  #values: T[] = []
  #places: Map<T, number> | undefined
  #shares: Map<string, Entries<T>> | undefined

  get isEmpty(): boolean {
    return this.#values.length === 0 && this.#shares === undefined
  }

  /** False: it was there. */
  add(share: string | undefined, value: T): boolean {
    if (share !== undefined) {
      this.#shares ??= new Map()
      let entries = this.#shares.get(share)
      if (entries === undefined) this.#shares.set(share, (entries = new Entries()))
      return entries.add(undefined, value)
    }
    if (this.#placeOf(value) !== undefined) return false
    this.#places?.set(value, this.#values.length)
    // An array that begins with its value has room for one, not for many.
    if (this.#values.length === 0) this.#values = [value]
    else this.#values.push(value)
    if (this.#places === undefined && this.#values.length > few) {
      this.#places = new Map(this.#values.map((each, place) => [each, place]))
    }
    return true
  }

  /** False: it was not there. */
  remove(share: string | undefined, value: T): boolean {
    if (share !== undefined) {
      const entries = this.#shares?.get(share)
      if (entries?.remove(undefined, value) !== true) return false
      if (entries.isEmpty) this.#shares!.delete(share)
      if (this.#shares!.size === 0) this.#shares = undefined
      return true
    }
    const place = this.#placeOf(value)
    if (place === undefined) return false
    const last = this.#values.pop()!
    if (place < this.#values.length) {
      this.#values[place] = last
      this.#places?.set(last, place)
    }
    this.#places?.delete(value)
    return true
  }

  pushTo(values: T[]): void {
    const own = this.#values
    for (let i = 0; i < own.length; i++) values.push(own[i]!)
    if (this.#shares !== undefined) for (const entries of this.#shares.values()) entries.pushTo(values)
  }

  #placeOf(value: T): number | undefined {
    if (this.#places !== undefined) return this.#places.get(value)
    const place = this.#values.indexOf(value)
    return place < 0 ? undefined : place
  }
}
