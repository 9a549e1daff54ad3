import { createServer, type Server as HttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer as createNetServer, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { MqttError, type Transport, type TransportInfo } from '@rxmqtt/core'
import { Observable, type Subscriber } from 'rxjs'
import { type ClientOptions, WebSocket } from 'ws'
import { type DialTimes, dial } from './dial.js'
import { type HandshakeOptions, Handshakes, rawSocket, requireHandshakeLimits } from './handshakes.js'
import { type AcceptOptions, type ListenAt, listen, requireListenAt } from './listen.js'
import { requireRange } from './options.js'
import { secureContext, tlsInfo } from './secure.js'
import { defined, describe, rememberPeer, serverOptions } from './socket.js'
import { toMqttError } from './state.js'
import {
  type ConnectWsOptions,
  type FromWebSocketOptions,
  type ListenWsOptions,
  requireLimits,
  requireUrl,
  type WsLimits,
  type WsSocket,
} from './ws-options.js'
import { WsTransport } from './ws-transport.js'
import { requestPath, serveUpgrades, upgradeOnly } from './ws-upgrade.js'

export type { AcceptOptions, DialTimes, HandshakeOptions, ListenAt }
export type { ConnectWsOptions, FromWebSocketOptions, ListenWsOptions, WsLimits, WsSocket }

/**
 * Makes a transport of an open socket of the `ws` package. Hand it over in the turn in which it opened (in the `'open'`
 * or `'connection'` event), or messages may have been lost. The transport owns it from here on. The limits of its
 * messages are those that it was made with.
 *
 * @throws MqttError `'invalid-option'` for a socket that is not open, or a bad `highWaterMark`.
 *
 * @example
 * ```ts
 * webSocketServer.on('connection', (socket) => {
 *   fromWebSocket(socket).bytes$.subscribe((chunk) => console.log(chunk.length))
 * })
 * ```
 */
export function fromWebSocket(socket: WsSocket, options: FromWebSocketOptions = {}): Transport {
  const mark = requireRange('highWaterMark', options.highWaterMark ?? 65_536, 0)
  if (socket.readyState !== WebSocket.OPEN) {
    throw new MqttError('invalid-option', `socket must be open (readyState 1), not ${socket.readyState}`)
  }
  return new WsTransport(socket, mark, () => options.info ?? { kind: 'ws', socket })
}

/**
 * Dials a WebSocket. Each subscription dials once, emits one Transport when it is open, completes when that ended with a
 * close frame, and errors when it could not be opened or broke, so that `retry` reconnects.
 *
 * **The subscription owns the transport**: unsubscribing aborts the dial or hangs up (`sink.complete()`, then what still
 * comes is dropped until the peer's end or `drainTimeout`). Hence use `switchMap`; never `firstValueFrom` or `take(1)`,
 * which hang up at once.
 *
 * @param target - The URL, or {@link ConnectWsOptions}.
 * @returns Errors with an MqttError `'transport'` (see its `cause`) or `'timeout'`.
 * @throws MqttError `'invalid-option'` at the call for an option outside its range.
 *
 * @example
 * ```ts
 * connectWs('ws://127.0.0.1:8083/mqtt')
 *   .pipe(switchMap((transport) => transport.bytes$.pipe(tap({ complete: () => transport.sink.complete() }))))
 *   .subscribe({ next: (chunk) => console.log(chunk), error: (error) => console.error(error.message) })
 * ```
 */
export function connectWs(target: string | URL | ConnectWsOptions): Observable<Transport> {
  const options = typeof target === 'string' || target instanceof URL ? { url: target } : target
  const url = requireUrl(options.url)
  const { highWaterMark: _, connectTimeout: __, drainTimeout: ___, url: ____, protocol = 'mqtt', ...rest } = options
  const limits = requireLimits(options)
  const secure = url.protocol === 'wss:' ? secureContext(rest) : rest
  const settings = { ...defined(secure), ...limits.ws } as ClientOptions
  return dial(url.href, options, (opened, failed) => {
    const socket = new WebSocket(url, [protocol], settings)
    let peer: Socket | undefined
    socket.once('upgrade', (response) => {
      peer = response.socket
    })
    socket.once('error', failed)
    socket.once('open', () => {
      socket.off('error', failed)
      opened(new WsTransport(socket, limits.mark, describeWs(socket, peer as Socket, url.pathname)))
    })
    return () => {
      socket.removeAllListeners('open').removeAllListeners('error').on('error', ignore)
      socket.terminate()
    }
  })
}

/**
 * Listens for WebSockets, on an own server or on an http or https server of yours. Each subscription listens anew and
 * emits one Transport for each peer that asked for the subprotocol `mqtt` or `mqttv3.1` (others get HTTP 400), which
 * belongs to whoever got it. Unsubscribing stops listening, destroys unfinished handshakes, leaves those peers alone,
 * and takes its listeners off a server of yours. A peer that sends a text frame is closed with 1003.
 *
 * @returns Errors with an MqttError `'transport'` when it cannot listen (a port in use: `cause.code` is `'EADDRINUSE'`)
 * or can no more; accepted peers live on. Completes when a server of yours is closed.
 * @throws MqttError `'invalid-option'` at the call for an option outside its range.
 *
 * @example
 * ```ts
 * const server = createServer(app).listen(8080)
 * listenWs({ server, path: '/mqtt', verifyOrigin: (origin) => origin === 'https://example.org' })
 *   .pipe(mergeMap((transport) => transport.bytes$.pipe(tap(transport.sink), catchError(() => EMPTY))))
 *   .subscribe((chunk) => console.log('echoed', chunk))
 * ```
 */
export function listenWs(options: ListenWsOptions): Observable<Transport> {
  const limits = requireLimits(options)
  const handshakeLimits = requireHandshakeLimits(options)
  const { path, verifyOrigin, server, tls, ...at } = options
  requireListenAt(at)
  if (server !== undefined && (at.port !== undefined || tls !== undefined)) {
    throw new MqttError('invalid-option', 'server excludes port and tls: it has its own')
  }
  const secure = tls === undefined ? undefined : secureContext(tls)
  const serve = (http: HttpServer, subscriber: Subscriber<Transport>, opened: (socket: Socket) => void): (() => void) =>
    serveUpgrades(http, { path, verifyOrigin, limits: limits.ws }, (socket, request) => {
      opened(request.socket)
      subscriber.next(new WsTransport(socket, limits.mark, describeWs(socket, request.socket, requestPath(request))))
    })
  if (server !== undefined) return attach(server, options.listening, serve)
  return listen(at, (subscriber) => {
    const handshakes = new Handshakes(handshakeLimits)
    const http = secure === undefined ? createServer(upgradeOnly) : createHttpsServer(secure, upgradeOnly)
    // Accepts, so that unfinished handshakes are counted from the first byte; the http server itself never listens.
    const accepting = createNetServer({ ...serverOptions({}), allowHalfOpen: secure === undefined }, (raw) => {
      if (handshakes.begin(raw)) http.emit('connection', raw)
    })
    serve(http, subscriber, (socket) => handshakes.finish(rawSocket(socket)))
    return { server: accepting, close: () => handshakes.destroy() }
  })
}

/** Serves an http server of somebody else, which stays theirs. */
function attach(
  server: HttpServer,
  listening: ListenAt['listening'],
  serve: (http: HttpServer, subscriber: Subscriber<Transport>, opened: () => void) => () => void,
): Observable<Transport> {
  return new Observable<Transport>((subscriber) => {
    const stop = serve(server, subscriber, () => undefined)
    const told = (): void => listening?.next(server.address() as AddressInfo | string)
    const failed = (cause: unknown): void => subscriber.error(toMqttError(cause, 'The http server failed'))
    const closed = (): void => subscriber.complete()
    server.on('listening', told).on('error', failed).on('close', closed)
    if (server.listening) told()
    return () => {
      stop()
      server.off('listening', told).off('error', failed).off('close', closed)
    }
  })
}

function describeWs(socket: WebSocket, peer: Socket, path: string): () => TransportInfo {
  const secure = 'encrypted' in peer
  const plain = describe(secure ? 'wss' : 'ws')
  rememberPeer(peer)
  return () => ({ ...plain(peer), path, socket, tls: secure ? tlsInfo(peer as TLSSocket) : undefined })
}

function ignore(): void {
  // An aborted handshake tells of itself; nobody waits for it any more.
}
