import { randomBytes } from 'node:crypto'
import { Agent, createServer, get, type IncomingMessage, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Transport } from '@rxmqtt/core'
import { connectWs, fromWebSocket, listenWs, type ListenWsOptions } from '@rxmqtt/transports/ws'
import { catchError, EMPTY, mergeMap, switchMap, tap } from 'rxjs'
import { WebSocket, WebSocketServer } from 'ws'
import {
  digest,
  type Ending,
  ending,
  expectNoHandles,
  flatten,
  pattern,
  pause,
  read,
  type Reading,
  until,
} from './helpers.js'
import { HOST } from './links.js'

expectNoHandles()

interface Served {
  readonly accepted: Transport[]
  readonly readings: Reading[]
  readonly ends: Ending[]
  readonly port: number
  stop(): Promise<void>
}

/** A listener that reads everything its peers send. */
async function serve(options: Partial<ListenWsOptions> = {}): Promise<Served> {
  const accepted: Transport[] = []
  const readings: Reading[] = []
  const ends: Ending[] = []
  let subscription: { unsubscribe(): void } | undefined
  const address = await new Promise<AddressInfo>((resolve) => {
    const listening = { next: (at: AddressInfo | string) => resolve(at as AddressInfo) }
    const at = options.server === undefined ? { host: HOST } : {}
    subscription = listenWs({ ...at, listening, ...options }).subscribe({
      next: (transport) => {
        accepted.push(transport)
        readings.push(read(transport))
      },
      error: (error: unknown) => ends.push(flatten(error)),
      complete: () => ends.push('complete'),
    })
  })
  const stop = async (): Promise<void> => {
    subscription?.unsubscribe()
    for (const transport of accepted) transport.sink.error(undefined)
    await Promise.all(accepted.map((transport) => ending(transport.closed$)))
  }
  return { accepted, readings, ends, port: address.port, stop }
}

/** A client that speaks WebSocket by hand: whole control over every byte. */
async function raw(port: number, headers: Record<string, string> = {}, path = '/') {
  const socket = connect({ port, host: HOST, noDelay: true })
  const state = { received: Buffer.alloc(0), closed: false }
  socket.on('data', (chunk) => (state.received = Buffer.concat([state.received, chunk])))
  socket.on('error', () => undefined)
  socket.on('close', () => {
    state.closed = true
  })
  const all = {
    host: HOST,
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': randomBytes(16).toString('base64'),
    'sec-websocket-protocol': 'mqtt',
    ...headers,
  }
  const lines = Object.entries(all).filter(([, value]) => value !== '')
  socket.write(`GET ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`)
  await until(() => state.closed || state.received.includes('\r\n\r\n'), 'an answer')
  const head = state.received.subarray(0, state.received.indexOf('\r\n\r\n') + 4).toString()
  state.received = state.received.subarray(head.length)
  return { socket, state, head, status: Number(head.slice(9, 12)) }
}

/** One masked frame. */
function frame(opcode: number, payload: Uint8Array = new Uint8Array(0), final = true): Buffer {
  const mask = Buffer.from([1, 2, 3, 4])
  const length = payload.length
  const size =
    length < 126
      ? Buffer.from([0x80 | length])
      : length < 65_536
        ? Buffer.from([0xfe, length >> 8, length & 255])
        : Buffer.from([0xff, 0, 0, 0, 0, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255])
  const masked = Buffer.from(payload.map((byte, i) => byte ^ (mask[i % 4] as number)))
  return Buffer.concat([Buffer.from([(final ? 0x80 : 0) | opcode]), size, mask, masked])
}
const [CONTINUATION, TEXT, BINARY, CLOSE, PING] = [0, 1, 2, 8, 9] as const
const code = (value: number): Buffer => Buffer.from([value >> 8, value & 255])

/** The first close code in what a server sent. */
function closeCode(received: Buffer): number | undefined {
  const at = received.indexOf(0x88)
  return at < 0 ? undefined : received.readUInt16BE(at + 2)
}

