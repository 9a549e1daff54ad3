import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TransportInfo } from '@rxmqtt/core'
import { DuplexTransport } from './duplex-transport.js'
import { requireRange } from './options.js'

/** What a TCP or Unix socket is set to, on both ends. */
export interface SocketOptions {
  /**
   * Bytes queued for the peer above which `writable` turns false; it turns true again when the queue has drained.
   * @default 65536
   */
  readonly highWaterMark?: number | undefined
  /** Whether small writes leave at once instead of waiting for more (TCP_NODELAY). @default true */
  readonly noDelay?: boolean | undefined
  /** Whether the operating system probes a silent peer. @default false */
  readonly keepAlive?: boolean | undefined
  /** Milliseconds of silence before the first such probe. @default the operating system's */
  readonly keepAliveInitialDelay?: number | undefined
}

/** Where a dial goes: a host and port, or a Unix socket's path. */
export interface DialAt {
  /** Name or address of the peer. @default 'localhost' */
  readonly host?: string | undefined
  /** Port of the peer. @default 1883, with TLS 8883 */
  readonly port?: number | undefined
  /** Path of the peer's Unix socket, instead of `host` and `port`. @default none */
  readonly path?: string | undefined
  /** Own address to dial from. @default any */
  readonly localAddress?: string | undefined
  /** Own port to dial from. @default any */
  readonly localPort?: number | undefined
  /** 4 or 6 for that IP version only, 0 for both. @default 0 */
  readonly family?: 0 | 4 | 6 | undefined
}

/** Checks what both ends have in common, and returns the high-water mark. */
export function requireSocketOptions(options: SocketOptions): number {
  requireRange('keepAliveInitialDelay', options.keepAliveInitialDelay ?? 0, 0)
  return requireRange('highWaterMark', options.highWaterMark ?? 65_536, 0)
}

/** Checks where to dial, and fills in what is left out. */
export function requireDialAt(at: DialAt, defaultPort: number): DialAt {
  if (at.path !== undefined) return { path: at.path }
  const port = requireRange('port', at.port ?? defaultPort, 1, 65_535)
  requireRange('localPort', at.localPort ?? 0, 0, 65_535)
  const { host = 'localhost', localAddress, localPort, family } = at
  return { host, port, localAddress, localPort, family }
}

/** The options that a dialled socket takes. */
export function dialOptions(at: DialAt, options: SocketOptions): Record<string, unknown> {
  return { ...defined(at), ...serverOptions(options) }
}

/** The options that an accepting server gives to its sockets. */
export function serverOptions(options: SocketOptions): Record<string, unknown> {
  const { noDelay = true, keepAlive, keepAliveInitialDelay } = options
  return defined({ allowHalfOpen: true, noDelay, keepAlive, keepAliveInitialDelay })
}

/** Without the fields that are undefined: Node takes some of those for a wrong type. */
export function defined(options: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

/** What a socket of this kind, on this path if any, says about itself. */
export function describe(kind: string, path?: string): (duplex: Duplex) => TransportInfo {
  return (duplex) => {
    const socket = duplex as Socket
    const { localAddress, localPort, remoteAddress, remotePort } = socket
    return { kind, localAddress, localPort, remoteAddress, remotePort, path, socket }
  }
}

/** Has Node keep the peer's address, for log lines after the end. */
export function rememberPeer(socket: Socket): void {
  void socket.remoteAddress
}

/** The transport of an open socket. */
export function fromSocket(socket: Socket, mark: number, describe: (duplex: Duplex) => TransportInfo): DuplexTransport {
  rememberPeer(socket)
  return new DuplexTransport(socket, mark, describe)
}
