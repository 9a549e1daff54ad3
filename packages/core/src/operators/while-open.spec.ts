import { NEVER, Observable, type OperatorFunction, of, take } from 'rxjs'
import type { PacketInput } from '../packet/fields.js'
import { generate } from './generate.js'
import { mergeMapPausing } from './merge-map-pausing.js'
import { onBackpressureBuffer } from './on-backpressure-buffer.js'
import { parse } from './parse.js'

const ping: PacketInput = { cmd: 'pingreq' }
const connection = { pause: () => undefined, resume: () => undefined, writable: true, writable$: NEVER }

/** How much a source that emits inside `subscribe` gives before it stops, when nobody wants more than one result. */
function emitted<T, R>(value: T, operator: OperatorFunction<T, R>): number {
  let count = 0
  const firehose$ = new Observable<T>((subscriber) => {
    while (count < 100_000 && !subscriber.closed) {
      count++
      subscriber.next(value)
    }
  })
  let results = 0
  firehose$.pipe(operator, take(1)).subscribe(() => results++)
  expect(results).toBe(1)
  return count
}

describe('a source that emits inside subscribe stops when nobody listens any more', () => {
  test('parse', () => expect(emitted(Uint8Array.of(0xc0, 0x00), parse())).toBe(2))

  test('generate, once its first chunk is full', () => {
    expect(emitted(ping, generate({ chunkSize: 100 }))).toBe(51)
  })

  test('mergeMapPausing', () =>
    expect(
      emitted(
        1,
        mergeMapPausing(connection, (value) => of(value)),
      ),
    ).toBe(2))

  test('mergeMapPausing, an inner source', () => {
    let count = 0
    const inner$ = new Observable<number>((subscriber) => {
      while (count < 100_000 && !subscriber.closed) subscriber.next(count++)
    })
    expect(
      emitted(
        1,
        mergeMapPausing(connection, () => inner$),
      ),
    ).toBe(2)
    expect(count).toBe(2)
  })

  test('onBackpressureBuffer', () => {
    expect(emitted(1, onBackpressureBuffer(connection, { capacity: 9, overflow: 'error' }))).toBe(2)
  })
})
