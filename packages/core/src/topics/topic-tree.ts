import { checkOption } from '../codec/limits.js'
import type { ProtocolVersion } from '../packet/packet.js'
import { Branch, compact } from './branch.js'
import { Entries } from './entries.js'
import { checkVersion, invalidFilter, parseTopicFilter } from './topic-filter.js'

/** Options of {@link TopicTree}. */
export interface TopicTreeOptions {
  /**
   * A filter may have so many levels, the share name not counted; a topic may have any number.
   *
   * @default 128
   */
  readonly maximumLevels?: number | undefined
  /**
   * The version whose rules hold for filters: before 5 `$share` is a level like any other.
   *
   * @default 5
   */
  readonly protocolVersion?: ProtocolVersion | undefined
}

/** A filter as the tree keeps it: without a wildcard as it is, otherwise by its levels. */
interface Path {
  readonly share: string | undefined
  readonly filter: string
  readonly levels: readonly string[]
  /** Whether `#` follows the levels. */
  readonly isOpen: boolean
  readonly isExact: boolean
}

/**
 * Topic filters, each with values, such as subscriptions or handlers; a topic finds the values of all filters that match it,
 * by the rules of {@link topicMatcher}. How long that takes depends on the levels of the topic and on the branches that match
 * its beginning, not on the number of filters: one lookup for all filters without a wildcard, then each branch at most once.
 * Nothing stays of what is removed. A shared subscription is an entry of its own beside the filter that it has, and beside
 * those of other share names; choosing one of a share is the caller's.
 *
 * @example
 * ```ts
 * const tree = new TopicTree<string>()
 * tree.add('sport/+/score', 'scores')
 * tree.add('sport/#', 'everything')
 * tree.match('sport/tennis/score') // ['scores', 'everything'], in any order
 * ```
 */
export class TopicTree<T> {
  readonly #maximumLevels: number
  readonly #version: ProtocolVersion
  readonly #exact = new Map<string, Entries<T>>()
  #root = new Branch<T>()
  #size = 0

  /** @throws MqttError `'invalid-option'` */
  constructor({ maximumLevels, protocolVersion = 5 }: TopicTreeOptions = {}) {
    this.#maximumLevels = checkOption('maximumLevels', maximumLevels, 128)
    this.#version = checkVersion(protocolVersion)
  }

  /** The number of entries: filters, each as many times as it has values. */
  get size(): number {
    return this.#size
  }

  /**
   * Adds a value to a filter, to be found once for it, however often it is added. Values are told apart as by `===`.
   *
   * @returns false where the filter has the value already
   * @throws MqttError `'invalid-option'` with reason 0x8F for an ill-formed filter, or one with too many levels; the tree is
   * then as before
   */
  add(filter: string, value: T): boolean {
    const path = this.#parse(filter)
    const isNew = this.#entriesFor(path).add(path.share, value)
    if (isNew) this.#size++
    return isNew
  }

  #entriesFor({ share, filter, levels, isOpen, isExact }: Path): Entries<T> {
    if (isExact) {
      let entries = this.#exact.get(filter)
      if (entries === undefined) {
        entries = new Entries()
        this.#exact.set(share === undefined ? filter : compact(filter), entries)
      }
      return entries
    }
    let branch = this.#root
    for (const level of levels) branch = branch.grow(level)
    return isOpen ? (branch.below ??= new Entries()) : (branch.here ??= new Entries())
  }

  /**
   * Takes a value from a filter, written as it was when it was added.
   *
   * @returns false where the filter did not have the value
   * @throws MqttError `'invalid-option'` as {@link TopicTree.add}
   */
  remove(filter: string, value: T): boolean {
    const path = this.#parse(filter)
    const isGone = path.isExact ? this.#removeExact(path, value) : this.#removeWild(path, value)
    if (isGone) this.#size--
    return isGone
  }

  #removeExact({ filter, share }: Path, value: T): boolean {
    const entries = this.#exact.get(filter)
    if (entries?.remove(share, value) !== true) return false
    if (entries.isEmpty) this.#exact.delete(filter)
    return true
  }

  #removeWild({ share, levels, isOpen }: Path, value: T): boolean {
    const branches = [this.#root]
    for (const level of levels) {
      const branch = branches.at(-1)!.to(level)
      if (branch === undefined) return false
      branches.push(branch)
    }
    const end = branches.at(-1)!
    const entries = isOpen ? end.below : end.here
    if (entries?.remove(share, value) !== true) return false
    if (entries.isEmpty) end[isOpen ? 'below' : 'here'] = undefined
    for (let i = levels.length; i > 0 && branches[i]!.isEmpty; i--) branches[i - 1]!.cut(levels[i - 1]!)
    return true
  }

  /**
   * The values of all filters that match a topic name, in no order, one for each entry: a value that several filters have
   * comes once for each. The array is the caller's. The topic is not checked: a parsed packet's is a topic name already, an
   * empty one matches nothing, and one with more levels than any filter is read only as far as filters go.
   */
  match(topic: string): T[] {
    const values: T[] = []
    if (topic === '') return values
    this.#exact.get(topic)?.pushTo(values)
    let isHidden = topic.startsWith('$')
    let at = 0
    let reached = [this.#root]
    while (at >= 0 && reached.length > 0) {
      const slash = topic.indexOf('/', at)
      const level = slash < 0 ? topic.slice(at) : topic.slice(at, slash)
      const further: Branch<T>[] = []
      for (const branch of reached) {
        if (!isHidden) {
          branch.below?.pushTo(values)
          if (branch.any !== undefined) further.push(branch.any)
        }
        const own = branch.next(level)
        if (own !== undefined) further.push(own)
      }
      isHidden = false
      reached = further
      at = slash < 0 ? -1 : slash + 1
    }
    for (const { here, below } of reached) {
      here?.pushTo(values)
      below?.pushTo(values)
    }
    return values
  }

  /** Removes everything. */
  clear(): void {
    this.#exact.clear()
    this.#root = new Branch()
    this.#size = 0
  }

  #parse(text: string): Path {
    const { share, filter } = parseTopicFilter(text, this.#version)
    const levels = filter.split('/')
    if (levels.length > this.#maximumLevels) {
      throw invalidFilter(`topic filter must not have over ${this.#maximumLevels} levels, it has ${levels.length}`)
    }
    const isOpen = levels.at(-1) === '#'
    if (isOpen) levels.pop()
    return { share, filter, levels, isOpen, isExact: !isOpen && !levels.includes('+') }
  }
}
