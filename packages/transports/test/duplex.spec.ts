import { Duplex, PassThrough } from 'node:stream'
import { MqttError } from '@rxmqtt/core'
import { fromDuplex } from '@rxmqtt/transports/duplex'
import { digest, ending, expectNoHandles, pattern, pause, read, until } from './helpers.js'
import { paired, streamPair } from './links.js'

expectNoHandles()

/** A stream that counts what reaches it, and finishes writes when it is told to. */
class Wire extends Duplex {
  readonly writes: number[] = []
  done: (() => void) | undefined

  readonly #slow: boolean

  constructor(slow = false) {
    super()
    this.#slow = slow
  }

  override _read(): void {
    // Fed by push.
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#wrote([chunk.length], done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#wrote([chunks.length * -1], done)
  }

  #wrote(sizes: number[], done: () => void): void {
    this.writes.push(...sizes)
    if (this.#slow) this.done = done
    else done()
  }
}

describe('writing', () => {
  test('small chunks of one turn leave as one writev, big ones pass straight', async () => {
    const wire = new Wire()
    const transport = fromDuplex(wire)
    for (let i = 0; i < 100; i += 1) transport.sink.next(new Uint8Array(10))
    expect([wire.writes, transport.buffered]).toEqual([[], 1_000])
    await pause(1)
    expect([wire.writes, transport.buffered]).toEqual([[-100], 0])
    transport.sink.next(new Uint8Array(20_000))
    expect(wire.writes).toEqual([-100, 20_000])
    transport.sink.next(new Uint8Array(1))
    await pause(1)
    expect(wire.writes).toEqual([-100, 20_000, 1])
    transport.sink.error(undefined)
  })

  test('what is corked leaves before the end', async () => {
    const wire = new Wire()
    const transport = fromDuplex(wire)
    transport.sink.next(new Uint8Array(3))
    transport.sink.next(new Uint8Array(3))
    transport.sink.complete()
    await new Promise((resolve) => wire.once('finish', resolve))
    expect(wire.writes).toEqual([-2])
    transport.sink.error(undefined)
  })

  test.each([10, 100_000])('writable follows a mark of %i, whatever the stream’s own is', async (highWaterMark) => {
    const wire = new Wire(true)
    const transport = fromDuplex(wire, { highWaterMark })
    const told: boolean[] = []
    transport.writable$.subscribe((writable) => told.push(writable))
    transport.sink.next(new Uint8Array(highWaterMark))
    expect([transport.writable, transport.buffered]).toEqual([true, highWaterMark])
    transport.sink.next(new Uint8Array(1))
    expect([transport.writable, transport.buffered]).toEqual([false, highWaterMark + 1])
    await until(() => {
      wire.done?.()
      return transport.buffered === 0
    }, 'an empty queue')
    await pause(5)
    expect([transport.writable, told]).toEqual([true, [true, false, true]])
    transport.sink.error(undefined)
  })
})

