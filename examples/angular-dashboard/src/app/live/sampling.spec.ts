import { concat, map, NEVER, range } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { sampleLatest } from './sample-latest.js'
import { sampleNewest } from './sample-newest.js'

/** With RxJS's own kit: the app has a copy of RxJS, and virtual time is that of one copy. */
function inVirtualTime(test: Parameters<TestScheduler['run']>[0]): void {
  new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(test)
}

describe('sampleLatest', () => {
  const sample = sampleLatest<string>((value) => value.charAt(0), { period: 10, maximum: 2 })
  const plain = map(({ latest, count }: { latest: ReadonlyMap<string, string>; count: number }) => ({
    latest: Object.fromEntries(latest),
    count,
  }))

  it('emits the last value of each key once a period, and nothing where nothing came', () => {
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const source = hot('-(abc)-----------------------d------------|', { a: 'x1', b: 'y1', c: 'x2', d: 'y2' })
      const samples = '   -----------p---------------------------q--|'
      expectObservable(source.pipe(sample, plain)).toBe(samples, {
        p: { latest: { x: 'x2', y: 'y1' }, count: 3 },
        q: { latest: { y: 'y2' }, count: 1 },
      })
      expectSubscriptions(source.subscriptions).toBe('^-----------------------------------------!')
    })
  })

  it('holds no more keys than it may, but the newest value of those, and counts the others', () => {
    inVirtualTime(({ hot, expectObservable }) => {
      const source = hot('(abcd)', { a: 'x1', b: 'y1', c: 'z1', d: 'x2' })
      expectObservable(source.pipe(sample, plain)).toBe('----------p', {
        p: { latest: { x: 'x2', y: 'y1' }, count: 4 },
      })
    })
  })

  it('begins anew with each subscription', () => {
    inVirtualTime(({ cold, expectObservable }) => {
      const samples$ = cold('a', { a: 'x1' }).pipe(sample, plain)
      const expected = { p: { latest: { x: 'x1' }, count: 1 } }
      expectObservable(samples$).toBe('          ----------p', expected)
      expectObservable(samples$, '     ---^').toBe('-------------p', expected)
    })
  })
})

describe('sampleNewest', () => {
  it('emits the newest values in order, and how many are not among them', () => {
    inVirtualTime(({ hot, expectObservable }) => {
      const source = hot('(abcde)-------------f--', { a: 1, b: 2, c: 3, d: 4, e: 5, f: 6 })
      const samples = '   ----------p-------------------q'
      expectObservable(source.pipe(sampleNewest({ period: 10, maximum: 3 }))).toBe(samples, {
        p: { values: [3, 4, 5], omitted: 2 },
        q: { values: [6], omitted: 0 },
      })
    })
  })

  it('is as right after any number of values', () => {
    inVirtualTime(({ expectObservable }) => {
      for (let count = 1; count < 12; count++) {
        const values = Array.from({ length: count }, (_, index) => index)
        const newest$ = concat(range(0, count), NEVER).pipe(sampleNewest({ period: 10, maximum: 4 }))
        expectObservable(newest$).toBe('----------p', {
          p: { values: values.slice(-4), omitted: Math.max(0, count - 4) },
        })
      }
    })
  })
})
