import { createServer as createNetServer } from 'node:net'
import {
  type ConnectionOptions,
  connect,
  createServer,
  type PeerCertificate,
  type SecureContext,
  type SecureContextOptions,
} from 'node:tls'
import type { Transport } from '@rxmqtt/core'
import type { Observable } from 'rxjs'
import { type DialTimes, dial } from './dial.js'
import { type HandshakeOptions, Handshakes, rawSocket, requireHandshakeLimits } from './handshakes.js'
import { type AcceptOptions, type ListenAt, listen, place } from './listen.js'
import { describeTls, secureContext } from './secure.js'
import {
  type DialAt,
  defined,
  dialOptions,
  fromSocket,
  requireDialAt,
  requireSocketOptions,
  type SocketOptions,
  serverOptions,
} from './socket.js'

export type { AcceptOptions, DialAt, DialTimes, HandshakeOptions, ListenAt, SocketOptions }

/**
 * Options of {@link connectTls}. Besides these, every option of node's `tls.createSecureContext`: `ca` for your own
 * authority, `cert` and `key` for a client certificate, `crl`, `ciphers`, … `minVersion` is TLS 1.2 unless you say so.
 */
export interface ConnectTlsOptions extends DialAt, SocketOptions, DialTimes, SecureContextOptions {
  /** Name for SNI and for the check of the certificate. @default `host` */
  readonly servername?: string | undefined
  /** Whether a certificate that cannot be verified, or is another host's, fails the dial. @default true */
  readonly rejectUnauthorized?: boolean | undefined
  /** Checks the verified certificate's names, returning the error, if any. @default node's, by `servername` */
  readonly checkServerIdentity?: ((name: string, certificate: PeerCertificate) => Error | undefined) | undefined
  /** Protocols to offer by ALPN. @default none */
  readonly ALPNProtocols?: string[] | undefined
  /** A session to resume. @default none */
  readonly session?: Buffer | undefined
}

/**
 * Options of {@link listenTls}. Besides these, every option of node's `tls.createSecureContext`: at least `cert` and
 * `key`, and `ca` for the authority of client certificates. `minVersion` is TLS 1.2 unless you say so.
 */
export interface ListenTlsOptions
  extends SocketOptions,
    ListenAt,
    AcceptOptions,
    HandshakeOptions,
    SecureContextOptions {
  /** Whether peers are asked for a certificate. @default false */
  readonly requestCert?: boolean | undefined
  /** With `requestCert`: whether a peer without a verified certificate is turned away. @default true */
  readonly rejectUnauthorized?: boolean | undefined
  /** Chooses the certificate by the name that the peer asked for. @default none */
  readonly SNICallback?:
    | ((name: string, done: (error: Error | null, context?: SecureContext) => void) => void)
    | undefined
  /** Protocols to choose from by ALPN. @default none */
  readonly ALPNProtocols?: string[] | undefined
}

/**
 * Dials TLS. Each subscription dials once, emits one Transport when the handshake is done and the peer's certificate and
 * name are verified, completes when that ended cleanly, and errors when it could not be opened or broke, so that `retry`
 * reconnects.
 *
 * **The subscription owns the transport**: unsubscribing aborts the dial or hangs up (`sink.complete()`, then what still
 * comes is dropped until the peer's end or `drainTimeout`). Hence use `switchMap`; never `firstValueFrom` or `take(1)`,
 * which hang up at once.
 *
 * In TLS 1.3 a server judges the client's certificate after the client's handshake is done: its refusal arrives as an
 * error of the transport, and so of this Observable, after the transport was emitted.
 *
 * @returns Errors with an MqttError `'transport'` (see its `cause`) or `'timeout'`.
 * @throws MqttError `'invalid-option'` at the call for an option outside its range, or a certificate or key that cannot
 * be used.
 *
 * @example
 * ```ts
 * connectTls({ host: 'localhost', port: 8883, ca: readFileSync('ca.pem') })
 *   .pipe(switchMap((transport) => transport.bytes$.pipe(tap({ complete: () => transport.sink.complete() }))))
 *   .subscribe({ next: (chunk) => console.log(chunk), error: (error) => console.error(error.message) })
 * ```
 */
export function connectTls(options: ConnectTlsOptions = {}): Observable<Transport> {
  const mark = requireSocketOptions(options)
  const at = requireDialAt(options, 8883)
  const tls = describeTls('tls', at.path)
  const secure = secureContext(options)
  const { servername, rejectUnauthorized = true, checkServerIdentity, ALPNProtocols, session } = options
  const names = { servername, rejectUnauthorized, checkServerIdentity, ALPNProtocols, session }
  const settings = { ...dialOptions(at, options), ...defined(names), secureContext: secure.secureContext }
  return dial(place(at), options, (opened, failed) => {
    const socket = connect(settings as ConnectionOptions)
    socket.once('error', failed)
    socket.once('secureConnect', () => {
      socket.off('error', failed)
      opened(fromSocket(socket, mark, tls))
    })
    return () => socket.destroy()
  })
}

/**
 * Listens for TLS. Each subscription listens anew and emits one Transport for each peer whose handshake is done, which
 * belongs to whoever got it. Unsubscribing stops listening, destroys unfinished handshakes and leaves those peers alone.
 * A failed or stalled handshake ends that peer only.
 *
 * @returns Errors with an MqttError `'transport'` when it cannot listen (a port in use: `cause.code` is `'EADDRINUSE'`)
 * or can no more; accepted peers live on.
 * @throws MqttError `'invalid-option'` at the call for an option outside its range, or a certificate or key that cannot
 * be used.
 *
 * @example
 * ```ts
 * listenTls({ port: 8883, cert: readFileSync('cert.pem'), key: readFileSync('key.pem') })
 *   .pipe(mergeMap((transport) => transport.bytes$.pipe(tap(transport.sink), catchError(() => EMPTY))))
 *   .subscribe((chunk) => console.log('echoed', chunk))
 * ```
 */
export function listenTls(options: ListenTlsOptions): Observable<Transport> {
  const mark = requireSocketOptions(options)
  const limits = requireHandshakeLimits(options)
  const tls = describeTls('tls', options.path)
  const { secureContext: _, handshakeTimeout: __, ...settings } = secureContext(options)
  return listen(options, (subscriber) => {
    const handshakes = new Handshakes(limits)
    // Accepts, so that unfinished handshakes are counted before TLS sees them; the TLS server itself never listens.
    // A peer that ends during its handshake is gone: half-open begins after it.
    const server = createNetServer({ ...serverOptions(options), allowHalfOpen: false }, (raw) => {
      if (handshakes.begin(raw)) secure.emit('connection', raw)
    })
    const secure = createServer(defined({ ...settings, handshakeTimeout: 2 * limits.timeout }), (socket) => {
      handshakes.finish(rawSocket(socket))
      socket.allowHalfOpen = true
      if (subscriber.closed) socket.destroy()
      else subscriber.next(fromSocket(socket, mark, tls))
    })
    secure.on('tlsClientError', (_error, socket) => socket.destroy())
    return { server, close: () => handshakes.destroy() }
  })
}
