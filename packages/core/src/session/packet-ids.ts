import { IdMap } from './id-map.js'

/** The packet identifiers of one sender: 1 to 65,535, none used twice at a time [MQTT-2.2.1-3]. */
export class PacketIds {
  readonly #onChange: () => void
  readonly #used = new IdMap<true>()
  #last = 0

  /** @param onChange - told when the first comes into use, and when the last is free again */
  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  /** Whether one is left. */
  get isFree(): boolean {
    return this.#used.size < 65_535
  }

  /** Whether one is in use: an answer of the peer is awaited. */
  get isAnyUsed(): boolean {
    return this.#used.size > 0
  }

  /** The next identifier that is free, after the last; the caller knows that one is. */
  take(): number {
    do this.#last = this.#last === 65_535 ? 1 : this.#last + 1
    while (this.#used.has(this.#last))
    this.reserve(this.#last)
    return this.#last
  }

  /** Marks an identifier of an earlier life as used. */
  reserve(id: number): void {
    this.#used.set(id, true)
    if (this.#used.size === 1) this.#onChange()
  }

  free(id: number): void {
    if (this.#used.delete(id) && this.#used.size === 0) this.#onChange()
  }
}
