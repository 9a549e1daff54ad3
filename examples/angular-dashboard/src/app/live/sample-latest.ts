import { auditTime, defer, map, type OperatorFunction, tap } from 'rxjs'

export interface SampleLatestOptions {
  /** Milliseconds between two samples. */
  readonly period: number
  /** Keys in one sample; what comes with others is only counted. */
  readonly maximum: number
}

/** What came since the last sample. */
export interface LatestSample<T> {
  /** The last value of each key. */
  readonly latest: ReadonlyMap<string, T>
  /** Values, those that are not in `latest` included. */
  readonly count: number
}

// #region operator
/**
 * The latest value of each key, once a period in which something came. However fast the source is, no more is held than
 * `maximum` values, and no more is emitted than one sample a period.
 */
export function sampleLatest<T>(
  keyOf: (value: T) => string,
  { period, maximum }: SampleLatestOptions,
): OperatorFunction<T, LatestSample<T>> {
  return (source) =>
    defer(() => {
      let latest = new Map<string, T>()
      let count = 0
      return source.pipe(
        tap((value) => {
          const key = keyOf(value)
          if (latest.size < maximum || latest.has(key)) latest.set(key, value)
          count++
        }),
        auditTime(period),
        map(() => {
          const sample = { latest, count }
          latest = new Map()
          count = 0
          return sample
        }),
      )
    })
}
// #endregion
