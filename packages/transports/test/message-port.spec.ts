import { type AddressInfo, createServer, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { MessageChannel as NodeChannel, Worker } from 'node:worker_threads'
import { MqttError, type Transport } from '@rxmqtt/core'
import { marbles } from '@rxmqtt/core/testing'
import { memoryPair } from '@rxmqtt/transports/memory'
import {
  connectMessagePort,
  type ConnectMessagePortOptions,
  type MessagePortLike,
  serveMessagePort,
  type ServeMessagePortOptions,
} from '@rxmqtt/transports/message-port'
import { buildSync } from 'esbuild'
import { concat, map, NEVER, Observable, of, startWith, Subject, type Subscription, throwError, timer } from 'rxjs'
import { digest, type Ending, ending, expectNoHandles, flatten, pattern, pause, read, until } from './helpers.js'
import { HOST } from './links.js'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})
expectNoHandles()

/** A page and its worker in one thread; the worker's transport is one end of a pair. */
async function joined(
  options: ConnectMessagePortOptions & { worker?: ServeMessagePortOptions; mark?: number; chunkSize?: number } = {},
) {
  const { worker: serving = {}, mark, chunkSize, ...dialling } = options
  const [near, far] = memoryPair({ highWaterMark: mark, chunkSize })
  const { port1, port2 } = new MessageChannel()
  const dial$ = new Observable<Transport>((subscriber) => {
    subscriber.next(near)
    return () => near.sink.complete()
  })
  const worker = serveMessagePort(port2, dial$, serving).subscribe()
  const transports: Transport[] = []
  const ends: Ending[] = []
  const page = connectMessagePort(port1, { drainTimeout: 50, ...dialling }).subscribe({
    next: (transport) => transports.push(transport),
    error: (error: unknown) => ends.push(flatten(error)),
    complete: () => ends.push('complete'),
  })
  closing.push(async () => {
    page.unsubscribe()
    await until(() => transports.length === 0 || !(transports[0] as Transport).writable, 'the end')
    worker.unsubscribe()
    far.sink.error(undefined)
    port1.close()
  })
  await until(() => transports.length > 0, 'an open transport')
  return { client: transports[0] as Transport, near, far, page, worker, ends }
}

