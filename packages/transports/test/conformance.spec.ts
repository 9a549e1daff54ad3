import { type AddressInfo } from 'node:net'
import { Connection, Encoder, type PacketInput, Protocol, type Transport } from '@rxmqtt/core'
import { connectWs, listenWs } from '@rxmqtt/transports/ws'
import { WebSocket, WebSocketServer } from 'ws'
import { type Ending, ending, expectNoHandles, flatten, pattern, until } from './helpers.js'
import { connect, HOST, type Link, messagePort, tcp, tls, unix, websocket, ws, wss } from './links.js'

expectNoHandles()

const names = { 4: 'MQTT 3.1.1', 5: 'MQTT 5' } as const
type Version = keyof typeof names
const ids: string[] = []

/** A test of one statement, in the words of what is looked at. */
function statement(version: Version, id: string, says: string, check: () => Promise<void>): void {
  ids.push(`${version} ${id}`)
  test(`${names[version]} [MQTT-${id}] ${says}`, check)
}

const links: Readonly<Record<string, Link>> = { tcp, unix, tls, ws, wss, websocket, messagePort }

/** Numbered messages of growing size, so that one lost, doubled, swapped or damaged is seen. */
const messages = Array.from({ length: 200 }, (_, i) => ({ topic: `t/${i}`, payload: pattern(i * 37, i + 1) }))
const total = messages.reduce((sum, { payload }) => sum + payload.length, 0)

/** Sends the messages over a link, one way, and gives what arrived. */
async function exchange(version: Version, link: Link, from: 'client' | 'server'): Promise<void> {
  const pair = await connect(link)
  const ends = { client: new Connection(pair.client), server: new Connection(pair.server) }
  const arrived: { topic: string; payload: Buffer }[] = []
  ends.server.connect$.subscribe(() => ends.server.connack())
  const accepted = new Promise<unknown>((resolve) => ends.client.connack$.subscribe(resolve))
  ends[from === 'client' ? 'server' : 'client'].publish$.subscribe(({ topic, payload }) => {
    arrived.push({ topic, payload: Buffer.from(payload) })
  })
  ends.client.connect({ clientId: 'me', protocolVersion: version })
  await accepted
  for (const { topic, payload } of messages) ends[from].publish({ topic, payload: Buffer.from(payload) })
  await until(() => arrived.length >= messages.length, `all messages over ${link.kind}`)
  expect(arrived.map(({ topic }) => topic)).toEqual(messages.map(({ topic }) => topic))
  expect(
    Buffer.compare(Buffer.concat(arrived.map((each) => each.payload)), Buffer.concat(messages.map((m) => m.payload))),
  ).toBe(0)
  expect(total).toBeGreaterThan(700_000)
  await pair.close()
}

for (const kind of Object.keys(links)) {
  const link = links[kind] as Link
  describe(`ordered, lossless bytes over ${kind}`, () => {
    statement(5, '4.2-1', `both ends get all bytes in order over ${kind}`, async () => {
      await exchange(5, link, 'client')
      await exchange(5, link, 'server')
    })
    statement(4, '7.1.1-1', `a server gets all bytes in order over ${kind}`, () => exchange(4, link, 'client'))
    statement(4, '7.1.2-1', `a client gets all bytes in order over ${kind}`, () => exchange(4, link, 'server'))
  })
}

/** A listener and what it accepted; the listener reads nothing by itself. */
interface Served {
  readonly port: number
  readonly accepted: Transport[]
  stop(): Promise<void>
}

async function serve(): Promise<Served> {
  const accepted: Transport[] = []
  let subscription: { unsubscribe(): void } | undefined
  const address = await new Promise<AddressInfo | string>((resolve) => {
    subscription = listenWs({ host: HOST, path: '/mqtt', listening: { next: resolve } }).subscribe((transport) => {
      accepted.push(transport)
    })
  })
  const stop = async (): Promise<void> => {
    subscription?.unsubscribe()
    for (const transport of accepted) transport.sink.error(undefined)
    await Promise.all(accepted.map((transport) => ending(transport.closed$)))
  }
  return { port: (address as AddressInfo).port, accepted, stop }
}

/** A WebSocket client without any MQTT in it. */
function dial(port: number, protocols: string[] = ['mqtt']): WebSocket {
  const socket = new WebSocket(`ws://${HOST}:${port}/mqtt`, protocols)
  socket.on('error', () => undefined)
  return socket
}

function happened(socket: WebSocket | WebSocketServer, event: string): Promise<unknown[]> {
  return new Promise((resolve) => {
    ;(socket as WebSocket).once(event, (...args: unknown[]) => resolve(args))
  })
}

/** A WebSocket server without any MQTT in it, and how to stop it. */
async function plainServer(options: object): Promise<[WebSocketServer, number, () => Promise<unknown>]> {
  const server = new WebSocketServer({ host: HOST, port: 0, ...options })
  await happened(server, 'listening')
  const stop = (): Promise<unknown> => {
    for (const client of server.clients) client.terminate()
    return new Promise((resolve) => {
      server.close(resolve)
    })
  }
  return [server, (server.address() as AddressInfo).port, stop]
}

function readAll(transport: Transport): void {
  new Connection(transport).packets$.subscribe()
}

