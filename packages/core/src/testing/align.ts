/** What two lists have in common, or what is only in one of them. */
export interface Stretch<T> {
  readonly equal: readonly T[]
  readonly removed: readonly T[]
  readonly added: readonly T[]
}

/** The two lists as stretches in order, with as much in common as there is. */
export function align<T>(
  actual: readonly T[],
  expected: readonly T[],
  same: (actual: T, expected: T) => boolean,
): Stretch<T>[] {
  // common[i][j]: how much the rests from i and from j on have in common.
  const common = Array.from({ length: actual.length + 1 }, () => new Array<number>(expected.length + 1).fill(0))
  for (let i = actual.length - 1; i >= 0; i--) {
    for (let j = expected.length - 1; j >= 0; j--) {
      const both = same(actual[i]!, expected[j]!) ? 1 + common[i + 1]![j + 1]! : 0
      common[i]![j] = Math.max(both, common[i + 1]![j]!, common[i]![j + 1]!)
    }
  }
  const stretches: { equal: T[]; removed: T[]; added: T[] }[] = []
  let i = 0
  let j = 0
  while (i < actual.length || j < expected.length) {
    const stretch = { equal: [] as T[], removed: [] as T[], added: [] as T[] }
    const matched = (): boolean => i < actual.length && j < expected.length && same(actual[i]!, expected[j]!)
    for (; matched(); i++, j++) stretch.equal.push(actual[i]!)
    while ((i < actual.length || j < expected.length) && !matched()) {
      if (i === actual.length || (j < expected.length && common[i]![j + 1]! >= common[i + 1]![j]!)) {
        stretch.removed.push(expected[j++]!)
      } else {
        stretch.added.push(actual[i++]!)
      }
    }
    stretches.push(stretch)
  }
  return stretches
}