describe('what crosses', () => {
  test('only as much is read in the worker as is wanted in the page', async () => {
    const { client, far } = await joined({ receiveWindow: 1_000, chunkSize: 100 })
    const sent = pattern(5_000)
    far.sink.next(Buffer.from(sent))
    await pause(30)
    expect(far.buffered).toBe(5_000)
    const first = read(client)
    await until(() => first.length() === 5_000, 'all')
    first.subscription.unsubscribe()
    far.sink.next(Buffer.from(sent))
    await pause(30)
    // What was granted and not used: a window, no less than half of it.
    expect(far.buffered).toBeLessThanOrEqual(4_500)
    expect(far.buffered).toBeGreaterThanOrEqual(4_000)
    const second = read(client)
    await until(() => second.length() === 5_000, 'all')
    expect(digest(Buffer.concat([first.bytes(), second.bytes()]))).toBe(digest(Buffer.concat([sent, sent])))
  })

  test('what the worker cannot send holds the page back, and is its buffered', async () => {
    const { client, near, far } = await joined({ highWaterMark: 2_000, worker: { receiveWindow: 1_000 }, mark: 500 })
    const told: boolean[] = []
    client.writable$.subscribe((writable) => told.push(writable))
    const sent = pattern(10_000)
    for (let at = 0; at < sent.length; at += 100) client.sink.next(sent.subarray(at, at + 100))
    await pause(30)
    // It took chunks until it was full, and those of the window that had been granted before that.
    expect([near.buffered, client.buffered, told]).toEqual([500 + 1_000, 10_000 - 500, [true, false]])
    const reading = read(far)
    await until(() => client.buffered === 0, 'an empty queue')
    expect([told, digest(reading.bytes())]).toEqual([[true, false, true], digest(sent)])
  })

  test('a chunk with a buffer of its own comes uncopied, one that shares it as a copy', async () => {
    const { client, far } = await joined()
    const reading = read(client)
    const [own, shared] = [new Uint8Array(pattern(300)), new Uint8Array(pattern(1_000))]
    far.sink.next(own)
    far.sink.next(shared.subarray(0, 999))
    await until(() => reading.length() === 1_299, 'both')
    expect([own.length, shared.length]).toEqual([0, 1_000])
    expect(digest(reading.bytes())).toBe(digest(Buffer.concat([pattern(300), pattern(1_000).subarray(0, 999)])))
  })

  test('what is sent stays whole, for who sends it again', async () => {
    const { client, far } = await joined()
    const payload = new Uint8Array(pattern(40_000))
    const reading = read(far)
    client.sink.next(payload)
    client.sink.next(payload)
    await until(() => reading.length() === 80_000, 'both')
    expect(digest(reading.bytes().subarray(40_000))).toBe(digest(pattern(40_000)))
    expect(payload.length).toBe(40_000)
  })

  test('sink.error in the page destroys in the worker, whatever is queued', async () => {
    const { client, far, ends } = await joined()
    client.sink.next(pattern(1_000))
    client.sink.error(new MqttError('timeout', 'Enough'))
    expect(await ending(far.closed$)).toMatchObject({ code: 'transport', message: 'The peer destroyed the transport' })
    expect(ends).toMatchObject([{ code: 'timeout', message: 'Enough' }])
  })

  test('what had come is read before the link that broke in the worker', async () => {
    const { client, near, far, ends } = await joined({ receiveWindow: 10, chunkSize: 100 })
    far.sink.next(pattern(1_000))
    const first = client.bytes$.subscribe(() => first.unsubscribe())
    await pause(20)
    near.sink.complete()
    far.sink.complete()
    const reading = read(client)
    await until(() => ends.length > 0, 'the end')
    expect([reading.length(), reading.endings, ends]).toEqual([900, ['complete'], ['complete']])
  })

  test('what a broken transport left unread in the worker comes to a late subscriber, then the error', async () => {
    const error = new MqttError('transport', 'broken', {
      cause: Object.assign(new Error('reset'), { code: 'ECONNRESET' }),
    })
    const closed$ = new Subject<never>()
    const broken: Transport = {
      bytes$: concat(
        timer(1).pipe(map(() => pattern(100_000))),
        timer(1).pipe(map(() => pattern(100, 2))),
        throwError(() => error),
      ),
      sink: { next: () => undefined, error: () => undefined, complete: () => undefined },
      closed$,
      writable: true,
      writable$: NEVER,
      buffered: 0,
      info: { kind: 'tls', remoteAddress: HOST, socket: () => 1, tls: { authorized: true, peerCertificate: () => 1 } },
    }
    const { port1, port2 } = new MessageChannel()
    const worker = serveMessagePort(port2, NEVER.pipe(startWith(broken))).subscribe()
    const transports: Transport[] = []
    const ends: Ending[] = []
    connectMessagePort(port1).subscribe({
      next: (transport) => transports.push(transport),
      error: (reason: unknown) => ends.push(flatten(reason)),
    })
    await until(() => transports.length > 0, 'a transport')
    const client = transports[0] as Transport
    expect(client.info).toMatchObject({ kind: 'message-port', remoteAddress: HOST, tls: { authorized: true } })
    closed$.error(error)
    await until(() => ends.length > 0, 'the error')
    expect(ends).toEqual([{ code: 'transport', message: 'broken', cause: 'ECONNRESET' }])
    const late = read(client)
    await until(() => late.endings.length > 0, 'the error, late')
    expect(digest(late.bytes())).toBe(digest(Buffer.concat([pattern(100_000), pattern(100, 2)])))
    expect(late.endings).toEqual(ends)
    worker.unsubscribe()
    port1.close()
  })
})

