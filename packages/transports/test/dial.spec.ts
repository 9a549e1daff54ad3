import { type AddressInfo, createServer } from 'node:net'
import { Worker } from 'node:worker_threads'
import { MqttError, type Transport } from '@rxmqtt/core'
import { connectTcp, listenTcp } from '@rxmqtt/transports/tcp'
import { connectTls, listenTls } from '@rxmqtt/transports/tls'
import { connectWs, listenWs } from '@rxmqtt/transports/ws'
import type { Subscription } from 'rxjs'
import { dialContract, handshakeContract } from './dial.js'
import { ending, expectNoHandles, fixture, read, until } from './helpers.js'
import { connect, HOST, messagePort, socketPath, tcp, tls, unix, websocket, ws, wss } from './links.js'

expectNoHandles()

dialContract('tcp', tcp)
dialContract('unix socket', unix)
dialContract('tls', tls)
dialContract('ws', ws)
dialContract('wss', wss)
dialContract('websocket', websocket)
dialContract('message-port', messagePort)
handshakeContract('tls', tls)
handshakeContract('ws', ws)
handshakeContract('wss', wss)
handshakeContract('websocket', websocket)

test('a TCP dial that nobody answers errors with timeout', async () => {
  // A thread that listens and never accepts: beyond its backlog the operating system leaves dials unanswered.
  const worker = new Worker(
    `const { createServer } = require('node:net')
     const { parentPort } = require('node:worker_threads')
     createServer().listen(0, '${HOST}', 1, function () {
       parentPort.postMessage(this.address().port)
       setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60000), 20)
     })`,
    { eval: true },
  )
  const port = await new Promise<number>((resolve) => worker.once('message', resolve))
  await new Promise((resolve) => setTimeout(resolve, 60))
  const dials = Array.from({ length: 6 }, () => connectTcp({ host: HOST, port, connectTimeout: 200, drainTimeout: 0 }))
  const fillers = dials.slice(1).map((dial$) => dial$.subscribe({ error: () => undefined }))
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(await ending(dials[0] as (typeof dials)[number])).toEqual({
    code: 'timeout',
    message: `${HOST}:${port} was not open within 200 ms`,
    cause: undefined,
  })
  for (const filler of fillers) filler.unsubscribe()
  await worker.terminate()
})

test('more than maximumConnections are turned away', async () => {
  const accepted: Transport[] = []
  const { port, server } = await new Promise<{ port: number; server: Subscription }>((resolve) => {
    const listening = {
      next: (address: AddressInfo | string) =>
        queueMicrotask(() => resolve({ port: (address as AddressInfo).port, server })),
    }
    const peers$ = listenTcp({ host: HOST, maximumConnections: 1, listening })
    const server = peers$.subscribe((transport) => accepted.push(transport))
  })
  const dial$ = connectTcp({ host: HOST, port, drainTimeout: 0 })
  const opened: Transport[] = []
  const dials = [1, 2].map(() =>
    dial$.subscribe({ next: (transport) => opened.push(transport), error: () => undefined }),
  )
  await until(() => opened.length === 2 && accepted.length > 0, 'one peer')
  const readings = opened.map((transport) => read(transport))
  await until(() => readings.some((reading) => reading.endings.length > 0), 'the refusal')
  expect(accepted).toHaveLength(1)
  expect(readings.filter((reading) => reading.endings.length === 0)).toHaveLength(1)
  for (const subscription of [...dials, server]) subscription.unsubscribe()
  accepted[0]?.sink.error(undefined)
})

test('what only Node can judge is an MqttError of the Observable', async () => {
  const headers = { 'no header': 'x' }
  expect(await ending(connectWs({ url: `ws://${HOST}:9/`, headers }))).toMatchObject({
    code: 'transport',
    cause: 'ERR_INVALID_HTTP_TOKEN',
  })
  const cert = { cert: fixture('server.pem'), key: fixture('server-key.pem') }
  expect(await ending(listenTls({ ...cert, SNICallback: 'x' as never }))).toMatchObject({
    code: 'transport',
    cause: 'ERR_INVALID_ARG_TYPE',
  })
})

test('info tells the addresses, also after the end, and the path of a Unix socket', async () => {
  const { client, server, close } = await connect(tcp)
  await close()
  expect(server.info).toMatchObject({ kind: 'tcp', remoteAddress: HOST, remotePort: expect.any(Number) as number })
  expect(client.info).toMatchObject({ kind: 'tcp', remoteAddress: HOST })
  const path = socketPath()
  const pair = await connect({ ...unix, listen: (options) => listenTcp({ path, ...options }) })
  expect([pair.client.info.path, pair.server.info.path]).toEqual([path, path])
  await pair.close()
})

describe('options outside their range are refused at the call', () => {
  const cert = { cert: fixture('server.pem'), key: fixture('server-key.pem') }
  test.each([
    [() => connectTcp({ port: 70_000 }), 'port must be a whole number from 1 to 65535, not 70000'],
    [() => connectTcp({ port: 0 }), 'port must be a whole number from 1 to 65535, not 0'],
    [() => connectTcp({ connectTimeout: -1 }), 'connectTimeout must be a whole number from 1 to 2147483647, not -1'],
    [() => connectTcp({ drainTimeout: NaN }), 'drainTimeout must be a whole number from 0 to 2147483647, not NaN'],
    [() => connectTcp({ highWaterMark: 0.5 }), 'highWaterMark must be a whole number at least 0, not 0.5'],
    [() => connectTcp({ localPort: -1 }), 'localPort must be a whole number from 0 to 65535, not -1'],
    [() => listenTcp({ port: -1 }), 'port must be a whole number from 0 to 65535, not -1'],
    [() => listenTcp({ maximumConnections: 0 }), 'maximumConnections must be a whole number at least 1, not 0'],
    [() => listenTls({ ...cert, handshakeTimeout: 0 }), /^handshakeTimeout must be/],
    [() => listenTls({ ...cert, maximumHandshakes: 0 }), /^maximumHandshakes must be/],
    [() => listenTls({ cert: 'no certificate' }), /^The TLS options cannot be used: /],
    [() => connectTls({ ca: 'x', key: 'y' }), /^The TLS options cannot be used: /],
    [() => connectWs('http://localhost/'), /^url must be a ws:, wss: or ws\+unix: URL without a fragment, not http/],
    [() => connectWs('nonsense'), /^url must be/],
    [() => connectWs({ url: 'ws://localhost', maxPayload: 0 }), /^maxPayload must be/],
    [() => connectWs({ url: 'ws://localhost', closeTimeout: -5 }), /^closeTimeout must be/],
    [() => listenWs({ port: 65_536 }), 'port must be a whole number from 0 to 65535, not 65536'],
    [() => listenWs({ maxFragments: 0 }), /^maxFragments must be/],
    [() => listenWs({ server: createServer() as never, port: 1 }), /^server excludes port and tls/],
  ] as const)('%#', (make, message) => {
    let error: unknown
    try {
      void make()
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(MqttError)
    expect((error as MqttError).code).toBe('invalid-option')
    expect((error as MqttError).message).toEqual(typeof message === 'string' ? message : expect.stringMatching(message))
  })
})
