import fc from 'fast-check'
import { type Expiring, ExpiryHeap } from './expiry-heap.js'

it('the first is the one that ends first, after any adding and deleting', () => {
  let deleted = 0
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(20), fc.nat(3)), { maxLength: 80, size: 'max' }), (steps) => {
      const heap = new ExpiryHeap<Expiring>()
      const model: Expiring[] = []
      for (const [number, kind] of steps) {
        if (kind === 0 && model.length > 0) {
          const [item] = model.splice(number % model.length, 1)
          heap.delete(item!)
          deleted++
        } else {
          const item = { expiresAt: number, place: -1 }
          model.push(item)
          heap.add(item)
        }
        expect(heap.first?.expiresAt).toBe(model.length === 0 ? undefined : Math.min(...model.map((i) => i.expiresAt)))
      }
      const drained: number[] = []
      while (heap.first !== undefined) {
        drained.push(heap.first.expiresAt)
        heap.delete(heap.first)
      }
      expect(drained).toEqual(model.map((item) => item.expiresAt).sort((a, b) => a - b))
    }),
    { numRuns: 300 },
  )
  expect(deleted).toBeGreaterThan(500)
})