describe('dialling', () => {
  async function dialled(
    dial: Observable<Transport> | ((request: unknown) => Observable<Transport>),
    options: ConnectMessagePortOptions = {},
  ): Promise<{ end: Ending; worker: Subscription }> {
    const { port1, port2 } = new MessageChannel()
    const worker = serveMessagePort(port2, dial).subscribe()
    closing.push(() => {
      worker.unsubscribe()
      port1.close()
    })
    return { end: await ending(connectMessagePort(port1, options)), worker }
  }

  test('what the dial says crosses whole: code, reasons and cause', async () => {
    const cause = Object.assign(new Error('because'), { code: 'ECONNREFUSED' })
    const error = new MqttError('refused', 'No', { reasonCode: 0x87, returnCode: 5, cause })
    const { port1, port2 } = new MessageChannel()
    const worker = serveMessagePort(
      port2,
      throwError(() => error),
    ).subscribe()
    const told = await new Promise<MqttError>((resolve) => {
      connectMessagePort(port1).subscribe({ error: resolve })
    })
    expect(told).toBeInstanceOf(MqttError)
    const { code, message, reasonCode, returnCode } = told
    expect({ code, message, reasonCode, returnCode }).toEqual({
      code: 'refused',
      message: 'No',
      reasonCode: 0x87,
      returnCode: 5,
    })
    expect(told.cause).toMatchObject({ message: 'because', code: 'ECONNREFUSED' })
    worker.unsubscribe()
    port1.close()
  })

  test('an error without a code, a function that throws, and a dial that is empty', async () => {
    const failing = await dialled(throwError(() => new Error('text')))
    expect(failing.end).toMatchObject({ code: 'transport', message: 'text', cause: 'text' })
    const throwing = await dialled(() => {
      throw new TypeError('my mistake')
    })
    expect(throwing.end).toMatchObject({ code: 'transport', cause: 'my mistake' })
    expect((await dialled(of())).end).toMatchObject({
      code: 'transport',
      message: expect.stringContaining('ended') as string,
    })
  })

  test('nobody serves: timeout. A request that cannot be cloned: invalid-option. No MessageChannel: invalid-option', async () => {
    const { port1 } = new MessageChannel()
    closing.push(() => port1.close())
    expect(await ending(connectMessagePort(port1, { connectTimeout: 30 }))).toMatchObject({ code: 'timeout' })
    expect(await ending(connectMessagePort(port1, { request: () => 1 }))).toMatchObject({
      code: 'invalid-option',
      message: expect.stringContaining('request must be cloneable') as string,
    })
    const { MessageChannel: kept } = globalThis
    Reflect.deleteProperty(globalThis, 'MessageChannel')
    try {
      expect(await ending(connectMessagePort(port1))).toMatchObject({ code: 'invalid-option' })
    } finally {
      Object.assign(globalThis, { MessageChannel: kept })
    }
  })

  test('an aborted dial is aborted in the worker too, and other messages on the port are left alone', async () => {
    const { port1, port2 } = new MessageChannel()
    let aborted = 0
    let begun = 0
    const dial$ = new Observable<Transport>(() => {
      begun += 1
      return () => (aborted += 1)
    })
    const worker = serveMessagePort(port2, dial$).subscribe()
    for (const message of ['mine', null, 7, { rxmqtt: 'other' }]) port1.postMessage(message)
    const page = connectMessagePort(port1).subscribe()
    await until(() => begun === 1, 'the dial')
    page.unsubscribe()
    await until(() => aborted === 1, 'the abort')
    worker.unsubscribe()
    port1.close()
  })

  test('serving ends: its pages are told, and its transports hung up', async () => {
    const { client, far, worker, ends } = await joined()
    const reading = read(far)
    read(client)
    worker.unsubscribe()
    await until(() => ends.length > 0 && reading.endings.length > 0, 'both ends')
    expect(ends).toMatchObject([{ code: 'transport', message: 'The worker serves no more' }])
    expect(reading.endings).toEqual(['complete'])
  })

  test('serving completes when the port is closed', async () => {
    const { port1, port2 } = new MessageChannel()
    const end = ending(serveMessagePort(port2, NEVER))
    port1.close()
    expect(await end).toBe('complete')
  })

  test.each([{ heartbeatInterval: 0 }, { maximumMissed: 0 }, { receiveWindow: 0 }, { highWaterMark: -1 }])(
    '%j is refused at the call',
    (options) => {
      const { port1 } = new NodeChannel()
      const name = Object.keys(options)[0]
      expect(() => connectMessagePort(port1, options)).toThrow(name)
      if (!('highWaterMark' in options)) expect(() => serveMessagePort(port1, NEVER, options)).toThrow(name)
      port1.close()
    },
  )
})

