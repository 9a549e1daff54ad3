/** The packet identifiers of one sender: 1 to 65,535, none used twice at a time [MQTT-2.2.1-3]. */
export class PacketIds {
  readonly #used = new Set<number>()
  #last = 0

  /** Whether one is left. */
  get isFree(): boolean {
    return this.#used.size < 65_535
  }

  /** The next identifier that is free, after the last; the caller knows that one is. */
  take(): number {
    do this.#last = this.#last === 65_535 ? 1 : this.#last + 1
    while (this.#used.has(this.#last))
    this.#used.add(this.#last)
    return this.#last
  }

  /** Marks an identifier of an earlier life as used. */
  reserve(id: number): void {
    this.#used.add(id)
  }

  free(id: number): void {
    this.#used.delete(id)
  }
}
