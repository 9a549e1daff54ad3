import { type AddressInfo } from 'node:net'
import { Connection, MqttError, type Transport } from '@rxmqtt/core'
import { marbles } from '@rxmqtt/core/testing'
import { connectWebSocket, type ConnectWebSocketOptions, type WebSocketLike } from '@rxmqtt/transports/websocket'
import { listenWs } from '@rxmqtt/transports/ws'
import { type Subscription, switchMap } from 'rxjs'
import { WebSocket, WebSocketServer } from 'ws'
import {
  digest,
  type Ending,
  ending,
  expectNoHandles,
  flatten,
  handles,
  pattern,
  pause,
  read,
  until,
} from './helpers.js'
import { HOST } from './links.js'

expectNoHandles()

/** A browser's WebSocket without a network: it does what the test says, and remembers what was asked of it. */
class FakeWebSocket implements WebSocketLike {
  static made: FakeWebSocket[] = []
  readyState = 0
  protocol = 'mqtt'
  binaryType = 'blob'
  onopen: ((event: never) => unknown) | null = null
  onmessage: ((event: never) => unknown) | null = null
  onerror: ((event: never) => unknown) | null = null
  onclose: ((event: never) => unknown) | null = null
  readonly sent: number[] = []
  readonly closes: (number | undefined)[] = []
  queued = 0
  looks = 0

  readonly url: string
  readonly protocols: string[]

  constructor(url: string, protocols: string[]) {
    this.url = url
    this.protocols = protocols
    FakeWebSocket.made.push(this)
  }

  get bufferedAmount(): number {
    this.looks += 1
    return this.queued
  }

  send(data: { byteLength: number }): void {
    this.sent.push(data.byteLength)
    this.queued += data.byteLength
  }

  close(code?: number, reason = ''): void {
    // As the standard has it for pages.
    if (code !== undefined && code !== 1000 && (code < 3000 || code > 4999)) throw new Error('InvalidAccessError')
    if (Buffer.byteLength(reason) > 123) throw new Error('SyntaxError')
    if (this.readyState < 2) this.closes.push(code)
    this.readyState = Math.max(this.readyState, 2)
  }

  open(protocol = 'mqtt'): void {
    this.readyState = 1
    this.protocol = protocol
    this.onopen?.({} as never)
  }

  message(data: string | Uint8Array): void {
    this.onmessage?.({ data: typeof data === 'string' ? data : new Uint8Array(data).buffer } as never)
  }

  closed(code: number, reason = ''): void {
    this.readyState = 3
    this.onclose?.({ code, reason } as never)
  }
}

interface Page {
  readonly socket: FakeWebSocket
  readonly transports: Transport[]
  readonly ends: Ending[]
  readonly dialled: Subscription
}

/** Dials with a fake. */
function page(options: Partial<ConnectWebSocketOptions> = {}): Page {
  const transports: Transport[] = []
  const ends: Ending[] = []
  const dialled = connectWebSocket({ url: 'wss://broker/mqtt', WebSocketCtor: FakeWebSocket, ...options }).subscribe({
    next: (transport) => transports.push(transport),
    error: (error: unknown) => ends.push(flatten(error)),
    complete: () => ends.push('complete'),
  })
  return { socket: FakeWebSocket.made.pop() as FakeWebSocket, transports, ends, dialled }
}

function opened(options: Partial<ConnectWebSocketOptions> = {}): Page & { transport: Transport } {
  const dialled = page(options)
  dialled.socket.open()
  return { ...dialled, transport: dialled.transports[0] as Transport }
}