/** A port whose other end is the test: what is posted is kept, what the test says is heard. */
class FakePort {
  readonly posted: { say?: string; port?: FakePort; rxmqtt?: string }[] = []
  readonly #listeners = new Map<string, (event: { data?: unknown }) => void>()
  isClosed = false

  postMessage(message: object): void {
    this.posted.push(message)
  }

  addEventListener(type: string, listener: (event: { data?: unknown }) => void): void {
    this.#listeners.set(type, listener)
  }

  removeEventListener(type: string): void {
    this.#listeners.delete(type)
  }

  close(): void {
    this.isClosed = true
  }

  hear(data: unknown): void {
    this.#listeners.get('message')?.({ data })
  }

  said(): string {
    return this.posted.map(({ say }) => say).join(' ')
  }
}

/** Runs with channels whose first port is that of the page, in this list. */
function withFakeChannels(run: (made: FakePort[]) => void): void {
  const { MessageChannel: kept } = globalThis
  const made: FakePort[] = []
  class FakeChannel {
    readonly port1 = new FakePort()
    readonly port2 = new FakePort()

    constructor() {
      made.push(this.port1)
    }
  }
  Object.assign(globalThis, { MessageChannel: FakeChannel })
  try {
    run(made)
  } finally {
    Object.assign(globalThis, { MessageChannel: kept })
  }
}

describe('the heartbeat, in virtual time', () => {
  const open = { say: 'open', info: { kind: 'tcp' }, bytes: 100 }

  test('a page asks every second once it is open, and gives a worker up that said nothing to three questions', () => {
    withFakeChannels((made) => {
      marbles(({ does, expectObservable, flush }) => {
        const bell = new FakePort()
        const port = (): FakePort => made[0] as FakePort
        does('5s o 1499ms p 2999ms g', {
          o: () => port().hear(open),
          p: () => port().hear({ say: 'pong' }),
          g: () => expect(port().said()).toBe('ping ping ping ping'),
        })
        const ends$ = connectMessagePort(bell as MessagePortLike)
        // Asked at 6 s, and at 7, 8 and 9 s; at 10 s nothing was heard since 6.5 s.
        const error = new MqttError('transport', 'gone')
        expectObservable(ends$).toBe('5s a 4999ms #', { a: expect.anything() as unknown }, error)
        flush()
        expect(port().said()).toBe('ping ping ping ping abort')
        expect(port().isClosed).toBe(true)
      })
    })
  })

  test('whatever the worker says counts as an answer, and its questions are answered', () => {
    withFakeChannels((made) => {
      marbles(({ does, flush, expectObservable }) => {
        const says = { o: open, p: { say: 'ping' }, e: { say: 'end' }, x: { say: 'over', error: undefined } }
        const hear = Object.fromEntries(
          Object.entries(says).map(([key, message]) => [key, () => (made[0] as FakePort).hear(message)]),
        )
        does('o 2500ms p 2500ms p 2500ms e 2500ms x', hear)
        const page$ = connectMessagePort(new FakePort() as MessagePortLike)
        expectObservable(page$).toBe('a 10003ms |', { a: expect.anything() as unknown })
        flush()
        expect((made[0] as FakePort).said()).toBe('ping ping pong ping ping ping pong ping ping ping ping ping')
      })
    })
  })

  test('a worker gives up a page that said nothing, and destroys its transport', () => {
    marbles(({ does, expectObservable, flush }) => {
      const [bell, channel] = [new FakePort(), new FakePort()]
      const [near, far] = memoryPair()
      const dial$ = new Observable<Transport>((subscriber) => subscriber.next(near))
      const options = { heartbeatInterval: 10, maximumMissed: 2 }
      does('r 14ms p', {
        r: () => bell.hear({ rxmqtt: 'dial', port: channel }),
        p: () => channel.hear({ say: 'pong' }),
      })
      expectObservable(serveMessagePort(bell as MessagePortLike, dial$, options)).toBe('')
      const error = new MqttError('transport', 'reset')
      expectObservable(far.closed$).toBe('40ms #', undefined, error)
      flush()
      expect(channel.said()).toBe('open ping ping ping over')
      expect(channel.isClosed).toBe(true)
    })
  })

  test('timers run only while a connection is open', () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    const before = timers()
    const [bell, channel] = [new FakePort(), new FakePort()]
    const serving = serveMessagePort(bell as MessagePortLike, NEVER).subscribe()
    expect(timers()).toBeLessThanOrEqual(before)
    bell.hear({ rxmqtt: 'dial', port: channel })
    expect(timers()).toBe(before + 1)
    channel.hear({ say: 'abort' })
    expect(timers()).toBeLessThanOrEqual(before)
    serving.unsubscribe()
  })
})

