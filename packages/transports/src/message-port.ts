import { MqttError, type Transport } from '@rxmqtt/core'
import { defer, mergeMap, Observable } from 'rxjs'
import { type DialTimes, dial } from './dial.js'
import { requireRange } from './options.js'
import {
  type Channel,
  fromPlain,
  type HeartbeatOptions,
  isMessage,
  listenTo,
  type MessagePortLike,
  type NodeMessagePort,
  requireHeartbeat,
  type WebMessagePort,
} from './port.js'
import { bridge } from './port-bridge.js'
import { PortTransport } from './port-transport.js'
import { toMqttError } from './state.js'

export type { DialTimes, HeartbeatOptions, MessagePortLike, NodeMessagePort, WebMessagePort }

/** Options of {@link connectMessagePort}. */
export interface ConnectMessagePortOptions extends DialTimes, HeartbeatOptions {
  /** What the worker's `dial` function gets, such as a URL or a token: anything that can be cloned. @default none */
  readonly request?: unknown
  /** Bytes that the worker's transport has not taken above which `writable` turns false. @default 65536 */
  readonly highWaterMark?: number | undefined
  /** Bytes that the worker may send ahead of who reads here, and one chunk more. @default 65536 */
  readonly receiveWindow?: number | undefined
}

/** Options of {@link serveMessagePort}. */
export interface ServeMessagePortOptions extends HeartbeatOptions {
  /** Bytes that a page may send ahead of the transport here, and one chunk more. @default 65536 */
  readonly receiveWindow?: number | undefined
}

/** What rings at the worker's port for a connection; the port in it carries that one. */
interface Ring {
  readonly rxmqtt: 'dial'
  readonly port: Channel
  readonly request: unknown
}

/**
 * Dials through a worker: the transport lives there (see {@link serveMessagePort}), its Connection here. Each subscription
 * has the worker dial once, by a port of its own, and is as with any dial: emits one Transport when it is open, completes when
 * that ended cleanly, errors when it could not be opened or broke, or when the worker is gone. The given port only carries
 * the request; it is not closed, and other messages on it are left alone.
 *
 * **The subscription owns the transport**: unsubscribing aborts the dial or hangs up. Hence use `switchMap`; never
 * `firstValueFrom` or `take(1)`.
 *
 * Bytes cross by grants: the worker reads its transport only for as much as is read here, and this end sends only what the
 * worker's transport takes, so a slow end holds back the other one's peer and nothing is lost. What the worker received comes
 * without a copy where a chunk has a buffer of its own; what is sent from here is copied once.
 *
 * @param port - A `Worker`, a `SharedWorker`'s `port`, or any `MessagePort` whose other end is served.
 * @param options - See {@link ConnectMessagePortOptions}.
 * @returns Errors with the worker's MqttError, `'timeout'`, `'transport'` when the worker is gone, or `'invalid-option'` when
 * the request cannot be cloned or the platform has no `MessageChannel`.
 * @throws MqttError `'invalid-option'` at the call for an option outside its range.
 *
 * @example
 * ```ts
 * const worker = new Worker(new URL('./mqtt.worker.js', import.meta.url), { type: 'module' })
 * connectMessagePort(worker)
 *   .pipe(switchMap((transport) => new Connection(transport).publish$))
 *   .subscribe(({ topic }) => console.log(topic))
 * ```
 */
export function connectMessagePort(
  port: MessagePortLike,
  options: ConnectMessagePortOptions = {},
): Observable<Transport> {
  const settings = {
    mark: requireRange('highWaterMark', options.highWaterMark ?? 65_536, 0),
    window: requireRange('receiveWindow', options.receiveWindow ?? 65_536, 1),
    heartbeat: requireHeartbeat(options),
  }
  return dial("The worker's transport", options, (opened, failed) => {
    const { port1: channel, port2: theirs } = makeChannel()
    let transport: PortTransport | undefined
    const stop = (): void => {
      stopListening()
      channel.close()
    }
    const stopListening = listenTo(channel, {
      message: (message) => {
        if (!isMessage(message)) return
        if (transport !== undefined) return transport.said(message)
        if (message.say === 'ping') return channel.postMessage({ say: 'pong' }, [])
        if (message.say === 'open') {
          transport = new PortTransport(channel, message, settings, stopListening)
          return opened(transport)
        }
        if (message.say !== 'over') return
        stop()
        failed(message.error && fromPlain(message.error))
      },
      closed: () => {
        if (transport !== undefined) return transport.closed()
        stop()
        failed(new MqttError('transport', 'The worker is gone: its port was closed'))
      },
    })
    try {
      const ring: Ring = { rxmqtt: 'dial', port: theirs, request: options.request }
      port.postMessage(ring, [theirs] as unknown as never[])
    } catch (cause) {
      stop()
      throw new MqttError('invalid-option', `request must be cloneable: ${toMqttError(cause).message}`, { cause })
    }
    return () => {
      if (transport !== undefined) return
      channel.postMessage({ say: 'abort' }, [])
      stop()
    }
  })
}

/**
 * Serves connections to pages, in a worker: each {@link connectMessagePort} at the other end of the port subscribes to
 * `dial`, and gets the bytes of the transport that it emits. Runs until it is unsubscribed, which hangs up all of them;
 * completes when the port is closed, where the platform tells. It never emits: what fails is told to the page that asked.
 *
 * Call it in the turn in which the worker starts, or requests are lost. Serve only ports of pages that may use the dial: a
 * request says nothing about who sent it.
 *
 * @param port - The worker's `self` (with TypeScript's WebWorker library), a port of a shared worker's `connect` event,
 * `parentPort`, or any `MessagePort`.
 * @param dial - A dial, or a function that makes one of the `request` that the page gave. Its chunks are handed over without a
 * copy, so nobody else may hold them.
 * @param options - See {@link ServeMessagePortOptions}.
 * @throws MqttError `'invalid-option'` at the call for an option outside its range.
 *
 * @example
 * ```ts
 * serveMessagePort(self, connectWebSocket('wss://broker.example/mqtt')).subscribe()
 * ```
 */
export function serveMessagePort(
  port: MessagePortLike,
  dial: Observable<Transport> | ((request: unknown) => Observable<Transport>),
  options: ServeMessagePortOptions = {},
): Observable<never> {
  const window = requireRange('receiveWindow', options.receiveWindow ?? 65_536, 1)
  const times = requireHeartbeat(options)
  const rings$ = new Observable<Ring>((subscriber) =>
    listenTo(port, {
      message: (message) => {
        if (isRing(message)) subscriber.next(message)
      },
      closed: () => subscriber.complete(),
    }),
  )
  return rings$.pipe(
    mergeMap(({ port: channel, request }) => {
      const dial$ = defer(() => (typeof dial === 'function' ? dial(request) : dial))
      return bridge(channel, dial$, window, times)
    }),
  )
}

function isRing(message: unknown): message is Ring {
  return (message as { rxmqtt?: unknown } | null | undefined)?.rxmqtt === 'dial'
}

function makeChannel(): { port1: Channel; port2: Channel } {
  const { MessageChannel } = globalThis as { MessageChannel?: new () => { port1: Channel; port2: Channel } }
  if (MessageChannel === undefined) throw new MqttError('invalid-option', 'This platform has no MessageChannel')
  return new MessageChannel()
}