describe('what is asked of the platform', () => {
  test('the URL and the subprotocols as given, and array buffers', () => {
    const { socket, dialled } = page({ protocols: ['mqtt', 'mqttv3.1'] })
    expect([socket.url, socket.protocols, socket.binaryType]).toEqual([
      'wss://broker/mqtt',
      ['mqtt', 'mqttv3.1'],
      'arraybuffer',
    ])
    dialled.unsubscribe()
    const plain = page({ url: new URL('wss://broker/x') })
    expect([plain.socket.url, plain.socket.protocols]).toEqual(['wss://broker/x', ['mqtt']])
    plain.dialled.unsubscribe()
  })

  test('an aborted dial closes the socket and hears no more of it', () => {
    const { socket, dialled, ends } = page()
    dialled.unsubscribe()
    expect([socket.closes, socket.onopen, socket.onclose]).toEqual([[undefined], null, null])
    socket.onerror?.({} as never)
    expect(ends).toEqual([])
  })

  test.each(['', 'other'])('MQTT 5 [MQTT-6.0.0-4] a server that chose %j is closed', (protocol) => {
    const { socket, ends, transports } = page()
    socket.open(protocol)
    expect(ends).toMatchObject([{ code: 'transport', message: expect.stringContaining('[MQTT-6.0.0-4]') as string }])
    expect([socket.closes, transports]).toEqual([[4002], []])
  })

  test('a socket that does not open says as much as the platform does', () => {
    const failed = page()
    failed.socket.onerror?.({} as never)
    failed.socket.closed(1006)
    const message = 'wss://broker/mqtt could not be opened: the platform does not say why'
    expect(failed.ends).toEqual([{ code: 'transport', message, cause: undefined }])
    const closed = page()
    closed.socket.closed(1013, 'later')
    expect(closed.ends).toMatchObject([{ message: expect.stringContaining('with code 1013 later') as string }])
  })

  test('a URL that it refuses, and a platform without a WebSocket, are invalid options', async () => {
    expect(await ending(connectWebSocket({ url: 'no url', WebSocketCtor: WebSocket }))).toMatchObject({
      code: 'invalid-option',
      message: expect.stringContaining('url no url') as string,
      cause: expect.stringContaining('no url') as string,
    })
    const has = Object.getOwnPropertyDescriptor(globalThis, 'WebSocket')
    Object.defineProperty(globalThis, 'WebSocket', { value: undefined, configurable: true, writable: true })
    try {
      expect(await ending(connectWebSocket('ws://broker'))).toMatchObject({
        code: 'invalid-option',
        message: expect.stringContaining('WebSocketCtor') as string,
      })
      Object.assign(globalThis, { WebSocket: FakeWebSocket })
      const dialled = connectWebSocket('ws://broker').subscribe()
      expect(FakeWebSocket.made.pop()?.url).toBe('ws://broker')
      dialled.unsubscribe()
    } finally {
      if (has === undefined) Reflect.deleteProperty(globalThis, 'WebSocket')
      else Object.defineProperty(globalThis, 'WebSocket', has)
    }
  })

  test.each([
    { protocols: [] },
    { highWaterMark: -1 },
    { maximumReceiveBuffered: 0 },
    { connectTimeout: 0 },
    { drainTimeout: 1.5 },
  ])('%j is refused at the call', (options) => {
    expect(() => connectWebSocket({ url: 'ws://broker', ...options })).toThrow(Object.keys(options)[0])
  })
})

