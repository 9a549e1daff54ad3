import { Queue } from './queue.js'

describe('Queue', () => {
  test('first in, first out, while it is pushed to and shifted from', () => {
    const queue = new Queue<number>()
    const model: number[] = []
    const out: number[] = []
    const expected: number[] = []
    let seed = 7
    for (let i = 0; i < 5_000; i++) {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff
      if (seed % 5 < 3 || model.length === 0) {
        queue.push(i)
        model.push(i)
      } else {
        out.push(queue.shift())
        expected.push(model.shift()!)
      }
      expect(queue.length).toBe(model.length)
    }
    while (queue.length > 0) out.push(queue.shift())
    expect(out).toEqual([...expected, ...model])
  })

  test('keeps values that are undefined, and clears', () => {
    const queue = new Queue<number | undefined>()
    queue.push(undefined)
    queue.push(1)
    expect([queue.length, queue.shift(), queue.length]).toEqual([2, undefined, 1])
    queue.clear()
    expect(queue.length).toBe(0)
    queue.push(2)
    expect([queue.shift(), queue.length]).toEqual([2, 0])
  })
})
