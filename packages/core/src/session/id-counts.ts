import { IdMap } from './id-map.js'

/** How often each of a few packet identifiers is there. */
export class IdCounts {
  readonly #counts = new IdMap<number>()

  add(id: number): void {
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1)
  }

  /** Takes one out; false where there is none. */
  take(id: number): boolean {
    const count = this.#counts.get(id)
    if (count === undefined) return false
    if (count > 1) this.#counts.set(id, count - 1)
    else this.#counts.delete(id)
    return true
  }

  clear(): void {
    this.#counts.clear()
  }
}
