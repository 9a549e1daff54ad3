import { ReadableStream, type TransformStream, WritableStream } from 'node:stream/web'
import { Connection, MqttError, type Transport } from '@rxmqtt/core'
import { fromWebStreams, type WebStreams } from '@rxmqtt/transports/web-streams'
import { take } from 'rxjs'
import { digest, type Ending, ending, expectNoHandles, flatten, pattern, pause, read, until } from './helpers.js'
import { webStreamsPair } from './links.js'

expectNoHandles()

/** Streams whose underlying source and sink are the test's. */
function byHand(strategy: { highWaterMark?: number } = {}) {
  let source: ReadableStreamDefaultController<Uint8Array> | undefined
  const pulls: number[] = []
  const cancelled: unknown[] = []
  const aborted: unknown[] = []
  const written: number[] = []
  const done: (() => void)[] = []
  const fail: ((error: unknown) => void)[] = []
  let isClosed = false
  const readable = new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        source = controller
      },
      pull: () => {
        pulls.push(pulls.length)
      },
      cancel: (reason) => {
        cancelled.push(reason)
      },
    },
    { highWaterMark: 0 },
  )
  const writable = new WritableStream<Uint8Array>(
    {
      write: (chunk) => {
        written.push(chunk.length)
        return new Promise<void>((resolve, reject) => {
          done.push(resolve)
          fail.push(reject)
        })
      },
      close: () => {
        isClosed = true
      },
      abort: (reason) => {
        aborted.push(reason)
      },
    },
    strategy,
  )
  const give = (chunk: Uint8Array): void => source?.enqueue(chunk)
  const end = (error?: unknown): void => (error === undefined ? source?.close() : source?.error(error))
  const streams = { readable, writable }
  return { streams, give, end, pulls, cancelled, aborted, written, done, fail, isClosed: () => isClosed }
}

function endsOf(transport: Transport): Ending[] {
  const ends: Ending[] = []
  transport.closed$.subscribe({
    error: (error: unknown) => ends.push(flatten(error)),
    complete: () => ends.push('complete'),
  })
  return ends
}

function locks({ readable, writable }: WebStreams): boolean[] {
  return [readable.locked, writable.locked]
}

test('pulls nothing while nobody is subscribed, and keeps the one chunk that it had asked for', async () => {
  const { streams, give, pulls, cancelled } = byHand()
  const transport = fromWebStreams(streams)
  await pause(5)
  expect([pulls.length, locks(streams)]).toEqual([0, [true, true]])
  const first = read(transport)
  await pause(5)
  expect(pulls).toHaveLength(1)
  first.subscription.unsubscribe()
  give(new Uint8Array([1]))
  await pause(5)
  expect([pulls.length, first.length()]).toEqual([1, 0])
  const chunks: number[] = []
  transport.bytes$.pipe(take(1)).subscribe((chunk) => chunks.push(...chunk))
  await until(() => chunks.length === 1, 'what waited')
  await pause(5)
  expect([chunks, pulls.length]).toEqual([[1], 1])
  transport.sink.error(undefined)
  await ending(transport.closed$)
  expect([locks(streams), cancelled.length]).toEqual([[false, false], 1])
})

test('gives the stream what it has room for: one chunk here, small ones in one piece, big ones as they are', async () => {
  const { streams, written, done, isClosed, end } = byHand({ highWaterMark: 1 })
  const transport = fromWebStreams(streams, { highWaterMark: 1_000 })
  const told: boolean[] = []
  transport.writable$.subscribe((writable) => told.push(writable))
  for (const size of [10, 20, 30, 20_000, 40]) transport.sink.next(new Uint8Array(size))
  await pause(5)
  expect([written, transport.buffered, told]).toEqual([[10], 20_100, [true, false]])
  for (const expected of [
    [10, 50],
    [10, 50, 20_000],
    [10, 50, 20_000, 40],
  ]) {
    done.at(-1)?.()
    await until(() => written.length === expected.length, 'the next write')
    expect(written).toEqual(expected)
  }
  expect([transport.buffered, told]).toEqual([40, [true, false, true]])
  transport.sink.complete()
  expect(isClosed()).toBe(false)
  done.at(-1)?.()
  await until(isClosed, 'the close')
  const reading = read(transport)
  end()
  expect(await ending(transport.closed$)).toBe('complete')
  expect([reading.endings, locks(streams)]).toEqual([['complete'], [false, false]])
})