describe('the handshake', () => {
  test.each([
    [{ 'sec-websocket-protocol': '' }, 400],
    [{ 'sec-websocket-protocol': 'chat' }, 400],
    [{ 'sec-websocket-protocol': 'MQTT' }, 400],
    [{ 'sec-websocket-protocol': 'mqtt2, amqp' }, 400],
    [{ 'sec-websocket-protocol': 'mqtt,mqtt' }, 400],
    [{ 'sec-websocket-key': 'short' }, 400],
    [{ 'sec-websocket-version': '7' }, 400],
    [{ upgrade: 'h2c' }, 400],
    [{ 'sec-websocket-protocol': 'mqtt' }, 101],
    [{ 'sec-websocket-protocol': 'mqttv3.1' }, 101],
    [{ 'sec-websocket-protocol': 'chat, mqttv3.1 ,mqtt' }, 101],
  ] as const)('%j gives %i', async (headers, status) => {
    const { accepted, port, stop } = await serve()
    const peer = await raw(port, headers)
    expect(peer.status).toBe(status)
    if (status === 101) {
      expect(peer.head).toMatch(headers['sec-websocket-protocol'] === 'mqttv3.1' ? /: mqttv3\.1\r\n/ : /: mqtt\r\n/)
      expect(peer.head.toLowerCase()).not.toContain('permessage-deflate')
      expect(accepted).toHaveLength(1)
      peer.socket.destroy()
    } else {
      await until(() => peer.state.closed, 'the end')
      expect(accepted).toHaveLength(0)
    }
    await stop()
  })

  test('only the path is served, whatever its query', async () => {
    const { accepted, port, stop } = await serve({ path: '/mqtt' })
    const statuses: number[] = []
    for (const path of ['/', '/mqtt/', '/mqttx', '/mqtt', '/mqtt?token=1']) {
      const peer = await raw(port, {}, path)
      statuses.push(peer.status)
      peer.socket.destroy()
    }
    expect(statuses).toEqual([404, 404, 404, 101, 101])
    expect(accepted.map((transport) => transport.info.path)).toEqual(['/mqtt', '/mqtt'])
    await stop()
  })

  test('verifyOrigin decides, and one that throws means no', async () => {
    const verifyOrigin = (origin: string | undefined, request: IncomingMessage): boolean =>
      request.headers.host === HOST && new URL(origin ?? 'https://none.example').host === 'good.example'
    const { accepted, port, stop } = await serve({ verifyOrigin })
    const statuses: number[] = []
    for (const origin of ['https://good.example', 'https://bad.example', 'null', '']) {
      const peer = await raw(port, { origin })
      statuses.push(peer.status)
      peer.socket.destroy()
    }
    expect(statuses).toEqual([101, 403, 403, 403])
    expect(accepted).toHaveLength(1)
    await stop()
  })

  test('an own server answers plain requests by 426', async () => {
    const { port, stop } = await serve()
    const response = await new Promise<IncomingMessage>((resolve) => {
      get({ port, host: HOST, agent: false }, resolve)
    })
    expect(response.statusCode).toBe(426)
    response.resume()
    await stop()
  })

  test.each([
    [{ protocol: undefined }, 'Server sent no subprotocol'],
    [{ protocol: 'chat' }, 'Server sent an invalid subprotocol'],
  ])('a client checks the subprotocol: %j', async ({ protocol }, message) => {
    const server = new WebSocketServer({ host: HOST, port: 0, handleProtocols: () => protocol ?? false })
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    expect(await ending(connectWs(`ws://${HOST}:${port}/`))).toMatchObject({
      code: 'transport',
      message: `ws://${HOST}:${port}/ could not be opened: ${message}`,
    })
    for (const socket of server.clients) socket.terminate()
    server.close()
  })

  test('a client asks for what its options say', async () => {
    let request: IncomingMessage | undefined
    const { accepted, port, stop } = await serve({
      verifyOrigin: (_, asked) => {
        request = asked
        return true
      },
    })
    const headers = { authorization: 'Bearer x' }
    const url = new URL(`ws://${HOST}:${port}/a?b=c`)
    const dialled = connectWs({ url, protocol: 'mqttv3.1', origin: 'https://o', headers, drainTimeout: 10 }).subscribe()
    await until(() => accepted.length === 1, 'the peer')
    expect(request?.url).toBe('/a?b=c')
    expect(request?.headers).toMatchObject({ ...headers, origin: 'https://o', 'sec-websocket-protocol': 'mqttv3.1' })
    dialled.unsubscribe()
    await stop()
  })

  test('a client dials through its agent', async () => {
    const { accepted, port, stop } = await serve()
    let made = 0
    const createConnection = (): Socket => {
      made += 1
      return connect({ port, host: HOST })
    }
    const agent = Object.assign(new Agent(), { createConnection })
    const dialled = connectWs({ url: `ws://${HOST}:${port}/`, agent, drainTimeout: 10 }).subscribe()
    await until(() => accepted.length === 1, 'the peer')
    expect(made).toBe(1)
    dialled.unsubscribe()
    await stop()
    agent.destroy()
  })

  test('a refusal is an error that names the status', async () => {
    const { port, stop } = await serve({ path: '/mqtt' })
    const end = await ending(connectWs(`ws://${HOST}:${port}/other`))
    expect(end).toMatchObject({
      code: 'transport',
      message: expect.stringMatching(/Unexpected server response: 404$/) as string,
    })
    await stop()
  })
})

