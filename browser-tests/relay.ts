import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

export interface Relay {
  readonly url: string
  stop(): Promise<void>
}

/** The two ends of a link, while they are open; what one says before the other is there waits. */
interface Link {
  readonly ends: Map<string, WebSocket>
  readonly waiting: (() => void)[]
}

/**
 * Joins WebSockets of a browser by twos: what comes at `/n/client` leaves at `/n/server`, and the other way round, ends
 * included. Who dials `/n/reset` breaks both.
 */
export async function startRelay(): Promise<Relay> {
  const host = '127.0.0.1'
  const http = createServer()
  const sockets = new WebSocketServer({ server: http, maxPayload: 64 * 1_048_576 })
  const links = new Map<string, Link>()
  sockets.on('connection', (socket, request) => {
    const [, pair = '', end = ''] = (request.url ?? '').split('/')
    const link = links.get(pair) ?? { ends: new Map<string, WebSocket>(), waiting: [] }
    links.set(pair, link)
    if (end === 'reset') {
      for (const each of [...link.ends.values(), socket]) each.terminate()
      return
    }
    link.ends.set(end, socket)
    if (link.ends.size === 2) for (const send of link.waiting.splice(0)) send()
    const other = (does: (other: WebSocket) => void): void => {
      const send = (): void => does(link.ends.get(end === 'client' ? 'server' : 'client') as WebSocket)
      if (link.ends.size === 2) send()
      else link.waiting.push(send)
    }
    socket.on('message', (data: Buffer) => other((peer) => peer.send(data)))
    socket.on('close', (code) => other((peer) => (code === 1006 ? peer.terminate() : peer.close(1000))))
    socket.on('error', () => socket.terminate())
  })
  await new Promise<void>((resolve) => {
    http.listen(0, host, resolve)
  })
  return {
    url: `ws://${host}:${(http.address() as AddressInfo).port}`,
    stop: async () => {
      for (const socket of sockets.clients) socket.terminate()
      sockets.close()
      await new Promise((resolve) => {
        http.close(resolve)
      })
    },
  }
}
