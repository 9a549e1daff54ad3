import { mkdtempSync, rmSync } from 'node:fs'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { TransformStream } from 'node:stream/web'
import type { Transport } from '@rxmqtt/core'
import { fromDuplex } from '@rxmqtt/transports/duplex'
import { memoryPair } from '@rxmqtt/transports/memory'
import { connectMessagePort, serveMessagePort } from '@rxmqtt/transports/message-port'
import { connectTcp, listenTcp } from '@rxmqtt/transports/tcp'
import { connectTls, listenTls } from '@rxmqtt/transports/tls'
import { fromWebStreams, type WebStreams } from '@rxmqtt/transports/web-streams'
import { connectWebSocket } from '@rxmqtt/transports/websocket'
import { connectWs, listenWs } from '@rxmqtt/transports/ws'
import { type NextObserver, Observable, tap } from 'rxjs'
import { WebSocket } from 'ws'
import type { Pair } from './contract.js'
import { fixture, until } from './helpers.js'

export const HOST = '127.0.0.1'

/** Options that every dial and every listener here takes. */
export type DialTimes = { connectTimeout?: number; drainTimeout?: number }
export type Listening = { listening?: NextObserver<AddressInfo | string>; handshakeTimeout?: number }

/** A way to listen and the way to dial it. */
export interface Link {
  readonly kind: string
  readonly halfClose: boolean
  /** The dialled end's socket is in another place. @default false */
  readonly isElsewhere?: boolean | undefined
  listen(options?: Listening & { port?: number; path?: string; maximumHandshakes?: number }): Observable<Transport>
  dial(address: AddressInfo | string, options?: DialTimes): Observable<Transport>
}

const server = { cert: fixture('server.pem'), key: fixture('server-key.pem') }
const ca = fixture('ca.pem')

export const tcp: Link = {
  kind: 'tcp',
  halfClose: true,
  listen: (options) => listenTcp({ host: HOST, ...options }),
  dial: (address, options) => connectTcp({ ...where(address), ...options }),
}

export const unix: Link = {
  ...tcp,
  listen: (options) => listenTcp({ path: socketPath(), ...options }),
}

export const tls: Link = {
  kind: 'tls',
  halfClose: true,
  listen: (options) => listenTls({ host: HOST, ...server, ...options }),
  dial: (address, options) => connectTls({ ...where(address), ca, ...options }),
}

export const ws: Link = {
  kind: 'ws',
  halfClose: false,
  listen: (options) => listenWs({ host: HOST, path: '/mqtt', ...options }),
  dial: (address, options) => connectWs({ url: `ws://${HOST}:${port(address)}/mqtt`, ...options }),
}

export const wss: Link = {
  kind: 'wss',
  halfClose: false,
  listen: (options) => listenWs({ host: HOST, path: '/mqtt', tls: server, ...options }),
  dial: (address, options) => connectWs({ url: `wss://localhost:${port(address)}/mqtt`, ca, ...options }),
}

/** A browser's end, here with the class of the `ws` package, at a server of Node. */
export const websocket: Link = {
  ...ws,
  kind: 'websocket',
  dial: (address, options) =>
    connectWebSocket({ url: `ws://${HOST}:${port(address)}/mqtt`, WebSocketCtor: WebSocket, ...options }),
}

/** A page's end, whose worker (here in the same thread) dials TCP. Each dial has a pair of ports to ring at. */
export const messagePort: Link = {
  ...tcp,
  kind: 'message-port',
  isElsewhere: true,
  dial: (address, options) =>
    new Observable((subscriber) => {
      const { port1, port2 } = new MessageChannel()
      const worker = serveMessagePort(port2, tcp.dial(address, options)).subscribe()
      let opened: Transport | undefined
      const page$ = connectMessagePort(port1, options).pipe(tap((transport) => (opened = transport)))
      subscriber.add(page$.subscribe(subscriber))
      // The worker is there until nobody needs it.
      subscriber.add(() => {
        const close = (): void => {
          worker.unsubscribe()
          port1.close()
        }
        if (opened === undefined) close()
        else opened.closed$.subscribe({ complete: close, error: close })
      })
    }),
}

