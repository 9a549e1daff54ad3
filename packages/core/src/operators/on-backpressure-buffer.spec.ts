import { BehaviorSubject, Subject } from 'rxjs'
import { MqttError } from '../errors.js'
import { failure } from '../spec-support/codec.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { flat, type MarbleHelpers, marbles } from '../testing/marbles.js'
import { type OnBackpressureBufferOptions, onBackpressureBuffer, type WritableGate } from './on-backpressure-buffer.js'

const unhandled = expectNoUnhandled()

/** A gate that is open or shut as a diagram says: `o` and `s`; `|` is the end of the connection. */
function gate({ hot }: MarbleHelpers, diagram: string): WritableGate {
  const writable$ = new BehaviorSubject(true)
  hot(diagram).subscribe({ next: (letter) => writable$.next(letter === 'o'), complete: () => writable$.complete() })
  return manual(writable$)
}

function manual(writable$: BehaviorSubject<boolean>): WritableGate {
  return {
    writable$,
    get writable() {
      return writable$.value
    },
  }
}

const error: OnBackpressureBufferOptions<string> = { capacity: 2, overflow: 'error' }

describe('onBackpressureBuffer', () => {
  test('empty, never, and the error of the source at once', () => {
    marbles((helpers) => {
      const { cold, expectObservable, expectSubscriptions } = helpers
      const open = gate(helpers, '-')
      expectObservable(cold('--|').pipe(onBackpressureBuffer(open, error))).toBe('--|')
      const never$ = cold('-')
      expectObservable(never$.pipe(onBackpressureBuffer(open, error)), '^--!').toBe('-')
      expectSubscriptions(never$.subscriptions).toBe('^--!')
      const failing$ = cold('a-b-#', undefined, new MqttError('timeout', 'late'))
      expectObservable(failing$.pipe(onBackpressureBuffer(gate(helpers, '-s'), error))).toBe('a---#', undefined, {
        code: 'timeout',
      })
      expectSubscriptions(failing$.subscriptions).toBe('^---!')
    })
  })

  test('lets pass while writable, keeps while not, drains in order when it is again', () => {
    marbles((helpers) => {
      const source = helpers.cold('a-b-c----------d|')
      const peer = gate(helpers, ' -s------o-------')
      helpers.expectObservable(source.pipe(onBackpressureBuffer(peer, error))).toBe('a-------(bc)---d|')
      helpers.expectSubscriptions(source.subscriptions).toBe('^---------------!')
    })
  })

  test('looks at writable before each: a gate that shuts while draining keeps the rest', () => {
    const writable$ = new BehaviorSubject(false)
    const source = new Subject<string>()
    const seen: string[] = []
    source.pipe(onBackpressureBuffer(manual(writable$), { capacity: 9, overflow: 'error' })).subscribe((value) => {
      seen.push(value)
      if (seen.length % 2 === 0) writable$.next(false)
    })
    for (const value of 'abcde') source.next(value)
    expect(seen).toEqual([])
    writable$.next(true)
    expect(seen).toEqual(['a', 'b'])
    writable$.next(true)
    expect(seen).toEqual(['a', 'b', 'c', 'd'])
    source.next('f')
    writable$.next(true)
    expect(seen).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  })

  test('a gate that says true but is shut by then lets nothing pass', () => {
    const writable$ = new Subject<boolean>()
    const source = new Subject<string>()
    const seen: string[] = []
    source.pipe(onBackpressureBuffer({ writable: false, writable$ }, error)).subscribe((value) => seen.push(value))
    source.next('a')
    writable$.next(true)
    expect(seen).toEqual([])
  })

  test('drains, then completes, when the source completes while values wait', () => {
    marbles((helpers) => {
      const source = helpers.cold('ab|')
      const peer = gate(helpers, ' s----o--')
      helpers.expectObservable(source.pipe(onBackpressureBuffer(peer, error)), '-^').toBe('-----(ab|)')
      helpers.expectSubscriptions(source.subscriptions).toBe('-^-!')
    })
  })

  test("overflow 'error': one value more than capacity errors, and ends the subscriptions", () => {
    const writable$ = new BehaviorSubject(false)
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('-a-b-c-d')
      expectObservable(source.pipe(onBackpressureBuffer(manual(writable$), error))).toBe('-----#', null, {
        code: 'overflow',
      })
      expectSubscriptions(source.subscriptions).toBe('^----!')
    })
    expect(writable$.observed).toBe(false)
  })

  test("overflow 'drop-oldest' and 'drop-newest' tell what they drop", () => {
    for (const [overflow, kept, dropped] of [
      ['drop-oldest', '(de)', ['a', 'b', 'c']],
      ['drop-newest', '(ab)', ['c', 'd', 'e']],
    ] as const) {
      const told: string[] = []
      marbles((helpers) => {
        const source = helpers.cold('-(abcde)------f-|')
        const peer = gate(helpers, ' s---------o------')
        const options = { capacity: 2, overflow, onDropped: (value: string) => void told.push(value) }
        helpers.expectObservable(source.pipe(onBackpressureBuffer(peer, options))).toBe(`----------${kept}f-|`)
        helpers.expectSubscriptions(source.subscriptions).toBe('^---------------!')
      })
      expect(told).toEqual(dropped)
    }
  })

  test('onDropped is not needed', () => {
    marbles((helpers) => {
      const peer = gate(helpers, ' s----o')
      const source = helpers.cold('-(abc)-|')
      helpers
        .expectObservable(source.pipe(onBackpressureBuffer(peer, { capacity: 1, overflow: 'drop-oldest' })))
        .toBe('-----c-|')
    })
  })

  test('onDropped that throws errors the stream', () => {
    const onDropped = (): never => {
      throw new MqttError('refused', 'not with me')
    }
    marbles((helpers) => {
      for (const overflow of ['drop-oldest', 'drop-newest'] as const) {
        const source = helpers.cold('-ab-c')
        const options = { capacity: 1, overflow, onDropped }
        helpers
          .expectObservable(source.pipe(onBackpressureBuffer(gate(helpers, 's'), options)))
          .toBe('--#', undefined, { code: 'refused' })
        helpers.expectSubscriptions(source.subscriptions).toBe('^-!')
      }
      const atTheEnd$ = helpers.cold('-ab-')
      const ending = gate(helpers, ' s--|')
      helpers
        .expectObservable(atTheEnd$.pipe(onBackpressureBuffer(ending, { ...error, onDropped })))
        .toBe('---#', undefined, { code: 'refused' })
    })
  })

  test('completes when the connection ends, tells what waited as dropped, ends the subscription to the source', () => {
    const told: string[] = []
    marbles((helpers) => {
      const source = helpers.cold('a-b-c---d')
      const peer = gate(helpers, ' -s----|')
      const options = { ...error, onDropped: (value: string) => void told.push(value) }
      helpers.expectObservable(source.pipe(onBackpressureBuffer(peer, options))).toBe('a-----|')
      helpers.expectSubscriptions(source.subscriptions).toBe('^-----!')
    })
    expect(told).toEqual(['b', 'c'])
  })

  test('a connection that is over: completes at once, without a subscription to the source', () => {
    const writable$ = new BehaviorSubject(true)
    writable$.complete()
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('a-b')
      expectObservable(source.pipe(onBackpressureBuffer(manual(writable$), error))).toBe('|')
      expectSubscriptions(source.subscriptions).toBe([])
    })
  })

  test('the error of writable$ is passed on', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('a--b')
      const writable$ = cold<boolean>('--#', undefined, new MqttError('transport', 'reset'))
      expectObservable(source.pipe(onBackpressureBuffer({ writable: true, writable$ }, error))).toBe('a-#', undefined, {
        code: 'transport',
      })
      expectSubscriptions(source.subscriptions).toBe('^-!')
      expectSubscriptions(writable$.subscriptions).toBe('^-!')
    })
  })

  test('early unsubscribe ends both subscriptions', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('a-b-c-d')
      const writable$ = cold<boolean>('-')
      const gate = { writable: true, writable$ }
      expectObservable(source.pipe(onBackpressureBuffer(gate, error)), '^--!').toBe('a-b')
      expectSubscriptions(source.subscriptions).toBe('^--!')
      expectSubscriptions(writable$.subscriptions).toBe('^--!')
    })
  })

  test('unsubscribing inside next: nothing more is emitted', () => {
    const writable$ = new BehaviorSubject(false)
    const source = new Subject<string>()
    const seen: string[] = []
    const subscription = source.pipe(onBackpressureBuffer(manual(writable$), error)).subscribe((value) => {
      seen.push(value)
      subscription.unsubscribe()
      source.next('z')
    })
    source.next('a')
    source.next('b')
    writable$.next(true)
    expect([seen, source.observed, writable$.observed]).toEqual([['a'], false, false])
  })

  test('values that come inside next follow in order, without recursion', () => {
    const source = new Subject<number>()
    const seen: number[] = []
    let depth = 0
    let deepest = 0
    const options = { capacity: 1, overflow: 'error' } as const
    source.pipe(onBackpressureBuffer(manual(new BehaviorSubject(true)), options)).subscribe((value) => {
      deepest = Math.max(deepest, ++depth)
      seen.push(value)
      if (value < 2_000) source.next(value + 1)
      else source.complete()
      depth--
    })
    source.next(0)
    expect(seen).toEqual(Array.from({ length: 2_001 }, (_, i) => i))
    expect(deepest).toBe(1)
  })

  test('refuses options out of range at the call', () => {
    const peer = manual(new BehaviorSubject(true))
    for (const options of [
      { capacity: 0, overflow: 'error' },
      { capacity: Number.NaN, overflow: 'error' },
      { overflow: 'error' },
      { capacity: 1, overflow: 'drop' },
      { capacity: 1 },
    ]) {
      const call = (): unknown => onBackpressureBuffer(peer, options as OnBackpressureBufferOptions<string>)
      expect(failure(call)).toMatchObject({ code: 'invalid-option' })
    }
  })

  test('an observer that throws is reported by RxJS, and the stream goes on', async () => {
    const source = new Subject<string>()
    const seen: string[] = []
    source.pipe(onBackpressureBuffer(manual(new BehaviorSubject(true)), error)).subscribe((value) => {
      seen.push(value)
      if (value === 'a') throw new Error('in a handler')
    })
    source.next('a')
    source.next('b')
    expect(seen).toEqual(['a', 'b'])
    expect(flat(await unhandled())).toEqual([{ error: 'Error', message: 'in a handler' }])
  })
})