describe('ends', () => {
  test('bytes that are unread when the stream breaks are delivered before the error', async () => {
    const wire = new Wire()
    const transport = fromDuplex(wire)
    const sent = pattern(3_000)
    for (let i = 0; i < 3_000; i += 1_000) wire.push(sent.subarray(i, i + 1_000))
    wire.destroy(new Error('broke'))
    expect(await ending(transport.closed$)).toEqual({ code: 'transport', message: 'broke', cause: 'broke' })
    const first = transport.bytes$.subscribe({ next: () => first.unsubscribe(), error: () => undefined })
    await until(() => first.closed, 'the first chunk')
    const reading = read(transport)
    expect(reading.endings).toEqual([])
    await until(() => reading.endings.length > 0, 'the error')
    expect(reading.endings).toMatchObject([{ code: 'transport', cause: 'broke' }])
    expect(reading.length()).toBeLessThan(3_000)
  })

  test('all of them, in order, for one who subscribes only then', async () => {
    const wire = new Wire()
    const transport = fromDuplex(wire)
    const sent = pattern(3_000)
    for (let i = 0; i < 3_000; i += 1_000) wire.push(sent.subarray(i, i + 1_000))
    wire.destroy(new Error('broke'))
    await ending(transport.closed$)
    const reading = read(transport)
    await until(() => reading.endings.length > 0, 'the error')
    expect(digest(reading.bytes())).toBe(digest(sent))
  })

  test('and for one who subscribed in the turn in which it broke', async () => {
    const wire = new Wire()
    const transport = fromDuplex(wire)
    wire.push(pattern(500))
    const reading = read(transport)
    wire.destroy(new Error('broke'))
    await until(() => reading.endings.length > 0, 'the error')
    expect([reading.length(), reading.endings]).toMatchObject([500, [{ cause: 'broke' }]])
  })

  test('and for one who subscribed in that turn, after the break', async () => {
    const wire = new Wire()
    const transport = fromDuplex(wire)
    wire.push(pattern(500))
    wire.destroy(new Error('broke'))
    const reading = read(transport)
    await until(() => reading.endings.length > 0, 'the error')
    expect([reading.length(), reading.endings]).toMatchObject([500, [{ cause: 'broke' }]])
  })

  test('nothing is delivered to one who subscribes right after sink.error', async () => {
    const wire = new Wire()
    const transport = fromDuplex(wire)
    wire.push(pattern(500))
    wire._destroy = (_error, done) => void setImmediate(done)
    transport.sink.error(undefined)
    const reading = read(transport)
    await until(() => reading.endings.length > 0, 'the end')
    expect([reading.length(), reading.endings]).toEqual([0, ['complete']])
  })

  test('what is sent while a stream without allowHalfOpen ends by itself is ignored', async () => {
    const wire = new Duplex({
      allowHalfOpen: false,
      read: () => undefined,
      write: (_chunk, _encoding, done) => done(),
      final: (done) => void setTimeout(done, 20),
    })
    const transport = fromDuplex(wire)
    const reading = read(transport)
    wire.push(null)
    await until(() => reading.endings.length > 0 && wire.writableEnded, 'the end')
    transport.sink.next(new Uint8Array(1))
    expect(await ending(transport.closed$)).toBe('complete')
  })

  test('sink.error after the break drops them', async () => {
    const wire = new Wire()
    const transport = fromDuplex(wire)
    wire.push(pattern(500))
    wire.destroy(new Error('broke'))
    await ending(transport.closed$)
    transport.sink.error(undefined)
    const reading = read(transport)
    await until(() => reading.endings.length > 0, 'the error')
    expect([reading.length(), reading.endings]).toMatchObject([0, [{ cause: 'broke' }]])
  })

  test('a stream closed without an error before its end is broken', async () => {
    const wire = new Wire()
    const transport = fromDuplex(wire)
    wire.destroy()
    expect(await ending(transport.closed$)).toMatchObject({ message: 'The stream was closed before its end' })
  })

  test('an error told without a close is one', async () => {
    const wire = new Wire()
    const transport = fromDuplex(wire)
    const reading = read(transport)
    wire.emit('error', new Error('an alert'))
    wire.push(null)
    expect(await ending(transport.closed$)).toMatchObject({ code: 'transport', cause: 'an alert' })
    expect(reading.endings).toMatchObject([{ cause: 'an alert' }])
    expect(wire.destroyed).toBe(true)
  })

  test('a stream that was over before is told late', async () => {
    const wire = new Wire()
    wire.on('error', () => undefined).destroy(new Error('long ago'))
    await pause(5)
    const transport = fromDuplex(wire)
    expect(await ending(transport.closed$)).toMatchObject({ code: 'transport', cause: 'long ago' })
    expect(await ending(transport.bytes$)).toMatchObject({ code: 'transport', cause: 'long ago' })
  })

  test('without allowHalfOpen the peer’s end is the end', async () => {
    const [near, far] = streamPair({ allowHalfOpen: false })
    const transport = fromDuplex(near)
    const reading = read(transport)
    far.resume().end()
    await until(() => reading.endings.length > 0, 'the end')
    expect(await ending(transport.closed$)).toBe('complete')
    transport.sink.next(new Uint8Array(1))
    transport.sink.complete()
    await pause(5)
    expect([transport.writable, transport.buffered]).toEqual([false, 0])
  })

  test('leaves no listener of its own on the stream', async () => {
    const wire = new Wire()
    const before = wire.eventNames().map((name) => [name, wire.listenerCount(name)])
    const transport = fromDuplex(wire)
    const reading = read(transport)
    transport.sink.error(undefined)
    await ending(transport.closed$)
    expect(reading.endings).toEqual(['complete'])
    expect(wire.eventNames().map((name) => [name, wire.listenerCount(name)])).toEqual(before)
  })
})

test('a stream that flows already is stopped until somebody reads', async () => {
  const wire = new Wire()
  wire.resume()
  const transport = fromDuplex(wire)
  wire.push(pattern(100))
  await pause(5)
  const reading = read(transport)
  await until(() => reading.length() === 100, 'the bytes')
  transport.sink.error(undefined)
})

test.each([
  ['object mode', () => fromDuplex(new PassThrough({ objectMode: true }))],
  ['an encoding', () => fromDuplex(new PassThrough({ encoding: 'utf8' }))],
  ['a bad mark', () => fromDuplex(new PassThrough(), { highWaterMark: -1 })],
])('%s is refused', (_, make) => {
  let thrown: unknown
  try {
    make()
  } catch (error) {
    thrown = error
  }
  expect(thrown).toBeInstanceOf(MqttError)
  expect((thrown as MqttError).code).toBe('invalid-option')
})

test('the example of fromDuplex', async () => {
  const [near, far] = streamPair()
  const seen: number[] = []
  const transport = fromDuplex(near)
  transport.bytes$.subscribe((chunk) => seen.push(chunk.length))
  far.write(new Uint8Array(3))
  await until(() => seen.length > 0, 'the bytes')
  expect(seen).toEqual([3])
  await paired(transport, fromDuplex(far)).close()
})
