import { marbles } from '@rxmqtt/core/testing'
import { jest } from '@jest/globals'
import { switchMap } from 'rxjs'
import { at } from './deadline.js'

describe('at', () => {
  it('emits once, at its time and not so long after the subscription', () => {
    marbles(({ cold, expectObservable }) => {
      expectObservable(at(5)).toBe('-----(0|)', { 0: 0 })
      expectObservable(cold('---a').pipe(switchMap(() => at(5)))).toBe('-----0', { 0: 0 })
    })
  })

  it('a time that has passed is now, but not inside subscribe', () => {
    marbles(({ cold, expectObservable, does }) => {
      expectObservable(at(-5)).toBe('(0|)', { 0: 0 })
      expectObservable(cold('---a').pipe(switchMap(() => at(2)))).toBe('---0', { 0: 0 })
      const heard: string[] = []
      does('a-b', {
        a: () => {
          at(0).subscribe(() => heard.push('emitted'))
          heard.push('subscribed')
        },
        b: () => expect(heard).toEqual(['subscribed', 'emitted']),
      })
    })
  })

  it('does not come any more once it was unsubscribed', () => {
    marbles(({ expectObservable }) => {
      expectObservable(at(5), '---!').toBe('')
    })
  })

  it('is as far away as somebody likes: a session may live for 136 years', () => {
    marbles(({ expectObservable }) => {
      expectObservable(at(4_294_967_294_000)).toBe('4294967294000ms (0|)', { 0: 0 })
    })
  })

  describe('by the timers of the platform', () => {
    beforeEach(() => jest.useFakeTimers({ now: 1_000_000 }))
    afterEach(() => jest.useRealTimers())

    it('waits for longer than one of them can', () => {
      const heard = jest.fn()
      const days = 86_400_000
      at(1_000_000 + 60 * days).subscribe(heard)
      jest.advanceTimersToNextTimer()
      expect(Date.now() - 1_000_000).toBe(2_147_483_647)
      jest.advanceTimersByTime(60 * days - 2_147_483_647 - 1)
      expect(heard).not.toHaveBeenCalled()
      jest.advanceTimersByTime(1)
      expect([heard.mock.calls, jest.getTimerCount()]).toEqual([[[0]], 0])
    })

    it('goes on waiting where the clock was put back', () => {
      const heard = jest.fn()
      at(1_005_000).subscribe(heard)
      jest.setSystemTime(997_000)
      jest.advanceTimersByTime(7_999)
      expect(heard).not.toHaveBeenCalled()
      jest.advanceTimersByTime(1)
      expect(heard).toHaveBeenCalledTimes(1)
    })

    it('leaves none of them behind', () => {
      const waiting = at(1_000_005).subscribe()
      expect(jest.getTimerCount()).toBe(1)
      waiting.unsubscribe()
      expect(jest.getTimerCount()).toBe(0)
    })

    it('takes none for what never comes', () => {
      at(Number.POSITIVE_INFINITY).subscribe()
      expect(jest.getTimerCount()).toBe(0)
    })
  })
})