describe('out', () => {
  test('looks at what is queued only while it is too much, rarer when it does not move', () => {
    marbles(({ does, expectObservable, flush }) => {
      const { socket, transport, dialled } = opened({ highWaterMark: 10 })
      const looks: number[] = []
      const count = (): unknown => looks.push(socket.looks)
      does('5ms w 94ms c 9ms f 989ms c 899ms d 199ms c 799ms c', {
        w: () => transport.sink.next(new Uint8Array(10)),
        c: count,
        f: () => transport.sink.next(new Uint8Array(1)),
        d: () => (socket.queued = 10),
      })
      // 2000 is between two looks: 4, 8, 16, 32, 64 and then every 100 ms after the first byte too many.
      expectObservable(transport.writable$, '^ 2900ms !').toBe('a 109ms b 1923ms a', { a: true, b: false })
      flush()
      const [idle = 0, busy = 0, drained = 0, after = 0] = looks
      expect(idle).toBeLessThanOrEqual(4)
      expect(busy - idle).toBeGreaterThan(10)
      expect(busy - idle).toBeLessThan(30)
      expect(after).toBe(drained)
      transport.sink.error(undefined)
      dialled.unsubscribe()
    })
  })

  test('an open socket has no timer, whatever it has sent', async () => {
    const timers = (): number => handles()['Timeout'] ?? 0
    const before = timers()
    const { socket, transport, dialled } = opened({ highWaterMark: 10 })
    transport.sink.next(new Uint8Array(5))
    expect([transport.buffered, timers() - before]).toEqual([5, 0])
    transport.sink.next(new Uint8Array(6))
    expect([transport.writable, timers() - before]).toEqual([false, 1])
    socket.queued = 0
    await until(() => transport.writable, 'room')
    expect(timers() - before).toBeLessThanOrEqual(0)
    transport.sink.error(undefined)
    dialled.unsubscribe()
  })

  test('sends what is queued and then the close frame; what may not be sent any more is not', async () => {
    const { socket, transport, ends } = opened()
    transport.sink.next(new Uint8Array(3))
    transport.sink.complete()
    transport.sink.next(new Uint8Array(4))
    expect([socket.sent, socket.closes]).toEqual([[3], [1000]])
    socket.queued = 0
    socket.closed(1000)
    expect(ends).toEqual(['complete'])
    expect(await ending(transport.closed$)).toBe('complete')
  })

  test('after our close frame a lost link is clean when all was sent, else not', () => {
    for (const [queued, end] of [
      [0, 'complete'],
      [3, { code: 'transport' }],
    ] as const) {
      const { socket, transport, ends } = opened()
      transport.sink.next(new Uint8Array(3))
      transport.sink.complete()
      socket.queued = queued
      socket.closed(1006)
      expect(ends).toMatchObject([end])
    }
  })

  test('sink.error is over at once, though a browser can only close', async () => {
    const { socket, transport, ends } = opened()
    transport.sink.next(new Uint8Array(3))
    transport.sink.error(undefined)
    expect(await ending(transport.closed$)).toBe('complete')
    expect([socket.closes, socket.onmessage, transport.buffered, ends]).toEqual([[undefined], null, 0, ['complete']])
  })
})

describe('in', () => {
  test('a browser closes a text frame with 4003, as it may not say 1003; what came before it is read first', async () => {
    const { socket, transport, ends } = opened()
    socket.message(new Uint8Array([1, 2]))
    socket.message('text')
    socket.message(new Uint8Array([3]))
    expect([socket.closes, transport.writable]).toEqual([[4003], false])
    const reading = read(transport)
    await until(() => reading.endings.length > 0, 'the end')
    expect([[...reading.bytes()], reading.endings]).toMatchObject([[1, 2], [{ code: 'transport' }]])
    expect(ends).toEqual([])
    socket.closed(4003)
    expect(ends).toEqual(reading.endings)
  })

  test('a peer that does not answer the close frame has two seconds', () => {
    marbles(({ does, expectObservable }) => {
      const { socket, transport } = opened()
      does('--t', { t: () => socket.message('text') })
      expectObservable(transport.closed$).toBe('2002ms #', undefined, new MqttError('transport', 'It sent text'))
    })
  })

  test('so much may wait, and a byte more is an overflow: what waits is read, then the error', async () => {
    const { socket, transport, ends } = opened({ maximumReceiveBuffered: 100 })
    const bytes = pattern(101)
    socket.message(bytes.subarray(0, 60))
    socket.message(bytes.subarray(60, 100))
    expect(socket.closes).toEqual([])
    // What was read makes room again.
    const first = read(transport)
    await until(() => first.length() === 100, 'what waits')
    first.subscription.unsubscribe()
    socket.message(bytes.subarray(0, 100))
    expect(socket.closes).toEqual([])
    socket.message(bytes.subarray(100))
    expect(socket.closes).toEqual([4008])
    socket.closed(1006)
    const second = read(transport)
    await until(() => second.endings.length > 0, 'the end')
    expect(digest(second.bytes())).toBe(digest(bytes))
    const message = 'More than 100 bytes came that nobody read (maximumReceiveBuffered)'
    expect([second.endings, ends]).toMatchObject([[{ code: 'overflow', message }], [{ code: 'overflow' }]])
  })

  test('the example of connectWebSocket gives packets', async () => {
    const { socket, transports, dialled } = page()
    const topics: string[] = []
    socket.open()
    new Connection(transports[0] as Transport).publish$.subscribe(({ topic }) => topics.push(topic))
    await pause(1)
    socket.message(new Uint8Array([0x30, 4, 0, 1, 97, 1, 0x30, 3, 0, 1]))
    socket.message(new Uint8Array([98]))
    expect(topics).toEqual(['a', 'b'])
    ;(transports[0] as Transport).sink.error(undefined)
    dialled.unsubscribe()
  })
})

