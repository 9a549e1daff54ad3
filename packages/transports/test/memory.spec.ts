import { marbles } from '@rxmqtt/core/testing'
import { memoryPair } from '@rxmqtt/transports/memory'
import { map, tap } from 'rxjs'
import { ending, pattern, pause, read } from './helpers.js'

const list = map<Uint8Array, string>((chunk) => [...chunk].join(' '))
const text = map<Uint8Array, string>((chunk) => String.fromCharCode(...chunk))

test('latency is virtual time: bytes, then the end', () => {
  marbles(({ cold, expectObservable }) => {
    const [near, far] = memoryPair({ latency: 3 })
    cold('a-b--(c|)').subscribe({
      next: (letter) => near.sink.next(Buffer.from(letter)),
      complete: () => near.sink.complete(),
    })
    far.sink.complete()
    expectObservable(far.bytes$.pipe(text)).toBe('---a-b--(c|)')
    expectObservable(near.bytes$).toBe('---|')
  })
})

test('without latency it is the same frame, but never the same call', () => {
  marbles(({ cold, expectObservable, flush }) => {
    const [near, far] = memoryPair({ chunkSize: 2 })
    let inside = false
    cold('--a------|').subscribe({
      next: () => {
        inside = true
        near.sink.next(new Uint8Array([1, 2, 3, 4, 5]))
        inside = false
      },
      complete: () => near.sink.complete(),
    })
    const seen: boolean[] = []
    const bytes$ = far.bytes$.pipe(
      list,
      tap(() => seen.push(inside)),
    )
    expectObservable(bytes$).toBe('--(abc)--|', { a: '1 2', b: '3 4', c: '5' })
    flush()
    expect(seen).toEqual([false, false, false])
  })
})

test('what is not read stays with the sender, in its buffered', async () => {
  const [near, far] = memoryPair({ highWaterMark: 10, chunkSize: 4 })
  const told: boolean[] = []
  near.writable$.subscribe((writable) => told.push(writable))
  near.sink.next(new Uint8Array(10))
  expect([near.buffered, near.writable]).toEqual([10, true])
  near.sink.next(new Uint8Array(2))
  await pause(1)
  expect([near.buffered, near.writable]).toEqual([12, false])
  const first = far.bytes$.subscribe(() => first.unsubscribe())
  await pause(1)
  expect([near.buffered, near.writable, told]).toEqual([8, true, [true, false, true]])
  const reading = read(far)
  await pause(1)
  expect([near.buffered, reading.chunks.map((chunk) => chunk.length)]).toEqual([0, [4, 2, 2]])
})

test('a reset leaves no timer behind, and drops what was on its way', async () => {
  const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
  const [near, far] = memoryPair({ latency: 50 })
  const reading = read(far)
  near.sink.next(pattern(10))
  near.sink.error(undefined)
  expect(await ending(near.closed$)).toBe('complete')
  expect(await ending(far.closed$)).toMatchObject({ code: 'transport', message: 'The peer destroyed the transport' })
  expect(reading.length()).toBe(0)
  near.sink.next(pattern(10))
  far.sink.next(pattern(10))
  far.sink.complete()
  expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length).toBeLessThanOrEqual(before)
})

test.each([{ chunkSize: 0 }, { latency: -1 }, { latency: 1.5 }, { highWaterMark: NaN }])('%j is refused', (options) => {
  expect(() => memoryPair(options)).toThrow(`${Object.keys(options)[0]} must be a whole number`)
})

test('the example of memoryPair', async () => {
  const [client, server] = memoryPair({ chunkSize: 1 })
  const seen: Uint8Array[] = []
  server.bytes$.subscribe((chunk) => seen.push(chunk))
  client.sink.next(new Uint8Array([0xc0, 0]))
  await pause(1)
  expect(seen.map((chunk) => [...chunk])).toEqual([[0xc0], [0]])
})
