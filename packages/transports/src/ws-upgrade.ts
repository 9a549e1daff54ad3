import { type IncomingMessage, STATUS_CODES, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { ListenWsOptions } from './ws-options.js'

/** One listener's part of an http server: the upgrades of its path. */
interface Route {
  /** All paths, when undefined. */
  readonly path: string | undefined
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

const routers = new WeakMap<Server, Route[]>()

/** Adds the route to the server, and returns what removes it. Upgrades of no route are left to others, if any. */
function addRoute(server: Server, route: Route): () => void {
  let routes = routers.get(server)
  if (routes === undefined) {
    routes = []
    routers.set(server, routes)
    server.on('upgrade', onUpgrade)
  }
  routes.push(route)
  return () => {
    const rest = (routers.get(server) ?? []).filter((each) => each !== route)
    routers.set(server, rest)
    if (rest.length > 0) return
    routers.delete(server)
    server.off('upgrade', onUpgrade)
  }
}

function onUpgrade(this: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const path = requestPath(request)
  const route = routers.get(this)?.find((each) => each.path === undefined || each.path === path)
  if (route !== undefined) route.accept(request, socket, head)
  else if (this.listenerCount('upgrade') === 1) refuse(socket, 404)
}

/** The path of the request, without its query. */
export function requestPath(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] as string
}

/** Answers an upgrade by an HTTP error, and ends. */
function refuse(socket: Duplex, status: number): void {
  const body = STATUS_CODES[status] ?? ''
  socket.on('error', () => socket.destroy())
  socket.once('finish', () => socket.destroy())
  socket.end(
    `HTTP/1.1 ${status} ${body}\r\nConnection: close\r\nContent-Type: text/plain\r\n` +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
  )
}

/** Subprotocols that carry MQTT, the best first. */
const PROTOCOLS = ['mqtt', 'mqttv3.1']

/** What is served on an http server, and how. */
export interface UpgradeRules extends Pick<ListenWsOptions, 'path' | 'verifyOrigin'> {
  readonly limits: Record<string, number | boolean>
}

/** Opens the WebSockets of a path that ask for MQTT and may have it, refuses others, and returns what stops that. */
export function serveUpgrades(
  server: Server,
  { path, verifyOrigin, limits }: UpgradeRules,
  opened: (socket: WebSocket, request: IncomingMessage) => void,
): () => void {
  const choose = (offered: Set<string>): string | false => PROTOCOLS.find((name) => offered.has(name)) ?? false
  const upgrader = new WebSocketServer({ noServer: true, clientTracking: false, handleProtocols: choose, ...limits })
  const mayConnect = (request: IncomingMessage): boolean => {
    try {
      return verifyOrigin?.(request.headers.origin, request) ?? true
    } catch {
      // One peer's odd header must not end a server with a thousand others.
      return false
    }
  }
  const accept = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const offered = new Set((request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim()))
    if (choose(offered) === false) refuse(socket, 400)
    else if (!mayConnect(request)) refuse(socket, 403)
    else upgrader.handleUpgrade(request, socket, head, opened)
  }
  return addRoute(server, { path, accept })
}

/** What an own server answers to plain requests. */
export function upgradeOnly(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(426, { connection: 'close', upgrade: 'websocket' }).end()
}
