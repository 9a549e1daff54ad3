import type { Agent, Server as HttpServer, IncomingMessage } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { SecureContextOptions } from 'node:tls'
import { MqttError, type TransportInfo } from '@rxmqtt/core'
import type { DialTimes } from './dial.js'
import type { HandshakeOptions } from './handshakes.js'
import type { AcceptOptions, ListenAt } from './listen.js'
import { requireRange, requireTime } from './options.js'

/** Limits of a WebSocket, on both ends. */
export interface WsLimits {
  /** Bytes queued for the peer above which `writable` turns false. @default 65536 */
  readonly highWaterMark?: number | undefined
  /** Bytes of one message above which the peer is closed with 1009. @default 16777728 (16 MiB and 512 bytes) */
  readonly maxPayload?: number | undefined
  /** Fragments of one message above which the peer is closed with 1008. @default 1024 */
  readonly maxFragments?: number | undefined
  /** Pieces in which the network may bring one frame; above, the peer is closed with 1008. @default 16384 */
  readonly maxBufferedChunks?: number | undefined
  /** Milliseconds from a close frame, either way, until the connection is destroyed. @default 30000 */
  readonly closeTimeout?: number | undefined
}

/**
 * Options of {@link connectWs}. For `wss:` besides these, every option of node's `tls.createSecureContext`: `ca` for
 * your own authority, `cert` and `key` for a client certificate, …
 */
export interface ConnectWsOptions extends WsLimits, DialTimes, SecureContextOptions {
  /** Where to, such as `'wss://localhost:8884/mqtt'`; `ws+unix:path:/request` for a Unix socket. */
  readonly url: string | URL
  /** The subprotocol to ask for. @default 'mqtt' */
  readonly protocol?: 'mqtt' | 'mqttv3.1' | undefined
  /** Headers of the HTTP request, such as `authorization`. @default none */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** The `Origin` header. @default none */
  readonly origin?: string | undefined
  /** Makes the connection, for proxies. @default none */
  readonly agent?: Agent | undefined
  /** With `wss:`: the name for SNI and for the check of the certificate. @default the URL's host */
  readonly servername?: string | undefined
  /** With `wss:`: whether a certificate that cannot be verified fails the dial. @default true */
  readonly rejectUnauthorized?: boolean | undefined
}

/** Options of {@link listenWs}. */
export interface ListenWsOptions extends WsLimits, Omit<ListenAt, 'path'>, AcceptOptions, HandshakeOptions {
  /**
   * An http or https server of your own to attach to, instead of `host` and `port`. It stays yours: it is neither made to
   * listen nor closed, and its time-outs and limits are its own. @default none
   */
  readonly server?: HttpServer | HttpsServer | undefined
  /** Certificate and key for an own server that speaks `wss:`. @default none */
  readonly tls?: SecureContextOptions | undefined
  /** The request path to serve; others are answered 404, or left to the server's other listeners. @default any path */
  readonly path?: string | undefined
  /** Whether a page of this origin (undefined outside browsers) may connect; else, or when it throws, 403. @default everybody may */
  readonly verifyOrigin?: ((origin: string | undefined, request: IncomingMessage) => boolean) | undefined
}

/** What {@link fromWebSocket} needs of a socket: that of the `ws` package has it. */
export interface WsSocket {
  readonly readyState: number
  readonly bufferedAmount: number
  send(data: Uint8Array, sent: () => void): void
  close(code: number, reason?: string): void
  terminate(): void
  pause(): void
  resume(): void
  on(event: string, listener: (...values: never[]) => void): unknown
  off(event: string, listener: (...values: never[]) => void): unknown
}

/** Options of {@link fromWebSocket}. */
export interface FromWebSocketOptions {
  /** Bytes queued for the peer above which `writable` turns false. @default 65536 */
  readonly highWaterMark?: number | undefined
  /** What the transport says about itself. @default { kind: 'ws', socket } */
  readonly info?: TransportInfo | undefined
}

/** Checks the limits, and gives them as the `ws` package takes them. */
export function requireLimits(options: WsLimits): { mark: number; ws: Record<string, number | boolean> } {
  const { maxPayload = 16_777_728, maxFragments = 1_024, maxBufferedChunks = 16_384 } = options
  return {
    mark: requireRange('highWaterMark', options.highWaterMark ?? 65_536, 0),
    ws: {
      maxPayload: requireRange('maxPayload', maxPayload, 1, 2_147_483_647),
      maxFragments: requireRange('maxFragments', maxFragments, 1, 2_147_483_647),
      maxBufferedChunks: requireRange('maxBufferedChunks', maxBufferedChunks, 1, 2_147_483_647),
      perMessageDeflate: false,
      closeTimeout: requireTime('closeTimeout', options.closeTimeout ?? 30_000),
    },
  }
}

/** The URL, when a WebSocket can be dialled by it. */
export function requireUrl(url: string | URL): URL {
  const parsed = URL.canParse(String(url)) ? new URL(String(url)) : undefined
  if (parsed !== undefined && ['ws:', 'wss:', 'ws+unix:'].includes(parsed.protocol) && parsed.hash === '') return parsed
  throw new MqttError(
    'invalid-option',
    `url must be a ws:, wss: or ws+unix: URL without a fragment, not ${String(url)}`,
  )
}