test('a stream with a big queue of its own gets all at once', async () => {
  const { streams, written, done } = byHand({ highWaterMark: 1_000 })
  const transport = fromWebStreams(streams)
  for (let i = 0; i < 5; i += 1) transport.sink.next(new Uint8Array(100))
  for (let i = 0; i < 5; i += 1) {
    await until(() => done.length > i, 'a write')
    done[i]?.()
  }
  await until(() => transport.buffered === 0, 'an empty queue')
  expect(written).toEqual([100, 100, 100, 100, 100])
  transport.sink.error(undefined)
  await ending(transport.closed$)
})

test('sink.error cancels one stream and aborts the other, with the reason', async () => {
  const { streams, cancelled, aborted } = byHand()
  const transport = fromWebStreams(streams)
  const reason = new MqttError('timeout', 'Enough')
  transport.sink.error(reason)
  expect(await ending(transport.closed$)).toMatchObject({ code: 'timeout' })
  await until(() => aborted.length > 0, 'the abort')
  expect([cancelled[0] === reason, aborted[0] === reason, locks(streams)]).toEqual([true, true, [false, false]])
})

test("an error of a stream is a broken link, also when it is the other end's MqttError", async () => {
  const { streams, end, aborted } = byHand()
  const transport = fromWebStreams(streams)
  const reading = read(transport)
  const ends = endsOf(transport)
  end(new MqttError('refused', 'by the other end'))
  await until(() => ends.length > 0, 'the error')
  const message = 'The stream could not be read: by the other end'
  expect(ends).toEqual([{ code: 'transport', message, cause: 'refused' }])
  expect([reading.endings, aborted.length, locks(streams)]).toEqual([ends, 1, [false, false]])
})

test('when writing fails, who reads gets what still comes, then the error', async () => {
  const { streams, give, end, written, fail } = byHand()
  const transport = fromWebStreams(streams)
  const ends = endsOf(transport)
  const reading = read(transport)
  transport.sink.next(new Uint8Array(1))
  await until(() => written.length === 1, 'a write')
  fail[0]?.(new Error('no more'))
  await until(() => !transport.writable, 'the failure')
  give(new Uint8Array([1, 2]))
  await pause(5)
  give(new Uint8Array([3]))
  await pause(5)
  expect([reading.length(), ends]).toEqual([3, []])
  end()
  await until(() => ends.length > 0, 'the error')
  const message = 'The stream could not be written: no more'
  expect([ends, reading.endings]).toMatchObject([[{ code: 'transport', message }], [{ message }]])
  expect([transport.buffered, locks(streams)]).toEqual([0, [false, false]])
})

test('when writing fails and nothing ends the reading, it is over two seconds later; unread, at once', async () => {
  for (const isRead of [true, false]) {
    const { streams, written, fail } = byHand()
    const transport = fromWebStreams(streams)
    const ends = endsOf(transport)
    if (isRead) read(transport)
    transport.sink.next(new Uint8Array(1))
    await until(() => written.length === 1, 'a write')
    fail[0]?.(new Error('no more'))
    await pause(100)
    expect(ends).toHaveLength(isRead ? 0 : 1)
    await until(() => ends.length > 0, 'the error', 4_000)
    expect(ends).toMatchObject([{ code: 'transport' }])
  }
})

test('a stream that is locked, and a mark out of range, are invalid options', () => {
  const { readable, writable } = webStreamsPair()[0] as TransformStream<Uint8Array, Uint8Array>
  expect(() => fromWebStreams({ readable, writable }, { highWaterMark: -1 })).toThrow('highWaterMark')
  const reader = readable.getReader()
  expect(() => fromWebStreams({ readable, writable })).toThrow('readable must not be locked')
  reader.releaseLock()
  writable.getWriter()
  expect(() => fromWebStreams({ readable, writable })).toThrow('writable must not be locked')
  expect(readable.locked).toBe(false)
})

test('the example of fromWebStreams: packets over a pair of streams', async () => {
  const [near, far] = webStreamsPair()
  const [client, server] = [new Connection(fromWebStreams(near)), new Connection(fromWebStreams(far))]
  const topics: string[] = []
  client.publish$.subscribe(({ topic, payload }) => topics.push(`${topic} ${digest(payload)}`))
  server.publish({ topic: 'a', payload: pattern(100_000) })
  await until(() => topics.length === 1, 'the packet')
  expect(topics).toEqual([`a ${digest(pattern(100_000))}`])
  client.destroy()
  server.destroy()
})
