import type { Observable, Observer } from 'rxjs'

/** What TLS says about a transport. */
export interface TlsInfo {
  /** Whether the peer's certificate was verified against the trusted authorities. */
  readonly authorized: boolean
  /** Why it was not, when `authorized` is false and the options let the peer in all the same. */
  readonly authorizationError?: string | undefined
  /** Such as `'TLSv1.3'`. */
  readonly protocol?: string | undefined
  /** The cipher suite's name. */
  readonly cipher?: string | undefined
  /** The server name the client asked for (SNI). */
  readonly servername?: string | undefined
  /** The peer's certificate as the platform presents it, absent when it sent none. */
  readonly peerCertificate?: unknown
}

/** What a log line or an access rule needs to know about a transport. */
export interface TransportInfo {
  /** `'tcp'`, `'tls'`, `'ws'`, `'wss'`, `'duplex'`, `'memory'`, or your own. */
  readonly kind: string
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  /** The Unix socket's path, or the WebSocket's request path. */
  readonly path?: string | undefined
  readonly tls?: TlsInfo | undefined
  /** The object underneath (a net.Socket, a WebSocket, …), for what this interface does not cover. */
  readonly socket?: unknown
}

/**
 * Bytes to and from one peer: what every adapter provides and all that a connection needs.
 *
 * Adapters know this contract; the contract knows no adapter.
 */
export interface Transport {
  /**
   * Bytes from the peer, in order, in any chunking.
   *
   * Read only while subscribed: with no subscriber the peer is held back and nothing is dropped; subscribing again goes
   * on where it stopped. One subscriber at a time. Never emits inside `subscribe()`. Delivers what is unread before the
   * end; then completes on a clean end, or errors with an MqttError of code `'transport'` on a broken one, also for who
   * subscribes after it.
   */
  readonly bytes$: Observable<Uint8Array>
  /**
   * Bytes to the peer.
   *
   * - `next`: queues a chunk, which from then on belongs to the transport.
   * - `complete`: sends what is queued, then ends.
   * - `error`: drops what is queued (and what is unread) and destroys, also after `complete`. `closed$` then completes
   *   for `undefined`, errors with the argument where it is an MqttError, else with code `'transport'` and it as `cause`.
   *
   * After `complete` or `error`, `next` is ignored. None of the three throws.
   */
  readonly sink: Observer<Uint8Array>
  /** Completes or errors once, when the transport is over, for whoever subscribes, whenever; needs no demand. */
  readonly closed$: Observable<never>
  /** False while more than the high-water mark is queued, and after the end. */
  readonly writable: boolean
  /** Replays `writable`, tells each change, completes when the transport is over. */
  readonly writable$: Observable<boolean>
  /** Bytes queued for the peer. */
  readonly buffered: number
  /** What a log line or an access rule needs. */
  readonly info: TransportInfo
}
