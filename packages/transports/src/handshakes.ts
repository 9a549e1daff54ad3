import type { Socket } from 'node:net'
import { requireRange, requireTime } from './options.js'

/** Options of every listener whose peers have a handshake to do first. */
export interface HandshakeOptions {
  /** Milliseconds until a peer that has not finished its handshake is destroyed. @default 10000 */
  readonly handshakeTimeout?: number | undefined
  /** Unfinished handshakes at the same time above which new peers are destroyed. @default 1000 */
  readonly maximumHandshakes?: number | undefined
}

/** Limits of the handshakes, checked. */
export interface HandshakeLimits {
  readonly timeout: number
  readonly maximum: number
}

export function requireHandshakeLimits(options: HandshakeOptions): HandshakeLimits {
  return {
    timeout: requireTime('handshakeTimeout', options.handshakeTimeout ?? 10_000),
    maximum: requireRange('maximumHandshakes', options.maximumHandshakes ?? 1_000, 1),
  }
}

/** Peers that are connected but not yet open: bounded in number and in time. */
export class Handshakes {
  readonly #limits: HandshakeLimits
  readonly #pending = new Map<Socket, NodeJS.Timeout>()

  constructor(limits: HandshakeLimits) {
    this.#limits = limits
  }

  /** Takes a new peer, or destroys it and returns false when there are too many. */
  begin(socket: Socket): boolean {
    if (this.#pending.size >= this.#limits.maximum) {
      socket.destroy()
      return false
    }
    const timer = setTimeout(() => socket.destroy(), this.#limits.timeout)
    this.#pending.set(socket, timer)
    socket.once('close', () => this.finish(socket))
    return true
  }

  /** The peer is open, or gone. */
  finish(socket: Socket): void {
    clearTimeout(this.#pending.get(socket))
    this.#pending.delete(socket)
  }

  /** Ends all that are not finished. */
  destroy(): void {
    for (const socket of [...this.#pending.keys()]) socket.destroy()
  }
}

/** The accepted socket under a TLS socket, or the socket itself. */
export function rawSocket(socket: unknown): Socket {
  return (socket as { _parent?: Socket | null })._parent ?? (socket as Socket)
}
