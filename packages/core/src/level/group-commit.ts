/**
 * Writes of one time as one: while a commit runs, what else comes is gathered, and goes with the next. So a disk that needs a
 * millisecond serves a thousand sessions as fast as one.
 *
 * @param commit - makes all or none of what it is given
 * @returns what takes a part, which is never cut, and resolves when it is committed
 */
export function groupCommit<T>(commit: (items: T[]) => Promise<void>): (part: readonly T[]) => Promise<void> {
  let waiting: T[] = []
  let next: Promise<void> | undefined
  let running: Promise<unknown> = Promise.resolve()
  const run = (): Promise<void> => {
    const items = waiting
    waiting = []
    next = undefined
    return commit(items)
  }
  return (part) => {
    for (const item of part) waiting.push(item)
    if (next === undefined) {
      next = running.then(run)
      // Whoever wrote hears of a failure; the next commit has a try of its own.
      running = next.catch(() => undefined)
    }
    return next
  }
}
