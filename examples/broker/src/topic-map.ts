/** A level of topics: what is kept at a topic that ends here, and the levels below. */
interface Level<V> {
  readonly name: string
  readonly parent: Level<V> | undefined
  below: Map<string, Level<V>> | undefined
  value: V | undefined
}

/**
 * Values by topic, found by filter: `TopicTree` the other way round. A level without a wildcard is one lookup, `+` visits one
 * level of topics, `#` all that it stands for. Filters and topics are taken as they are; however deep, nothing recurs.
 */
export class TopicMap<V> {
  readonly #root: Level<V> = { name: '', parent: undefined, below: undefined, value: undefined }

  get(topic: string): V | undefined {
    return this.#find(topic)?.value
  }

  set(topic: string, value: V): void {
    let level = this.#root
    for (const name of topic.split('/')) {
      level.below ??= new Map()
      const known = level.below.get(name)
      if (known !== undefined) level = known
      else {
        const grown: Level<V> = { name: compact(name), parent: level, below: undefined, value: undefined }
        level.below.set(grown.name, grown)
        level = grown
      }
    }
    level.value = value
  }

  /** Nothing stays of what leads to no value. */
  delete(topic: string): void {
    let level = this.#find(topic)
    if (level === undefined) return
    level.value = undefined
    while (level.value === undefined && level.below === undefined && level.parent !== undefined) {
      const { parent, name }: Level<V> = level
      parent.below!.delete(name)
      if (parent.below!.size === 0) parent.below = undefined
      level = parent
    }
  }

  /** The values of all topics that a filter matches, in no order. The array is the caller's. */
  match(filter: string): V[] {
    let reached = [this.#root]
    const names = filter.split('/')
    const isOpen = names.at(-1) === '#'
    if (isOpen) names.pop()
    for (const name of names) {
      const further: Level<V>[] = []
      for (const level of reached) {
        if (name === '+') this.#pushBelow(level, further)
        else {
          const next = level.below?.get(name)
          if (next !== undefined) further.push(next)
        }
      }
      reached = further
    }
    if (isOpen) for (let i = 0; i < reached.length; i++) this.#pushBelow(reached[i]!, reached)
    const values: V[] = []
    for (const { value } of reached) if (value !== undefined) values.push(value)
    return values
  }

  #find(topic: string): Level<V> | undefined {
    let level: Level<V> | undefined = this.#root
    for (const name of topic.split('/')) level = level?.below?.get(name)
    return level
  }

  /** A wildcard at the beginning does not stand for what begins with `$` [MQTT-4.7.2-1]. */
  #pushBelow(level: Level<V>, levels: Level<V>[]): void {
    if (level.below === undefined) return
    const isFirst = level === this.#root
    for (const each of level.below.values()) if (!isFirst || !each.name.startsWith('$')) levels.push(each)
  }
}

/** The same text without the topic that it was cut from, which an engine keeps as long as it keeps the part. */
function compact(text: string): string {
  return ` ${text}`.slice(1)
}