let sockets = 0
const directory = mkdtempSync(join(tmpdir(), 'rxmqtt-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

export function socketPath(): string {
  sockets += 1
  return join(directory, `${sockets}.sock`)
}

export function port(address: AddressInfo | string): number {
  return (address as AddressInfo).port
}

function where(address: AddressInfo | string): { host?: string; port?: number; path?: string } {
  return typeof address === 'string' ? { path: address } : { host: HOST, port: address.port }
}

/** Listens and dials, and gives the two ends when they are there. */
export async function connect(link: Link): Promise<Pair> {
  let client: Transport | undefined
  let accepted: Transport | undefined
  let dialled: { unsubscribe(): void } | undefined
  const failures: unknown[] = []
  const listener = link
    .listen({
      listening: {
        next: (address) => {
          dialled = link.dial(address, { drainTimeout: 50 }).subscribe({
            next: (transport) => (client = transport),
            error: (error: unknown) => failures.push(error),
          })
        },
      },
    })
    .subscribe({ next: (transport) => (accepted = transport), error: (error: unknown) => failures.push(error) })
  await until(() => failures.length > 0 || (client !== undefined && accepted !== undefined), `a ${link.kind} link`)
  if (client === undefined || accepted === undefined) throw failures[0]
  return paired(client, accepted, () => {
    dialled?.unsubscribe()
    listener.unsubscribe()
  })
}

/** The same over an https server of our own. */
export async function connectOnHttps(): Promise<Pair> {
  const https = createHttpsServer(server)
  await new Promise<void>((resolve) => {
    https.listen(0, HOST, resolve)
  })
  const link: Link = { ...wss, listen: ({ listening } = {}) => listenWs({ server: https, path: '/mqtt', listening }) }
  const pair = await connect(link)
  return paired(pair.client, pair.server, async () => {
    await pair.close()
    await new Promise((resolve) => {
      https.close(resolve)
    })
  })
}

/** Two transports with nothing else to close. */
export function paired(client: Transport, server: Transport, stop?: () => void | Promise<void>): Pair {
  const close = async (): Promise<void> => {
    const ends = [client, server].map((transport) => {
      const over = new Promise<void>((resolve) => {
        transport.closed$.subscribe({ complete: resolve, error: () => resolve() })
      })
      transport.sink.error(undefined)
      return over
    })
    await stop?.()
    await Promise.all(ends)
  }
  return { client, server, close }
}

/** The same link from its other end. */
export function turned({ client, server, close }: Pair): Pair {
  return { client: server, server: client, close }
}

/** Two ends of a pipe in memory, as Node streams. */
export function streamPair(options: { allowHalfOpen?: boolean; highWaterMark?: number } = {}): [Duplex, Duplex] {
  const ends: Duplex[] = []
  const waiting: (null | (() => void))[] = [null, null]
  for (const me of [0, 1]) {
    const other = 1 - me
    ends[me] = new Duplex({
      ...options,
      read() {
        const resume = waiting[other]
        waiting[other] = null
        if (resume) process.nextTick(resume)
      },
      write(chunk, _encoding, done) {
        if ((ends[other] as Duplex).push(chunk)) process.nextTick(done)
        else waiting[me] = done
      },
      final(done) {
        ;(ends[other] as Duplex).push(null)
        done()
      },
      destroy(error, done) {
        const peer = ends[other] as Duplex
        if (!peer.destroyed && !this.readableEnded) process.nextTick(() => peer.destroy(new Error('The pipe broke')))
        done(error)
      },
    })
  }
  return ends as [Duplex, Duplex]
}

export function makeDuplexPair(): Promise<Pair> {
  const [near, far] = streamPair()
  return Promise.resolve(paired(fromDuplex(near), fromDuplex(far)))
}

export function makeMemoryPair(options?: Parameters<typeof memoryPair>[0]): Promise<Pair> {
  return Promise.resolve(paired(...memoryPair(options)))
}

/** Two ends of two web streams, crosswise. */
export function webStreamsPair(): [WebStreams, WebStreams] {
  const [up, down] = [new TransformStream<Uint8Array, Uint8Array>(), new TransformStream<Uint8Array, Uint8Array>()]
  return [
    { readable: down.readable, writable: up.writable },
    { readable: up.readable, writable: down.writable },
  ]
}

export function makeWebStreamsPair(): Promise<Pair> {
  const [near, far] = webStreamsPair()
  return Promise.resolve(paired(fromWebStreams(near), fromWebStreams(far)))
}

/** The TCP socket under a socket-like object, however deep. */
export function tcpSocket(transport: Transport): Socket {
  let socket = transport.info.socket as { _socket?: unknown; _parent?: unknown }
  if (socket._socket) socket = socket._socket
  return (socket._parent ?? socket) as Socket
}

/** Sends a reset. */
export function resetSocket(transport: Transport): void {
  tcpSocket(transport).resetAndDestroy()
}
