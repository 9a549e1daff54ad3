import { MqttError, type Transport } from '@rxmqtt/core'
import type { Observable } from 'rxjs'
import { type DialTimes, dial } from './dial.js'
import { requireRange } from './options.js'
import { type WebSocketCtor, type WebSocketLike, WebSocketTransport, close, why } from './websocket-transport.js'

export type { DialTimes, WebSocketCtor, WebSocketLike }

/** Options of {@link connectWebSocket}. */
export interface ConnectWebSocketOptions extends DialTimes {
  /** Where to, such as `'wss://broker.example/mqtt'`; whatever the platform's WebSocket takes. */
  readonly url: string | { readonly href: string }
  /** The subprotocols to ask for; the server must choose one of them. @default 'mqtt' */
  readonly protocols?: string | readonly string[] | undefined
  /** The class to make sockets with, such as that of the `ws` package. @default globalThis.WebSocket */
  readonly WebSocketCtor?: WebSocketCtor | undefined
  /** Bytes queued for the peer above which `writable` turns false. @default 65536 */
  readonly highWaterMark?: number | undefined
  /**
   * Bytes that may wait while nobody is subscribed to `bytes$`: a WebSocket of this kind cannot hold its peer back. Above,
   * the transport errors with `'overflow'` and the socket is closed. @default 8388608 (8 MiB)
   */
  readonly maximumReceiveBuffered?: number | undefined
}

/** 1002 of RFC 6455: a rule of the protocol was broken. */
const PROTOCOL_ERROR = 1002

/**
 * Dials the platform's WebSocket, in a browser or a worker. Each subscription dials once, emits one Transport when it is
 * open, completes when that ended with a close frame, and errors when it could not be opened or broke, so that `retry`
 * reconnects.
 *
 * **The subscription owns the transport**: unsubscribing aborts the dial or hangs up (`sink.complete()`, then what still
 * comes is dropped until the peer's end or `drainTimeout`). Hence use `switchMap`; never `firstValueFrom` or `take(1)`,
 * which hang up at once. Nothing runs on a timer while a socket is open and its queue is not full.
 *
 * @param target - The URL, or {@link ConnectWebSocketOptions}.
 * @returns Errors with an MqttError `'transport'`, `'timeout'`, `'overflow'`, or `'invalid-option'` for a URL or a
 * subprotocol that the platform refuses, or a platform without a WebSocket.
 * @throws MqttError `'invalid-option'` at the call for an option outside its range.
 *
 * @example
 * ```ts
 * connectWebSocket('wss://broker.example/mqtt')
 *   .pipe(switchMap((transport) => new Connection(transport).publish$))
 *   .subscribe({ next: ({ topic }) => console.log(topic), error: (error) => console.error(error.message) })
 * ```
 */
export function connectWebSocket(
  target: string | { readonly href: string } | ConnectWebSocketOptions,
): Observable<Transport> {
  const options: ConnectWebSocketOptions = typeof target === 'string' || 'href' in target ? { url: target } : target
  const url = typeof options.url === 'string' ? options.url : options.url.href
  const { protocols: asked = 'mqtt' } = options
  const protocols = typeof asked === 'string' ? [asked] : [...asked]
  if (protocols.length === 0) throw new MqttError('invalid-option', 'protocols must name at least one subprotocol')
  const mark = requireRange('highWaterMark', options.highWaterMark ?? 65_536, 0)
  const maximum = requireRange('maximumReceiveBuffered', options.maximumReceiveBuffered ?? 8_388_608, 1)
  return dial(url, options, (opened, failed) => {
    const socket = make(options.WebSocketCtor, url, protocols)
    let isOver = false
    const refuse = (error: MqttError): void => {
      isOver = true
      forget(socket)
      failed(error)
    }
    socket.onopen = () => {
      if (protocols.includes(socket.protocol)) {
        isOver = true
        return opened(new WebSocketTransport(socket, mark, maximum))
      }
      close(socket, PROTOCOL_ERROR, 'The subprotocol is mqtt')
      const chosen = socket.protocol === '' ? 'no subprotocol' : `the subprotocol '${socket.protocol}'`
      refuse(new MqttError('transport', `${url} could not be opened: the server chose ${chosen} [MQTT-6.0.0-4]`))
    }
    socket.onerror = ({ error, message }: { error?: unknown; message?: string }) => {
      const reason = message || 'the platform does not say why'
      refuse(new MqttError('transport', `${url} could not be opened: ${reason}`, { cause: error }))
    }
    socket.onclose = (event: { code: number; reason: string }) => {
      refuse(new MqttError('transport', `${url} could not be opened: it was closed ${why(event)}`))
    }
    return () => {
      if (isOver) return
      forget(socket)
      if (socket.terminate === undefined) socket.close()
      else socket.terminate()
    }
  })
}

function make(ctor: WebSocketCtor | undefined, url: string, protocols: string[]): WebSocketLike {
  const Ctor = ctor ?? (globalThis as { WebSocket?: WebSocketCtor | undefined }).WebSocket
  if (Ctor === undefined) {
    throw new MqttError('invalid-option', 'WebSocketCtor is required: this platform has no WebSocket of its own')
  }
  try {
    const socket = new Ctor(url, protocols)
    socket.binaryType = 'arraybuffer'
    return socket
  } catch (cause) {
    const reason = (cause as { message?: string } | null)?.message
    throw new MqttError('invalid-option', `url ${url} or protocols were refused: ${String(reason)}`, { cause })
  }
}

/** Listens no more; an error that nobody waits for is none. */
function forget(socket: WebSocketLike): void {
  socket.onopen = null
  socket.onmessage = null
  socket.onclose = null
  socket.onerror = () => undefined
}
