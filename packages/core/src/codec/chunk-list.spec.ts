import { memoryInUse } from '../spec-support/memory.js'
import { random } from '../spec-support/random.js'
import { join } from '../testing/wire.js'
import { ChunkList } from './chunk-list.js'

const bytes = (length: number, first = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => (first + i) % 251)

describe('ChunkList', () => {
  test('is empty at first', () => {
    const list = new ChunkList()
    expect([list.length, list.shift()]).toEqual([0, undefined])
  })

  test('gathers small chunks, keeps large ones as they are, in order', () => {
    const list = new ChunkList()
    const large = bytes(4096, 9)
    list.push(bytes(3))
    list.push(bytes(2, 3))
    list.push(large)
    list.push(bytes(1, 5))
    expect(list.length).toBe(3 + 2 + 4096 + 1)
    expect(list.shift()).toEqual(bytes(5))
    expect(list.shift()).toBe(large)
    expect(list.shift()).toEqual(bytes(1, 5))
    expect([list.length, list.shift()]).toEqual([0, undefined])
  })

  test('what was handed over is not written again', () => {
    const list = new ChunkList()
    list.push(bytes(3))
    const first = list.shift()!
    list.push(bytes(3, 100))
    const target = new Uint8Array(2)
    list.takeInto(target, 0)
    list.push(bytes(3, 200))
    expect(first).toEqual(bytes(3))
    expect(list.shift()).toEqual(bytes(1, 102))
    expect(list.shift()).toEqual(bytes(3, 200))
  })

  test('a chunk may be changed by its owner once it was gathered', () => {
    const list = new ChunkList()
    const chunk = bytes(3)
    list.push(chunk)
    chunk.fill(99)
    expect(list.shift()).toEqual(bytes(3))
  })

  test('takes into the middle of a target, over any number of chunks', () => {
    const list = new ChunkList()
    const whole = bytes(20_000)
    for (const [from, to] of [
      [0, 1],
      [1, 5_000],
      [5_000, 5_001],
      [5_001, 20_000],
    ] as const) {
      list.push(whole.subarray(from, to))
    }
    const target = new Uint8Array(10_010)
    list.takeInto(target, 10)
    expect(target).toEqual(join(new Uint8Array(10), whole.subarray(0, 10_000)))
    expect(list.length).toBe(10_000)
    expect(list.shift()).toEqual(whole.subarray(10_000))
  })

  test('any mixture of pushes, shifts and takes gives the bytes in order', () => {
    const next = random(1)
    const list = new ChunkList()
    let pushed = 0
    let taken = 0
    for (let step = 0; step < 4_000; step++) {
      if (next(3) > 0) {
        const length = [1, 2, 100, 3_000, 4_096, 9_000, 70_000][next(7)]!
        list.push(bytes(length, pushed % 251))
        pushed += length
      } else if (list.length > 0) {
        const part = next(2) === 0 ? list.shift()! : new Uint8Array(1 + next(Math.min(list.length, 10_000)))
        if (list.length + taken + part.length !== pushed) list.takeInto(part, 0)
        expect(Buffer.compare(part, bytes(part.length, taken % 251))).toBe(0)
        taken += part.length
      }
      expect(list.length).toBe(pushed - taken)
      if (list.length > 2_000_000) while (list.length > 0) taken += list.shift()!.length
    }
    expect(taken).toBeGreaterThan(10_000_000)
  })

  test('a byte at a time costs a byte each', () => {
    const list = new ChunkList()
    const count = 1_000_000
    const before = memoryInUse()
    for (let i = 0; i < count; i++) list.push(new Uint8Array(1))
    expect(memoryInUse() - before).toBeLessThan(2 * count)
    expect(list.length).toBe(count)
  })

  test('a small piece does not hold the large chunk that it was cut from', () => {
    const list = new ChunkList()
    const before = memoryInUse()
    for (let i = 0; i < 500; i++) list.push(new Uint8Array(65_536).subarray(0, 10))
    expect(memoryInUse() - before).toBeLessThan(1_000_000)
    expect(list.length).toBe(5_000)
  })
})