describe('a server of somebody else', () => {
  let server: Server
  beforeEach(async () => {
    server = createServer((_request, response) => response.end('a page'))
    await new Promise<void>((resolve) => {
      server.listen(0, HOST, resolve)
    })
  })
  afterEach(async () => {
    await new Promise((resolve) => {
      server.close(resolve)
      server.closeAllConnections()
    })
  })

  test('keeps its pages, its other upgrades and itself', async () => {
    const events = server.eventNames().map((name) => [name, server.listenerCount(name)])
    const [first, second] = [await serve({ server, path: '/mqtt' }), await serve({ server, path: '/devices' })]
    const { port } = first
    const page = await new Promise<IncomingMessage>((resolve) => {
      get({ port, host: HOST, agent: false }, resolve)
    })
    expect(page.resume().statusCode).toBe(200)
    const statuses: number[] = []
    const peers = []
    for (const path of ['/mqtt', '/devices', '/chat']) {
      const peer = await raw(port, {}, path)
      statuses.push(peer.status)
      peers.push(peer)
    }
    expect(statuses).toEqual([101, 101, 404])
    expect([first.accepted.length, second.accepted.length]).toEqual([1, 1])

    const others: string[] = []
    server.on('upgrade', (request, socket) => {
      if (request.url !== '/chat') return
      others.push(request.url)
      socket.end('HTTP/1.1 418 Teapot\r\n\r\n')
    })
    expect((await raw(port, {}, '/chat')).status).toBe(418)
    expect(others).toEqual(['/chat'])

    server.removeAllListeners('upgrade')
    for (const peer of peers) peer.socket.destroy()
    await Promise.all([first.stop(), second.stop()])
    expect(server.listening).toBe(true)
    expect(server.eventNames().map((name) => [name, server.listenerCount(name)])).toEqual(events)
  })

  test('goes on with the other path when one stops', async () => {
    const [first, second] = [await serve({ server, path: '/mqtt' }), await serve({ server, path: '/devices' })]
    await first.stop()
    const statuses: number[] = []
    for (const path of ['/mqtt', '/devices']) {
      const peer = await raw(second.port, {}, path)
      statuses.push(peer.status)
      peer.socket.destroy()
    }
    expect(statuses).toEqual([404, 101])
    await second.stop()
    expect(server.listenerCount('upgrade')).toBe(0)
  })

  test('completes the listener when it is closed, and fails it when it fails', async () => {
    const closing = createServer()
    const end = ending(listenWs({ server: closing }))
    await new Promise<void>((resolve) => {
      closing.listen(0, HOST, resolve)
    })
    closing.close()
    expect(await end).toBe('complete')
    const failing = createServer()
    const failure = ending(listenWs({ server: failing }))
    failing.listen((server.address() as AddressInfo).port, HOST)
    expect(await failure).toMatchObject({ code: 'transport', cause: 'EADDRINUSE' })
  })
})

