import { asyncScheduler, NEVER, Observable } from 'rxjs'

/** Milliseconds: a platform's timer takes a longer time for none. */
const longest = 2_147_483_647

/**
 * Emits 0 at a time, in milliseconds since the epoch, and completes; never before it by the clock, however far away it is, and
 * never inside `subscribe`. A time that has passed is now; `Infinity` never comes, and takes no timer.
 *
 * @example
 * ```ts
 * at(Date.parse('2040-01-01')).subscribe(() => console.log('a happy new year'))
 * ```
 */
export function at(time: number): Observable<0> {
  if (time === Number.POSITIVE_INFINITY) return NEVER
  const wait = (): number => Math.min(Math.max(time - asyncScheduler.now(), 0), longest)
  return new Observable((subscriber) =>
    asyncScheduler.schedule(function () {
      const more = wait()
      if (more > 0) {
        this.schedule(undefined, more)
        return
      }
      subscriber.next(0)
      subscriber.complete()
    }, wait()),
  )
}
