import { Observable, type OperatorFunction, Subscription } from 'rxjs'
import { MqttError } from '../errors.js'
import { whileOpen } from '../operators/while-open.js'
import type { Transport } from '../transport.js'
import type { ServeEvent } from './serve-event.js'
import { ServeLimits } from './serve-limits.js'
import { type ServeOptions, serveSettings } from './serve-options.js'
import { type PeerHost, type ServeHandler, ServePeer } from './serve-peer.js'

/**
 * A server: lets each transport's client in, watches over it and runs `handler` for it, each apart from all others.
 * Emits what becomes of them; completes when the source has completed and the last peer is gone.
 *
 * For each transport it makes the Connection, does what `accept` does, then calls `handler` in the turn of CONNACK: who
 * subscribes to packets in there misses nothing. From then on the connection is read, and packets of which nobody
 * subscribed to the type are dropped: to do asynchronous work first, `pause`. PINGREQ is answered [MQTT-3.12.4-1], the
 * keep-alive enforced [MQTT-3.1.2-22], re-authentication done where `authenticate` is given.
 *
 * What the handler emits is ignored. When it completes, the connection goes on until its end; when the connection is
 * over, the handler is unsubscribed, in the turn after its streams have completed: work that must outlast a connection
 * belongs elsewhere. When it throws or errors, an MQTT 5 client is told by DISCONNECT, with the `reasonCode` of an
 * MqttError where DISCONNECT has it, otherwise 0x80, the connection ends and a `failed` event tells. Return what you subscribe to: of errors in a `subscribe` of your own only
 * RxJS knows (`config.onUnhandledError`).
 *
 * Peers beyond a limit are destroyed without being read. `takeUntil` before `serve` stops listening and lets peers go
 * on; unsubscribing says goodbye to them (0x8B to MQTT 5 clients), ends their connections, and leaves nothing behind.
 * An error of the source does the same, and is passed on.
 *
 * @throws MqttError `'invalid-option'`
 * @example
 * ```ts
 * listenTcp({ port: 1883 }).pipe(
 *   takeUntil(stop$),
 *   serve(connection => connection.publish$.pipe(tap(packet => messages.next(packet))), {
 *     authorize: ({ username }) => of({ reasonCode: users.has(username) ? 0x00 : 0x87 }),
 *   }),
 * ).subscribe(event => console.log(event.type, event.connection?.transport.info.remoteAddress))
 * ```
 */
export function serve(handler: ServeHandler, options: ServeOptions): OperatorFunction<Transport, ServeEvent> {
  const settings = serveSettings(options)
  if (typeof handler !== 'function') throw new MqttError('invalid-option', 'handler must be a function')
  return (source) =>
    new Observable((subscriber) => {
      const limits = new ServeLimits(settings)
      const peers = new Set<ServePeer>()
      let complete = false
      const finish = (): void => {
        if (complete && peers.size === 0) subscriber.complete()
      }
      const host: PeerHost = {
        settings,
        handler,
        emit: (event) => subscriber.next(event),
        decided: () => limits.open(),
        gone: (peer) => {
          peers.delete(peer)
          limits.leave(peer.connection.transport.info.remoteAddress)
          finish()
        },
      }
      subscriber.add(() => stopAll(peers))
      subscriber.add(
        source.pipe(whileOpen(subscriber)).subscribe({
          next: (transport) => {
            const error = limits.enter(transport.info.remoteAddress)
            if (error !== undefined) {
              transport.sink.error(undefined)
              subscriber.next({ type: 'refused', transport, error })
              return
            }
            const peer = new ServePeer(transport, host)
            peers.add(peer)
            peer.start()
          },
          error: (error: unknown) => subscriber.error(error),
          complete: () => {
            complete = true
            finish()
          },
        }),
      )
    })
}

/** Every peer is stopped, whatever teardowns of handlers throw; RxJS gathers that. */
function stopAll(peers: Set<ServePeer>): void {
  const all = new Subscription()
  for (const peer of peers) all.add(() => peer.stop())
  peers.clear()
  all.unsubscribe()
}
