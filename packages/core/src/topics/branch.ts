import type { Entries } from './entries.js'

/** Where a wildcard filter has got to after some of its levels. */
export class Branch<T> {
  readonly #level: string
  /** On by `+`. */
  any: Branch<T> | undefined
  /** On by the one level that there is: as many branches have but one, it is worth more than a map. */
  #only: Branch<T> | undefined
  /** On by one of several levels. `+` and `#` are never among them. */
  #several: Map<string, Branch<T>> | undefined
  /** Of the filter that ends here. */
  here: Entries<T> | undefined
  /** Of the filter that goes on with `#`. */
  below: Entries<T> | undefined

  constructor(level = '') {
    this.#level = level
  }

  get isEmpty(): boolean {
    return (this.any ?? this.#only ?? this.#several ?? this.here ?? this.below) === undefined
  }

  /** On by a level of a topic, which is never a wildcard. */
  next(level: string): Branch<T> | undefined {
    const only = this.#only
    if (only !== undefined) return only.#level === level ? only : undefined
    return this.#several?.get(level)
  }

  /** On by a level of a filter. */
  to(level: string): Branch<T> | undefined {
    return level === '+' ? this.any : this.next(level)
  }

  /** As `to`, and makes it where it is not there. */
  grow(level: string): Branch<T> {
    if (level === '+') return (this.any ??= new Branch())
    const known = this.next(level)
    if (known !== undefined) return known
    const branch = new Branch<T>(compact(level))
    if (this.#only !== undefined) {
      this.#several = new Map([[this.#only.#level, this.#only]])
      this.#only = undefined
    }
    if (this.#several === undefined) this.#only = branch
    else this.#several.set(branch.#level, branch)
    return branch
  }

  /** Takes away what `to` leads to. */
  cut(level: string): void {
    if (level === '+') this.any = undefined
    else if (this.#only !== undefined) this.#only = undefined
    else if (this.#several?.delete(level) === true && this.#several.size === 0) this.#several = undefined
  }
}

/** The same text without the longer one that it was cut from, which an engine keeps as long as it keeps the part. */
export function compact(text: string): string {
  return ` ${text}`.slice(1)
}