function bytesOf(version: Version, ...packets: PacketInput[]): Buffer {
  const encoder = new Encoder({ protocol: new Protocol(version) })
  for (const packet of packets) encoder.write(packet)
  return Buffer.concat(encoder.take())
}

for (const version of [4, 5] as const) {
  const hello: PacketInput = { cmd: 'connect', clientId: 'me', protocolVersion: version }

  describe(`WebSocket, ${names[version]}`, () => {
    statement(
      version,
      '6.0.0-1',
      'a text frame closes the network connection, at a server and at a client',
      async () => {
        const served = await serve()
        const socket = dial(served.port)
        await happened(socket, 'open')
        await until(() => served.accepted.length === 1, 'a peer')
        const connection = new Connection(served.accepted[0] as Transport)
        const types: string[] = []
        connection.packets$.subscribe(({ cmd }) => types.push(cmd))
        const closed = ending(connection.closed$)
        socket.send(bytesOf(version, hello))
        await until(() => types.length === 1, 'the CONNECT')
        socket.send('text')
        socket.send(bytesOf(version, { cmd: 'pingreq' }))
        const [code] = await happened(socket, 'close')
        expect(code).toBe(1003)
        expect(await closed).toMatchObject({
          code: 'transport',
          message: expect.stringContaining('[MQTT-6.0.0-1]') as string,
        })
        expect(types).toEqual(['connect'])
        await served.stop()

        const [server, port, stop] = await plainServer({})
        const ends: Ending[] = []
        server.on('connection', (peer) => peer.send('text'))
        const dialled = connectWs({ url: `ws://${HOST}:${port}/mqtt` }).subscribe({
          next: readAll,
          error: (error: unknown) => ends.push(flatten(error)),
        })
        await until(() => ends.length > 0, 'the end of the client')
        expect(ends).toMatchObject([{ code: 'transport' }])
        dialled.unsubscribe()
        await stop()
      },
    )

    statement(version, '6.0.0-2', 'packets need not be aligned with frames, many or parts in one', async () => {
      const pings = Array.from({ length: 20 }, (): PacketInput => ({ cmd: 'pingreq' }))
      const publish: PacketInput = { cmd: 'publish', topic: 'a', payload: 'x'.repeat(300) }
      const bytes = bytesOf(version, hello, ...pings, publish, { cmd: 'pingreq' })
      for (const size of [1, 7, bytes.length]) {
        const served = await serve()
        const socket = dial(served.port)
        await happened(socket, 'open')
        await until(() => served.accepted.length === 1, 'a peer')
        const types: string[] = []
        new Connection(served.accepted[0] as Transport).packets$.subscribe(({ cmd }) => types.push(cmd))
        for (let at = 0; at < bytes.length; at += size) socket.send(bytes.subarray(at, at + size))
        await until(() => types.length >= 23, 'all packets')
        expect(types).toEqual(['connect', ...pings.map(({ cmd }) => cmd), 'publish', 'pingreq'])
        socket.terminate()
        await served.stop()
      }
    })

    statement(
      version,
      '6.0.0-3',
      'a client offers the subprotocol mqtt, a server refuses one that does not',
      async () => {
        const offered: string[][] = []
        const [, port, stop] = await plainServer({
          handleProtocols: (protocols: Set<string>) => {
            offered.push([...protocols])
            return 'mqtt'
          },
        })
        const dialled = await new Promise<{ unsubscribe(): void }>((resolve) => {
          const subscription = connectWs({ url: `ws://${HOST}:${port}/mqtt`, drainTimeout: 20 }).subscribe(() => {
            queueMicrotask(() => resolve(subscription))
          })
        })
        expect(offered).toEqual([['mqtt']])
        dialled.unsubscribe()
        await stop()

        const served = await serve()
        for (const protocols of [[], ['http'], ['MQTT']]) {
          const [, response] = await happened(dial(served.port, protocols), 'unexpected-response')
          const { statusCode } = response as { statusCode: number; destroy(): void }
          expect([protocols, statusCode]).toEqual([protocols, 400])
          ;(response as { destroy(): void }).destroy()
        }
        expect(served.accepted).toEqual([])
        await served.stop()
      },
    )

    statement(version, '6.0.0-4', 'a server selects mqtt, a client refuses a server that does not', async () => {
      const served = await serve()
      const socket = dial(served.port, ['other', 'mqtt'])
      await happened(socket, 'open')
      expect(socket.protocol).toBe('mqtt')
      socket.terminate()
      await served.stop()

      for (const handleProtocols of [() => false, () => 'other']) {
        const [, port, stop] = await plainServer({ handleProtocols })
        const end = await ending(connectWs({ url: `ws://${HOST}:${port}/mqtt` }))
        expect(end).toMatchObject({ code: expect.stringMatching(/^(transport|refused)$/) as string })
        await stop()
      }
    })
  })
}

test('every id of group I has a test', () => {
  const listed = [
    ...'4.2-1 6.0.0-1 6.0.0-2 6.0.0-3 6.0.0-4'.split(' ').map((id) => `5 ${id}`),
    ...'6.0.0-1 6.0.0-2 6.0.0-3 6.0.0-4 7.1.1-1 7.1.2-1'.split(' ').map((id) => `4 ${id}`),
  ]
  expect([...new Set(ids)].sort()).toEqual(listed.sort())
})
