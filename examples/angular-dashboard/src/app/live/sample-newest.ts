import { auditTime, defer, map, type OperatorFunction, tap } from 'rxjs'

export interface SampleNewestOptions {
  /** Milliseconds between two samples. */
  readonly period: number
  /** Values in one sample. */
  readonly maximum: number
}

/** What came since the last sample. */
export interface NewestSample<T> {
  /** The newest values, in order. */
  readonly values: readonly T[]
  /** How many came before these, and were let go. */
  readonly omitted: number
}

/** The newest values, once a period in which something came: a `bufferTime` that never holds more than `maximum`. */
export function sampleNewest<T>({ period, maximum }: SampleNewestOptions): OperatorFunction<T, NewestSample<T>> {
  return (source) =>
    defer(() => {
      let ring: T[] = []
      let count = 0
      return source.pipe(
        tap((value) => {
          ring[count % maximum] = value
          count++
        }),
        auditTime(period),
        map(() => {
          const omitted = Math.max(0, count - maximum)
          const oldest = omitted % maximum
          const sample = { values: [...ring.slice(oldest), ...ring.slice(0, oldest)], omitted }
          ring = []
          count = 0
          return sample
        }),
      )
    })
}