/** A server without any MQTT in it. */
async function plainServer(connected: (peer: WebSocket) => void) {
  const server = new WebSocketServer({ host: HOST, port: 0 })
  const codes: number[] = []
  server.on('connection', (peer) => {
    peer.on('close', (code) => codes.push(code))
    connected(peer)
  })
  await new Promise((resolve) => server.once('listening', resolve))
  const stop = (): Promise<unknown> => {
    for (const client of server.clients) client.terminate()
    return new Promise((resolve) => {
      server.close(resolve)
    })
  }
  const dial$ = (options: object = {}) =>
    connectWebSocket({
      url: `ws://${HOST}:${(server.address() as AddressInfo).port}`,
      WebSocketCtor: WebSocket,
      ...options,
    })
  return { codes, stop, dial$ }
}

describe('at a server', () => {
  test('a text frame is answered by 1003 where the platform may', async () => {
    const { codes, stop, dial$ } = await plainServer((peer) => peer.send('text'))
    expect(await ending(dial$())).toMatchObject({
      code: 'transport',
      message: expect.stringContaining('text') as string,
    })
    await until(() => codes.length > 0, 'the close frame')
    expect(codes).toEqual([1003])
    await stop()
  })

  test.each([
    [1000, 'complete'],
    [1001, 'complete'],
    [1005, 'complete'],
    [1011, { code: 'transport', message: 'The WebSocket was closed with code 1011 why' }],
    [1006, { code: 'transport', message: 'The WebSocket was closed without a close frame' }],
  ] as const)('close code %i of the peer', async (code, expected) => {
    const { stop, dial$ } = await plainServer((peer) => {
      peer.send(Buffer.from([1]))
      if (code === 1006) setTimeout(() => peer.terminate(), 20)
      else if (code === 1005) peer.close()
      else peer.close(code, 'why')
    })
    const end = await ending(dial$().pipe(switchMap((transport) => transport.closed$)))
    expect(end).toEqual(expected === 'complete' ? expected : { ...expected, cause: undefined })
    await stop()
  })

  test('a flood that nobody reads ends at 8 MiB, with nothing lost before it', async () => {
    const part = pattern(1_048_576)
    const { codes, stop, dial$ } = await plainServer((peer) => {
      for (let i = 0; i < 12; i += 1) peer.send(part)
    })
    let transport: Transport | undefined
    const ends: Ending[] = []
    const dialled = dial$().subscribe({
      next: (fresh) => (transport = fresh),
      error: (error: unknown) => ends.push(flatten(error)),
    })
    await until(() => ends.length > 0, 'the overflow')
    expect(ends).toMatchObject([{ code: 'overflow' }])
    const reading = read(transport as Transport)
    await until(() => reading.endings.length > 0, 'the end')
    expect([reading.length(), reading.endings]).toMatchObject([9 * part.length, [{ code: 'overflow' }]])
    expect(digest(reading.bytes())).toBe(digest(Buffer.concat(Array.from({ length: 9 }, () => part))))
    await until(() => codes.length > 0, 'the close')
    dialled.unsubscribe()
    await stop()
  })

  test('of several subprotocols the server chooses', async () => {
    const accepted: Transport[] = []
    const [port, server] = await new Promise<[number, Subscription]>((resolve) => {
      const listening = {
        next: (at: AddressInfo | string) => queueMicrotask(() => resolve([(at as AddressInfo).port, subscription])),
      }
      const subscription = listenWs({ host: HOST, listening }).subscribe((transport) => accepted.push(transport))
    })
    const opened: Transport[] = []
    const url = `ws://${HOST}:${port}/`
    const dial$ = connectWebSocket({ url, protocols: ['mqttv3.1', 'mqtt'], WebSocketCtor: WebSocket, drainTimeout: 20 })
    const dialled = dial$.subscribe((transport) => opened.push(transport))
    await until(() => opened.length > 0, 'an open socket')
    expect((opened[0]?.info.socket as WebSocket).protocol).toMatch(/^mqtt(v3\.1)?$/)
    dialled.unsubscribe()
    server.unsubscribe()
    for (const transport of accepted) transport.sink.error(undefined)
  })
})
