import { concatWith, defer, mergeMap, NEVER, type Observable, of, retry, throwError, timer } from 'rxjs'
import { failure } from '../spec-support/codec.js'
import { random } from '../spec-support/random.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { marbles } from '../testing/marbles.js'
import { backoff, type BackoffOptions } from './backoff.js'

expectNoUnhandled()

/** Numbers from 0 to 1 that come again with the same seed. */
function seeded(seed: number): () => number {
  const next = random(seed)
  return () => next(1_000_000) / 1_000_000
}

/** Milliseconds that the delay of an attempt takes. */
function delayOf(attempt: number, options: BackoffOptions): number {
  let milliseconds = Number.NaN
  marbles(({ now, flush }) => {
    backoff(options)(new Error('no'), attempt).subscribe({ complete: () => (milliseconds = now()) })
    flush()
  })
  return milliseconds
}

const least = (): number => 0
const most = (): number => 1

describe('backoff', () => {
  test('emits 0 after the delay, and completes', () => {
    marbles(({ expectObservable }) => {
      expectObservable(backoff({ jitter: 0 })(new Error('no'), 1)).toBe('1s (a|)', { a: 0 })
      expectObservable(backoff({ jitter: 0 })(new Error('no'), 2)).toBe('2s (a|)', { a: 0 })
    })
  })

  test('is cold, and stops with its subscription', () => {
    marbles(({ expectObservable, now, flush }) => {
      const delay$ = backoff({ jitter: 0 })(new Error('no'), 1)
      expectObservable(delay$, '^ 99ms !').toBe('-')
      expectObservable(delay$, '500ms ^ 99ms !').toBe('-')
      flush()
      expect(now()).toBeLessThanOrEqual(600)
    })
  })

  test('each nominal delay is twice the one before, from 1 s, and no delay is over two minutes', () => {
    const attempts = [1, 2, 3, 4, 5, 6, 7, 8, 9, 100, 5_000]
    const lows = attempts.map((attempt) => Math.round(delayOf(attempt, { random: least })))
    const highs = attempts.map((attempt) => Math.round(delayOf(attempt, { random: most })))
    expect(lows.slice(0, 7)).toEqual([750, 1_500, 3_000, 6_000, 12_000, 24_000, 48_000])
    expect(lows.slice(7)).toEqual([51_429, 51_429, 51_429, 51_429])
    expect(highs.slice(0, 7)).toEqual([1_750, 3_500, 7_000, 14_000, 28_000, 56_000, 112_000])
    expect(highs.slice(7)).toEqual([120_000, 120_000, 120_000, 120_000])
  })

  test('each option has its part', () => {
    const options = { initial: 100, maximum: 1_000, factor: 3, jitter: 0.5 }
    const attempts = [1, 2, 3, 4]
    expect(attempts.map((attempt) => delayOf(attempt, { ...options, random: least }))).toEqual([50, 150, 200, 200])
    expect(attempts.map((attempt) => delayOf(attempt, { ...options, random: most }))).toEqual([250, 750, 1_000, 1_000])
    expect(delayOf(3, { jitter: 0 })).toBe(4_000)
    expect(delayOf(3, { factor: 1, jitter: 0 })).toBe(1_000)
    expect(delayOf(1, { initial: 9_000, maximum: 100, jitter: 0 })).toBe(100)
  })

  test('the spread stays more than 20 % of the mean, also where the delays no longer grow', () => {
    const numbers = seeded(26)
    for (const attempt of [1, 2, 7, 8, 20]) {
      const delays = Array.from({ length: 1_000 }, () => delayOf(attempt, { random: numbers }))
      expect(deviation(delays) / mean(delays)).toBeGreaterThan(0.2)
      expect(Math.max(...delays)).toBeLessThanOrEqual(120_000)
    }
  })

  test('without a function of its own it is random', () => {
    const delays = new Set(Array.from({ length: 20 }, () => delayOf(1, {})))
    expect(delays.size).toBeGreaterThan(10)
    for (const delay of delays) {
      expect(delay).toBeGreaterThanOrEqual(750)
      expect(delay).toBeLessThan(1_750)
    }
  })

  test('with retry: longer each time, and from the start again after a success', () => {
    marbles(({ expectObservable, now }) => {
      const attempts: number[] = []
      const dial$: Observable<string> = defer(() => {
        attempts.push(now())
        if (attempts.length === 4) return timer(500).pipe(mergeMap(() => of('up').pipe(concatWith(failing$))))
        return attempts.length === 5 ? NEVER : failing$
      })
      const dialling$ = dial$.pipe(retry({ delay: backoff({ jitter: 0 }), resetOnSuccess: true }))
      // At 0, 1, 3 and 7 s; up half a second later, broken at once, and again a second after that.
      expectObservable(dialling$, '^ 20s !').toBe('7500ms a', { a: 'up' })
      timer(19_000).subscribe(() => expect(attempts).toEqual([0, 1_000, 3_000, 7_000, 8_500]))
    })
  })

  test.each([
    { initial: 0 },
    { initial: 0.5 },
    { initial: Number.NaN },
    { maximum: 0 },
    { maximum: 2_147_483_648 },
    { factor: 0.9 },
    { factor: Number.NaN },
    { factor: Number.POSITIVE_INFINITY },
    { factor: '2' as unknown as number },
    { jitter: -0.1 },
    { jitter: 1.1 },
    { jitter: Number.NaN },
    { random: 0.5 as unknown as () => number },
  ])('%j is an invalid option', (options) => {
    expect(failure(() => backoff(options))).toMatchObject({ code: 'invalid-option' })
  })
})

describe('a reconnect storm: a thousand clients whose server went down in the same moment', () => {
  test('at most two attempts each in the first five seconds, spread, and fewer and fewer later', () => {
    const attempts: number[] = []
    const first: number[] = []
    marbles(({ now, flush }) => {
      const delay = backoff({ random: seeded(1_000) })
      for (let client = 0; client < 1_000; client++) {
        let dials = 0
        const dial$ = defer(() => {
          // The first one is the connection that breaks, at 0.
          if (dials++ > 0) attempts.push(now())
          if (dials === 2) first.push(now())
          return failing$
        })
        const subscription = dial$.pipe(retry({ delay, resetOnSuccess: true })).subscribe()
        timer(60_000).subscribe(() => subscription.unsubscribe())
      }
      flush()
    })
    const upTo = (seconds: number): number => attempts.filter((at) => at <= seconds * 1_000).length
    expect(first).toHaveLength(1_000)
    expect(deviation(first) / mean(first)).toBeGreaterThan(0.2)
    expect(upTo(5)).toBeLessThanOrEqual(2_000)
    expect(upTo(5)).toBeGreaterThan(1_000)
    expect(upTo(60)).toBeLessThanOrEqual(6_000)
    // No tenth of a second has more than a fifth of them.
    const tenths = new Map<number, number>()
    for (const at of attempts) tenths.set(Math.floor(at / 100), (tenths.get(Math.floor(at / 100)) ?? 0) + 1)
    expect(Math.max(...tenths.values())).toBeLessThan(200)
  })
})

const failing$ = throwError(() => new Error('down'))

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function deviation(values: readonly number[]): number {
  const middle = mean(values)
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)))
}
