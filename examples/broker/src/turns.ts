/** Calls about names: those of one name run side by side, but for what has to be alone; those of different names always do. */
export class Turns {
  /** When everything about a name that was called until now is over, however it ended. */
  readonly #all = new Map<string, Promise<void>>()
  /** The same of what runs alone. */
  readonly #alone = new Map<string, Promise<void>>()

  /** Runs at once, or when what runs alone is over. */
  beside<T>(name: string, run: () => Promise<T>): Promise<T> {
    const result = after(this.#alone.get(name), run)
    enter(this.#all, name, result)
    return result
  }

  /** Runs when everything before it is over; what comes after it waits for its end. */
  alone<T>(name: string, run: () => Promise<T>): Promise<T> {
    const result = after(this.#all.get(name), run)
    enter(this.#all, name, result)
    enter(this.#alone, name, result)
    return result
  }

  /** Resolves when nothing runs or waits any more. */
  async idle(): Promise<void> {
    while (this.#all.size > 0) await Promise.all(this.#all.values())
  }
}

function after<T>(before: Promise<void> | undefined, run: () => Promise<T>): Promise<T> {
  return before === undefined ? run() : before.then(run)
}

/** Notes a call; who made it hears of its failure. */
function enter(calls: Map<string, Promise<void>>, name: string, result: Promise<unknown>): void {
  const over = Promise.allSettled([calls.get(name), result]).then(() => {
    if (calls.get(name) === over) calls.delete(name)
  })
  calls.set(name, over)
}
