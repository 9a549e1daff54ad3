import type { AddressInfo, ListenOptions, Server } from 'node:net'
import type { Transport } from '@rxmqtt/core'
import { type NextObserver, Observable, type Subscriber } from 'rxjs'
import { requireRange } from './options.js'
import { toMqttError } from './state.js'

/** Where a listener listens: a port, or a Unix socket's path. */
export interface ListenAt {
  /** The address to bind. @default all addresses, '::' where there is IPv6 */
  readonly host?: string | undefined
  /** The port to bind, 0 for any free one, told by `listening`. @default 0 */
  readonly port?: number | undefined
  /** The path of a Unix socket to listen on, instead of `host` and `port`. @default none */
  readonly path?: string | undefined
  /** Peers that the operating system holds until they are accepted. @default 511 */
  readonly backlog?: number | undefined
  /** Told the bound address, or the path, each time it listens. @default none */
  readonly listening?: NextObserver<AddressInfo | string> | undefined
}

/** Options of every accepted peer. */
export interface AcceptOptions {
  /** Peers at the same time above which new ones are turned away. @default unlimited */
  readonly maximumConnections?: number | undefined
}

/** Checks where to listen. */
export function requireListenAt(options: ListenAt & AcceptOptions): void {
  requireRange('port', options.port ?? 0, 0, 65_535)
  requireRange('backlog', options.backlog ?? 511, 1)
  requireRange('maximumConnections', options.maximumConnections ?? 1, 1)
}

/** What a listening server gives back: `close` is called when nobody listens any more. */
export interface Listener {
  readonly server: Server
  readonly close?: (() => void) | undefined
}

/** A cold listener: see the contract of `listenTcp`. */
export function listen(
  options: ListenAt & AcceptOptions,
  create: (subscriber: Subscriber<Transport>) => Listener,
): Observable<Transport> {
  requireListenAt(options)
  return new Observable<Transport>((subscriber) => {
    const failed = (cause: unknown): void =>
      subscriber.error(toMqttError(cause, `Listening on ${place(options)} failed`))
    try {
      const { server, close } = create(subscriber)
      if (options.maximumConnections !== undefined) server.maxConnections = options.maximumConnections
      subscriber.add(() => {
        server.close()
        close?.()
      })
      // Kept after the end: a server that fails while it closes must not become an uncaught exception.
      server.on('error', failed)
      server.on('listening', () => options.listening?.next(server.address() as AddressInfo | string))
      server.listen(listenOptions(options))
    } catch (cause) {
      // Node throws for an option that it alone can judge.
      failed(cause)
    }
  })
}

/** The place in words, for messages. */
export function place(at: {
  readonly host?: string | undefined
  port?: number | undefined
  path?: string | undefined
}): string {
  return at.path ?? `${at.host ?? '*'}:${at.port ?? 0}`
}

function listenOptions({ host, port = 0, path, backlog }: ListenAt): ListenOptions {
  const queue = backlog === undefined ? {} : { backlog }
  if (path !== undefined) return { path, ...queue }
  return host === undefined ? { port, ...queue } : { host, port, ...queue }
}
