type Listener = (value: unknown) => void

/** Of Node's EventEmitter what mqtt-packet calls. */
export class EventEmitter {
  readonly #listeners = new Map<string, Listener>()

  /** One listener an event: `codec/mqtt-packet.ts` adds no second one. */
  on(event: string, listener: Listener): void {
    this.#listeners.set(event, listener)
  }

  /** @throws the value of an `'error'` that nobody listens to, as Node's does */
  emit(event: string, value: unknown): void {
    const listener = this.#listeners.get(event)
    if (listener !== undefined) listener(value)
    else if (event === 'error') throw value as Error
  }
}