describe('a real worker', () => {
  /** The worker of test/port-worker.ts, in one script. */
  const script = buildSync({
    entryPoints: [fileURLToPath(new URL('port-worker.ts', import.meta.url))],
    tsconfig: fileURLToPath(new URL('../../../tsconfig.test.json', import.meta.url)),
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
  }).outputFiles[0]?.text as string

  function start(role: 'serve' | 'dial', port = 0): Worker {
    const worker = new Worker(script, { eval: true, workerData: { role, port } })
    closing.push(() => worker.terminate())
    return worker
  }

  /** A server that gives everything back. */
  async function echo(): Promise<{ port: number; peers: Socket[]; ends: string[] }> {
    const peers: Socket[] = []
    const ends: string[] = []
    const server = createServer((peer) => {
      peers.push(peer)
      peer.on('error', () => undefined).on('close', () => ends.push('closed'))
      peer.pipe(peer)
    })
    await new Promise<void>((resolve) => {
      server.listen(0, HOST, resolve)
    })
    closing.push(() => {
      for (const peer of peers) peer.destroy()
      server.close()
    })
    return { port: (server.address() as AddressInfo).port, peers, ends }
  }

  function dial(worker: Worker, options: ConnectMessagePortOptions = {}) {
    const transports: Transport[] = []
    const ends: Ending[] = []
    const page = connectMessagePort(worker, { drainTimeout: 100, ...options }).subscribe({
      next: (transport) => transports.push(transport),
      error: (error: unknown) => ends.push(flatten(error)),
      complete: () => ends.push('complete'),
    })
    closing.push(() => page.unsubscribe())
    return { transports, ends, page }
  }

  test('carries 20 MiB there and back, and is noticed when it is terminated', async () => {
    const { port, ends: closed } = await echo()
    const worker = start('serve', port)
    const { transports, ends } = dial(worker)
    await until(() => transports.length > 0, 'a transport')
    const client = transports[0] as Transport
    const reading = read(client)
    const sent = pattern(20 * 1_048_576)
    for (let at = 0; at < sent.length; at += 100_000) client.sink.next(sent.subarray(at, at + 100_000))
    await until(() => reading.length() >= sent.length, 'all bytes', 15_000)
    expect(digest(reading.bytes())).toBe(digest(sent))
    await worker.terminate()
    await until(() => ends.length > 0, 'the error')
    expect(ends).toMatchObject([
      { code: 'transport', message: expect.stringContaining('The worker is gone') as string },
    ])
    expect(reading.endings).toEqual(ends)
    await until(() => closed.length > 0, 'the end of its socket')
  })

  test('is noticed when it stands still', async () => {
    const { port } = await echo()
    const worker = start('serve', port)
    const { transports, ends } = dial(worker, { heartbeatInterval: 20, maximumMissed: 3 })
    await until(() => transports.length > 0, 'a transport')
    await pause(200)
    expect(ends).toEqual([])
    worker.postMessage('stand still')
    await until(() => ends.length > 0, 'the error')
    expect(ends).toMatchObject([{ message: 'The worker is gone: it said nothing for 3 × 20 ms' }])
  })

  test('as a page: when it is terminated its transport is destroyed here', async () => {
    const { port, peers, ends } = await echo()
    const worker = start('dial')
    const { connectTcp } = await import('@rxmqtt/transports/tcp')
    const serving = serveMessagePort(worker, connectTcp({ host: HOST, port })).subscribe()
    closing.push(() => serving.unsubscribe())
    await until(() => peers.length > 0 && (peers[0] as Socket).bytesRead === 5, 'a page')
    expect(ends).toEqual([])
    await worker.terminate()
    await until(() => ends.length > 0, 'the end of its socket')
  })
})
