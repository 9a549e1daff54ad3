import type { Message } from '@rxmqtt/core'
import { TestScheduler } from 'rxjs/testing'
import { burst, counters, fleet } from './fleet.js'

/** What an Observable emits within so many milliseconds of virtual time, and whether it is over then. */
function within(milliseconds: number, source: () => ReturnType<typeof fleet>): { values: Message[]; isOver: boolean } {
  const values: Message[] = []
  let isOver = false
  new TestScheduler(() => undefined).run(({ cold, flush }) => {
    const subscription = source().subscribe({ next: (value) => values.push(value), complete: () => (isOver = true) })
    cold(`${milliseconds}ms |`).subscribe({ complete: () => subscription.unsubscribe() })
    flush()
  })
  return { values, isOver }
}

describe('fleet', () => {
  it('says the temperature and the humidity of six places, four times a second, retained', () => {
    const { values } = within(1_000, () => fleet())
    const topics = [...new Set(values.map(({ topic }) => topic))]
    expect(topics.length).toBe(12)
    expect(topics).toContain('sensors/lab/temperature')
    expect(values.length).toBeGreaterThanOrEqual(48)
    expect(values.length).toBeLessThanOrEqual(60)
    expect(values.every(({ retain }) => retain)).toBe(true)
  })

  it('goes up and down, and stays where rooms are', () => {
    const { values } = within(120_000, () => fleet())
    const lab = values.filter(({ topic }) => topic === 'sensors/lab/temperature').map(({ payload }) => Number(payload))
    expect(Math.min(...lab)).toBeGreaterThan(18)
    expect(Math.max(...lab)).toBeLessThan(24)
    expect(new Set(lab).size).toBeGreaterThan(10)
  })
})

describe('burst', () => {
  it.each([0, 1, 499, 500, 501, 1_234])('of %i messages counts to the end', (count) => {
    const { values, isOver } = within(10_000, () => burst(count))
    expect(values.map(({ payload }) => Number(payload))).toEqual(Array.from({ length: count }, (_, index) => index + 1))
    expect(new Set(values.map(({ topic }) => topic)).size).toBe(Math.min(count, counters))
    expect(isOver).toBe(true)
  })
})
