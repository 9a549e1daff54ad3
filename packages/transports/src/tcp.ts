import { connect, createServer, type NetConnectOpts } from 'node:net'
import type { Transport } from '@rxmqtt/core'
import type { Observable } from 'rxjs'
import { type DialTimes, dial } from './dial.js'
import { type AcceptOptions, type ListenAt, listen, place } from './listen.js'
import {
  type DialAt,
  describe,
  fromSocket,
  dialOptions,
  requireDialAt,
  requireSocketOptions,
  type SocketOptions,
  serverOptions,
} from './socket.js'

export type { AcceptOptions, DialAt, DialTimes, ListenAt, SocketOptions }

/** Options of {@link connectTcp}. */
export interface ConnectTcpOptions extends DialAt, SocketOptions, DialTimes {}

/** Options of {@link listenTcp}. */
export interface ListenTcpOptions extends SocketOptions, ListenAt, AcceptOptions {}

/**
 * Dials a TCP or Unix socket. Each subscription dials once, emits one Transport when it is open, completes when that
 * ended cleanly, and errors when it could not be opened or broke, so that `retry` reconnects.
 *
 * **The subscription owns the transport**: unsubscribing aborts the dial or hangs up (`sink.complete()`, then what still
 * comes is dropped until the peer's end or `drainTimeout`). Hence use `switchMap`; never `firstValueFrom` or `take(1)`,
 * which hang up at once.
 *
 * @returns Errors with an MqttError `'transport'` (see its `cause`) or `'timeout'`.
 * @throws MqttError `'invalid-option'` at the call for an option outside its range.
 *
 * @example
 * ```ts
 * connectTcp({ host: '127.0.0.1', port: 1883 })
 *   .pipe(switchMap((transport) => transport.bytes$.pipe(tap({ complete: () => transport.sink.complete() }))))
 *   .subscribe({ next: (chunk) => console.log(chunk), error: (error) => console.error(error.message) })
 * ```
 */
export function connectTcp(options: ConnectTcpOptions = {}): Observable<Transport> {
  const mark = requireSocketOptions(options)
  const at = requireDialAt(options, 1883)
  const tcp = describe('tcp', at.path)
  return dial(place(at), options, (opened, failed) => {
    const socket = connect(dialOptions(at, options) as unknown as NetConnectOpts)
    socket.once('error', failed)
    socket.once('connect', () => {
      socket.off('error', failed)
      opened(fromSocket(socket, mark, tcp))
    })
    return () => socket.destroy()
  })
}

/**
 * Listens on TCP or a Unix socket. Each subscription listens anew and emits one Transport for each peer, which belongs
 * to whoever got it. Unsubscribing stops listening and leaves those peers alone: `takeUntil(stop$)` before `serve` is a
 * graceful stop.
 *
 * @returns Errors with an MqttError `'transport'` when it cannot listen (a port in use: `cause.code` is `'EADDRINUSE'`)
 * or can no more; accepted peers live on.
 * @throws MqttError `'invalid-option'` at the call for an option outside its range.
 *
 * @example
 * ```ts
 * listenTcp({ port: 1883, listening: { next: (address) => console.log(address) } })
 *   .pipe(mergeMap((transport) => transport.bytes$.pipe(tap(transport.sink), catchError(() => EMPTY))))
 *   .subscribe((chunk) => console.log('echoed', chunk))
 * ```
 */
export function listenTcp(options: ListenTcpOptions = {}): Observable<Transport> {
  const mark = requireSocketOptions(options)
  const tcp = describe('tcp', options.path)
  return listen(options, (subscriber) => {
    const server = createServer(serverOptions(options), (socket) => {
      if (subscriber.closed) socket.destroy()
      else subscriber.next(fromSocket(socket, mark, tcp))
    })
    return { server }
  })
}