describe('frames', () => {
  let served: Served
  let peer: Awaited<ReturnType<typeof raw>>
  let reading: Reading
  beforeEach(async () => {
    served = await serve()
    peer = await raw(served.port)
    reading = served.readings[0] as Reading
  })
  afterEach(async () => {
    peer.socket.destroy()
    await served.stop()
  })

  test('a text frame is answered by 1003, and nothing after it is read [MQTT-6.0.0-1]', async () => {
    peer.socket.write(
      Buffer.concat([
        frame(BINARY, Buffer.from([1])),
        frame(TEXT, Buffer.from('hello')),
        frame(BINARY, Buffer.from([2])),
      ]),
    )
    await until(() => closeCode(peer.state.received) !== undefined && reading.endings.length > 0, 'the close')
    expect(closeCode(peer.state.received)).toBe(1003)
    expect([...reading.bytes()]).toEqual([1])
    expect(reading.endings).toMatchObject([
      { code: 'transport', message: expect.stringContaining('[MQTT-6.0.0-1]') as string },
    ])
    const late = read(served.accepted[0] as Transport)
    await until(() => late.endings.length > 0, 'the end, late')
    expect([late.length(), late.endings]).toEqual([0, reading.endings])
    peer.socket.write(frame(CLOSE, code(1003)))
    expect(await ending((served.accepted[0] as Transport).closed$)).toEqual(reading.endings[0])
  })

  test('a text frame behind bytes that nobody reads is refused as well', async () => {
    reading.subscription.unsubscribe()
    const [transport] = served.accepted as [Transport]
    // With nobody reading, only what is already on its way when the reading stops is looked at.
    const first = transport.bytes$.subscribe({ next: () => first.unsubscribe(), error: () => undefined })
    peer.socket.write(Buffer.concat([frame(BINARY, Buffer.from([1])), frame(BINARY, Buffer.from([2])), frame(TEXT)]))
    await until(() => closeCode(peer.state.received) === 1003, 'the close')
    peer.socket.write(frame(CLOSE, code(1003)))
    expect(await ending(transport.closed$)).toMatchObject({ code: 'transport' })
    const late = read(transport)
    await until(() => late.endings.length > 0, 'the end, late')
    expect([...late.bytes()]).toEqual([2])
  })

  test('a peer that does not answer the 1003 is destroyed after two seconds', async () => {
    peer.socket.write(frame(TEXT, Buffer.from('hello')))
    await until(() => peer.state.closed, 'the end', 3_000)
    expect(await ending((served.accepted[0] as Transport).closed$)).toMatchObject({ code: 'transport' })
  })

  test('one byte a frame, many frames a segment, and empty frames', async () => {
    const sent = pattern(5_000)
    const frames = [...sent].map((byte) => frame(BINARY, Buffer.from([byte])))
    for (let i = 0; i < frames.length; i += 100) frames.splice(i, 0, frame(BINARY))
    peer.socket.write(Buffer.concat(frames))
    await until(() => reading.length() >= sent.length, 'all bytes')
    expect(digest(reading.bytes())).toBe(digest(sent))
    expect(reading.chunks.every((chunk) => chunk.length > 0)).toBe(true)
  })

  test('fragments with pings between them are put together, and pings answered', async () => {
    const sent = pattern(3_000)
    const parts = [frame(BINARY, sent.subarray(0, 1_000), false), frame(PING, Buffer.from('hi'))]
    parts.push(frame(CONTINUATION, sent.subarray(1_000, 1_500), false), frame(CONTINUATION, sent.subarray(1_500)))
    for (const part of parts) {
      peer.socket.write(part)
      await pause(5)
    }
    await until(() => reading.length() >= sent.length, 'all bytes')
    expect(digest(reading.bytes())).toBe(digest(sent))
    expect(peer.state.received).toEqual(Buffer.from([0x8a, 2, 0x68, 0x69]))
  })

  test('every byte its own segment', async () => {
    const sent = pattern(60)
    for (const byte of frame(BINARY, sent)) {
      peer.socket.write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await until(() => reading.length() >= sent.length, 'all bytes')
    expect(digest(reading.bytes())).toBe(digest(sent))
  })

  test.each([
    [1000, 'complete'],
    [1001, 'complete'],
    [undefined, 'complete'],
    [1002, { code: 'transport', message: 'The WebSocket was closed with code 1002' }],
    [1011, { code: 'transport', message: 'The WebSocket was closed with code 1011' }],
    [4001, { code: 'transport', message: 'The WebSocket was closed with code 4001' }],
  ] as const)('close code %s ends it as %j', async (value, expected) => {
    peer.socket.write(
      Buffer.concat([frame(BINARY, Buffer.from([7])), frame(CLOSE, value === undefined ? undefined : code(value))]),
    )
    await until(() => reading.endings.length > 0, 'the end')
    expect([...reading.bytes()]).toEqual([7])
    expect(reading.endings).toEqual([expected === 'complete' ? expected : { ...expected, cause: undefined }])
    expect(peer.state.received[0]).toBe(0x88)
  })

  test.each(['end', 'destroy', 'resetAndDestroy'] as const)('no close frame (%s) is a broken end', async (how) => {
    peer.socket.write(frame(BINARY, Buffer.from([7])))
    await until(() => reading.length() === 1, 'the byte')
    peer.socket[how]()
    await until(() => reading.endings.length > 0, 'the end')
    expect(reading.endings).toMatchObject([
      { code: 'transport', message: expect.stringContaining('without a close frame') as string },
    ])
  })

  test.each(['end', 'destroy'] as const)('no close frame (%s) after our own is a clean end', async (how) => {
    ;(served.accepted[0] as Transport).sink.complete()
    await until(() => peer.state.received[0] === 0x88, 'our close frame')
    peer.socket[how]()
    await until(() => reading.endings.length > 0, 'the end')
    expect(reading.endings).toEqual(['complete'])
  })

  test.each([
    ['reserved bits (a deflated frame)', Buffer.from([0xc2, 0x81, 1, 2, 3, 4, 0]), 1002],
    ['no mask', Buffer.from([0x82, 1, 0]), 1002],
    ['an unknown opcode', frame(3), 1002],
    ['a continuation of nothing', frame(CONTINUATION, Buffer.from([1])), 1002],
    ['a frame over 16 MiB', Buffer.from([0x82, 0xff, 0, 0, 0, 0, 1, 0, 2, 1, 1, 2, 3, 4]), 1009],
  ] as const)('%s is refused with its code', async (_, bytes, expected) => {
    peer.socket.write(bytes)
    await until(() => reading.endings.length > 0 || closeCode(peer.state.received) !== undefined, 'the close')
    expect(closeCode(peer.state.received)).toBe(expected)
    peer.socket.end()
    await until(() => reading.endings.length > 0, 'the end')
    expect(reading.endings).toMatchObject([{ code: 'transport' }])
  })

  test('twenty thousand tiny fragments are refused, in little memory', async () => {
    const before = process.memoryUsage().heapUsed
    peer.socket.write(frame(BINARY, Buffer.from([1]), false))
    for (let i = 0; i < 20; i += 1) {
      const thousand = Array.from({ length: 1_000 }, () => frame(CONTINUATION, Buffer.from([1]), false))
      peer.socket.write(Buffer.concat(thousand))
    }
    await until(() => closeCode(peer.state.received) !== undefined, 'the close')
    expect(closeCode(peer.state.received)).toBe(1008)
    expect(reading.length()).toBe(0)
    // Generous: the test's own frames are in it.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64_000_000)
    peer.socket.destroy()
    await until(() => reading.endings.length > 0, 'the end')
  })

  test('what was parsed when it was paused comes first, nothing is lost', async () => {
    const sent = pattern(200_000)
    const transport = served.accepted[0] as Transport
    reading.subscription.unsubscribe()
    const got: number[] = []
    let late = 0
    const first = transport.bytes$.subscribe((chunk) => {
      if (first.closed) late += 1
      got.push(...chunk)
      first.unsubscribe()
    })
    for (let i = 0; i < sent.length; i += 50) peer.socket.write(frame(BINARY, sent.subarray(i, i + 50)))
    await until(() => got.length > 0, 'the first chunk')
    await pause(30)
    expect([got.length, late]).toEqual([50, 0])
    const rest = read(transport)
    await until(() => rest.length() >= sent.length - 50, 'the rest')
    expect(digest(Buffer.concat([Buffer.from(got), rest.bytes()]))).toBe(digest(sent))
  })
})

test('many small chunks of one turn leave as few messages, big ones uncut', async () => {
  const { accepted, port, stop } = await serve()
  const sizes: number[] = []
  const client = new WebSocket(`ws://${HOST}:${port}/`, 'mqtt')
  client.on('message', (data: Buffer) => sizes.push(data.length))
  await until(() => accepted.length === 1, 'the peer')
  const { sink } = accepted[0] as Transport
  for (let i = 0; i < 1_000; i += 1) sink.next(Buffer.from([i]))
  sink.next(Buffer.alloc(100_000))
  for (let i = 0; i < 1_000; i += 1) sink.next(Buffer.from([i]))
  await until(() => sizes.reduce((sum, size) => sum + size, 0) === 102_000, 'all bytes')
  expect(sizes).toEqual([1_000, 100_000, 1_000])
  client.close()
  await stop()
})

test('a closed peer that never ends its socket is destroyed at closeTimeout', async () => {
  const { accepted, port, stop } = await serve({ closeTimeout: 100 })
  const peer = await raw(port)
  peer.socket.allowHalfOpen = true
  peer.socket.write(frame(CLOSE, code(1000)))
  expect(await ending((accepted[0] as Transport).closed$)).toBe('complete')
  peer.socket.destroy()
  await stop()
})

describe('fromWebSocket', () => {
  test('holds the peer back from the first moment until somebody reads', async () => {
    const server = new WebSocketServer({ host: HOST, port: 0 })
    const paused: boolean[] = []
    const transports: Transport[] = []
    server.on('connection', (socket) => {
      const transport = fromWebSocket(socket)
      paused.push(socket.isPaused)
      transports.push(transport)
    })
    await new Promise((resolve) => server.once('listening', resolve))
    const client = new WebSocket(`ws://${HOST}:${(server.address() as AddressInfo).port}/`)
    await until(() => paused.length === 1, 'the peer')
    expect(paused).toEqual([true])
    const [transport] = transports as [Transport]
    transport.sink.error(undefined)
    await ending(transport.closed$)
    client.terminate()
    await new Promise((resolve) => server.close(resolve))
  })

  test('takes an open socket of ws', async () => {
    const server = new WebSocketServer({ host: HOST, port: 0 })
    const transports: Transport[] = []
    server.on('connection', (socket) => transports.push(fromWebSocket(socket)))
    await new Promise((resolve) => server.once('listening', resolve))
    const client = new WebSocket(`ws://${HOST}:${(server.address() as AddressInfo).port}/`)
    await new Promise((resolve) => client.once('open', resolve))
    client.binaryType = 'arraybuffer'
    client.send([1, 2, 3].map(String).join(''), { binary: true })
    await until(() => transports.length === 1, 'the peer')
    const transport = transports[0] as Transport
    expect(transport.info).toMatchObject({ kind: 'ws' })
    const reading = read(transport)
    await until(() => reading.length() === 3, 'the bytes')
    client.close()
    expect(await ending(transport.closed$)).toBe('complete')
    server.close()
  })

  test.each(['nodebuffer', 'arraybuffer', 'fragments'] as const)(
    'gives bytes whatever the binaryType (%s)',
    async (type) => {
      const server = new WebSocketServer({ host: HOST, port: 0 })
      const readings: Reading[] = []
      server.on('connection', (socket) => {
        socket.binaryType = type
        readings.push(read(fromWebSocket(socket)))
      })
      await new Promise((resolve) => server.once('listening', resolve))
      const client = new WebSocket(`ws://${HOST}:${(server.address() as AddressInfo).port}/`)
      await new Promise((resolve) => client.once('open', resolve))
      client.send(Buffer.from([1, 2]), { fin: false })
      client.send(Buffer.from([3]), { fin: true })
      await until(() => (readings[0]?.length() ?? 0) === 3, 'the bytes')
      expect(readings[0]?.chunks[0]).toBeInstanceOf(Uint8Array)
      expect([...(readings[0] as Reading).bytes()]).toEqual([1, 2, 3])
      client.close()
      await until(() => readings[0]?.endings.length === 1, 'the end')
      server.close()
    },
  )

  test('refuses one that is not open', () => {
    const socket = new WebSocket(`ws://${HOST}:9/`)
    socket.on('error', () => undefined)
    expect(() => fromWebSocket(socket)).toThrow('socket must be open (readyState 1), not 0')
    socket.terminate()
  })
})

test('the examples of connectWs and listenWs', async () => {
  const seen: unknown[] = []
  const http: Server = createServer()
  await new Promise<void>((resolve) => {
    http.listen(0, HOST, resolve)
  })
  const echo = listenWs({ server: http, path: '/mqtt', verifyOrigin: (origin) => origin === undefined })
    .pipe(
      mergeMap((transport) =>
        transport.bytes$.pipe(
          tap(transport.sink),
          catchError(() => EMPTY),
        ),
      ),
    )
    .subscribe((chunk) => seen.push(['echoed', ...chunk]))
  const client = connectWs(`ws://${HOST}:${(http.address() as AddressInfo).port}/mqtt`)
    .pipe(
      switchMap((transport) => {
        transport.sink.next(new Uint8Array([1, 2, 3]))
        return transport.bytes$.pipe(tap({ complete: () => transport.sink.complete() }))
      }),
    )
    .subscribe({ next: (chunk) => seen.push([...chunk]), error: (error: unknown) => seen.push(flatten(error)) })
  await until(() => seen.length > 1, 'the bytes, back')
  expect(seen).toEqual([
    ['echoed', 1, 2, 3],
    [1, 2, 3],
  ])
  client.unsubscribe()
  await pause(50)
  echo.unsubscribe()
  http.close()
})
