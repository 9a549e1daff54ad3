import { EMPTY, map, NEVER, type Observable, of, Subject, throwError, timer } from 'rxjs'
import { MqttError } from '../errors.js'
import { failure } from '../spec-support/codec.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { flat, marbles } from '../testing/marbles.js'
import { mergeMapPausing, type Pausable } from './merge-map-pausing.js'

const unhandled = expectNoUnhandled()

/** Counts pauses, and notes when they began and ended. */
class Peer implements Pausable {
  pauses = 0
  readonly log: string[] = []
  readonly #now: () => number

  constructor(now: () => number = () => 0) {
    this.#now = now
  }

  pause(): void {
    this.pauses++
    this.log.push(`pause ${this.#now()}`)
  }

  resume(): void {
    this.pauses--
    this.log.push(`resume ${this.#now()}`)
  }
}

/** A value that takes so many frames. */
const after =
  (frames: number) =>
  (value: string): Observable<string> =>
    timer(frames).pipe(map(() => value))

describe('mergeMapPausing', () => {
  test('empty, and never', () => {
    const peer = new Peer()
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const empty$ = cold('--|')
      expectObservable(empty$.pipe(mergeMapPausing(peer, after(1)))).toBe('--|')
      expectSubscriptions(empty$.subscriptions).toBe('^-!')
      const never$ = cold('-')
      expectObservable(never$.pipe(mergeMapPausing(peer, after(1))), '^--!').toBe('-')
      expectSubscriptions(never$.subscriptions).toBe('^--!')
    })
    expect(peer.log).toEqual([])
  })

  test('one at a time by default, in order; completes after the last', () => {
    const peer = new Peer()
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('(abc|)')
      expectObservable(source.pipe(mergeMapPausing(peer, after(3)))).toBe('---a--b--(c|)')
      expectSubscriptions(source.subscriptions).toBe('(^!)')
    })
    expect(peer.log).toEqual([])
  })

  test('concurrency runs that many at a time', () => {
    const peer = new Peer()
    marbles(({ cold, expectObservable }) => {
      const inners: Record<string, Observable<string>> = {
        a: cold('----a|'),
        b: cold('-b|'),
        c: cold('-c|'),
      }
      const source = cold('(abc)|')
      // a and b begin at 0; c when b completed, at 2.
      expectObservable(source.pipe(mergeMapPausing(peer, (x) => inners[x]!, { concurrency: 2 }))).toBe('-b-ca|')
    })
  })

  test('pauses when capacity values wait, resumes when half of them are left, and balances', () => {
    const peer = new Peer(() => now())
    let now = (): number => 0
    marbles((helpers) => {
      now = helpers.now
      const source = helpers.cold('(abcde)-|')
      const result$ = source.pipe(mergeMapPausing(peer, after(10), { capacity: 4 }))
      helpers.expectObservable(result$).toBe('10ms a 9ms b 9ms c 9ms d 9ms (e|)')
      helpers.expectSubscriptions(source.subscriptions).toBe('^-------!')
    })
    // a runs, bcde wait: 4. b begins at 10, c at 20: two are left.
    expect(peer.log).toEqual(['pause 0', 'resume 20'])
    expect(peer.pauses).toBe(0)
  })

  test('capacity 1 pauses for the first that waits', () => {
    const peer = new Peer(() => now())
    let now = (): number => 0
    marbles((helpers) => {
      now = helpers.now
      const source = helpers.cold('ab-----|')
      helpers.expectObservable(source.pipe(mergeMapPausing(peer, after(5), { capacity: 1 }))).toBe('-----a----(b|)')
    })
    expect(peer.log).toEqual(['pause 1', 'resume 5'])
  })

  test('a source that the pause does not hold back overflows, told with its code, the pause taken back', () => {
    const peer = new Peer(() => now())
    let now = (): number => 0
    marbles((helpers) => {
      now = helpers.now
      const source = helpers.hot('abcdefgh')
      const result$ = source.pipe(mergeMapPausing(peer, () => NEVER, { capacity: 2 }))
      // a runs; b to e are twice the capacity; f is one more.
      helpers.expectObservable(result$).toBe('-----#', null, { code: 'overflow' })
      helpers.expectSubscriptions(source.subscriptions).toBe('^----!')
    })
    expect(peer.log).toEqual(['pause 2', 'resume 5'])
  })

  test.each([
    ['the source', 'resume 4'],
    ['an inner Observable', 'resume 4'],
  ])('the error of %s is passed on at once, and the pause taken back', (who, last) => {
    const peer = new Peer(() => now())
    let now = (): number => 0
    marbles((helpers) => {
      now = helpers.now
      const error = new MqttError('refused', 'no')
      const fromSource = who === 'the source'
      const source = helpers.cold(fromSource ? '(abc)#' : '(abc)-', undefined, error)
      const inner$ = helpers.cold(fromSource ? '-' : '----#', undefined, error)
      const at = fromSource ? '-----#' : '----#'
      const result$ = source.pipe(mergeMapPausing(peer, () => inner$, { capacity: 2 }))
      helpers.expectObservable(result$).toBe(at, null, { code: 'refused' })
      helpers.expectSubscriptions(source.subscriptions).toBe(fromSource ? '^----!' : '^---!')
      helpers.expectSubscriptions(inner$.subscriptions).toBe(fromSource ? '^----!' : '^---!')
    })
    expect(peer.log).toEqual(['pause 0', who === 'the source' ? 'resume 5' : last])
  })

  test('project that throws, and one that returns no Observable, errors the stream', () => {
    const peer = new Peer()
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('-a-b-c')
      const project = (value: string): Observable<string> => {
        if (value === 'b') throw new MqttError('refused', 'not b')
        return of(value)
      }
      expectObservable(source.pipe(mergeMapPausing(peer, project))).toBe('-a-#', undefined, { code: 'refused' })
      expectSubscriptions(source.subscriptions).toBe('^--!')
    })
    const errors: unknown[] = []
    of(1)
      .pipe(mergeMapPausing(peer, () => undefined as unknown as Observable<never>))
      .subscribe({ error: (error: unknown) => errors.push((error as Error).name) })
    expect(errors).toEqual(['TypeError'])
    expect(peer.pauses).toBe(0)
  })

  test('early unsubscribe ends source and inner Observables, and takes the pause back', () => {
    const peer = new Peer(() => now())
    let now = (): number => 0
    marbles((helpers) => {
      now = helpers.now
      const source = helpers.cold('(abcd)-')
      const inner$ = helpers.cold('-')
      const result$ = source.pipe(mergeMapPausing(peer, () => inner$, { capacity: 2, concurrency: 2 }))
      helpers.expectObservable(result$, '^--!').toBe('-')
      helpers.expectSubscriptions(source.subscriptions).toBe('^--!')
      helpers.expectSubscriptions(inner$.subscriptions).toBe(['^--!', '^--!'])
    })
    expect(peer.log).toEqual(['pause 0', 'resume 3'])
  })

  test('unsubscribing inside next: no further value is projected', () => {
    const peer = new Peer()
    const source = new Subject<number>()
    const projected: number[] = []
    const gate = new Subject<void>()
    const project = (value: number): Observable<number> => {
      projected.push(value)
      return value === 0 ? gate.pipe(map(() => value)) : of(value)
    }
    const subscription = source.pipe(mergeMapPausing(peer, project, { capacity: 2 })).subscribe(() => {
      subscription.unsubscribe()
      source.next(9)
    })
    for (let i = 0; i < 3; i++) source.next(i)
    expect(peer.pauses).toBe(1)
    gate.next()
    expect(projected).toEqual([0])
    expect([peer.pauses, source.observed, gate.observed]).toEqual([0, false, false])
  })

  test('inner Observables that complete in the call: no recursion, no pause, in order, values inside next follow', () => {
    const peer = new Peer()
    const source = new Subject<number>()
    const seen: number[] = []
    let depth = 0
    let deepest = 0
    source.pipe(mergeMapPausing(peer, (value) => of(value))).subscribe((value) => {
      deepest = Math.max(deepest, ++depth)
      seen.push(value)
      if (value < 2_000) source.next(value + 1)
      depth--
    })
    source.next(0)
    expect(seen).toEqual(Array.from({ length: 2_001 }, (_, i) => i))
    expect([deepest, peer.log]).toEqual([1, []])
  })

  test('empty inner Observables, and a source that completes while a value is projected', () => {
    const peer = new Peer()
    const ends: string[] = []
    const source = new Subject<number>()
    source
      .pipe(
        mergeMapPausing(peer, () => {
          source.complete()
          return EMPTY
        }),
      )
      .subscribe({ complete: () => ends.push('complete') })
    source.next(1)
    expect(ends).toEqual(['complete'])
    source.next(2)
    expect(peer.pauses).toBe(0)
  })

  test('tells project the index, takes promises and iterables', async () => {
    const peer = new Peer()
    const seen: unknown[] = []
    await new Promise<void>((resolve) => {
      of('a', 'b')
        .pipe(mergeMapPausing(peer, (value, index) => Promise.resolve(`${value}${index}`)))
        .subscribe({ next: (value) => seen.push(value), complete: resolve })
    })
    of('c')
      .pipe(mergeMapPausing(peer, () => [1, 2]))
      .subscribe((value) => seen.push(value))
    expect(seen).toEqual(['a0', 'b1', 1, 2])
  })

  test('refuses options out of range at the call', () => {
    const project = (): Observable<never> => EMPTY
    for (const options of [
      { concurrency: 0 },
      { capacity: 0 },
      { capacity: Number.POSITIVE_INFINITY },
      { capacity: 1.5 },
    ]) {
      expect(failure(() => mergeMapPausing(new Peer(), project, options))).toMatchObject({ code: 'invalid-option' })
    }
  })

  test('an observer that throws is reported by RxJS, and the stream goes on', async () => {
    const seen: number[] = []
    const thrower = (value: number): void => {
      seen.push(value)
      if (value === 1) throw new Error('in a handler')
    }
    of(1, 2)
      .pipe(mergeMapPausing(new Peer(), (value) => of(value)))
      .subscribe(thrower)
    expect(seen).toEqual([1, 2])
    expect(flat(await unhandled())).toEqual([{ error: 'Error', message: 'in a handler' }])
  })

  test('an inner Observable that throws while subscribed errors the stream', () => {
    marbles(({ cold, expectObservable }) => {
      const error = new MqttError('timeout', 'late')
      expectObservable(cold('-a-').pipe(mergeMapPausing(new Peer(), () => throwError(() => error)))).toBe('-#', null, {
        code: 'timeout',
      })
    })
  })
})
