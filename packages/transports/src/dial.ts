import { MqttError, type Transport } from '@rxmqtt/core'
import { asyncScheduler, Observable, Subscription, timer } from 'rxjs'
import { requireTime } from './options.js'
import { type TransportState, toMqttError } from './state.js'

/** Options that every dial has. */
export interface DialTimes {
  /** Milliseconds until an unanswered dial errors with `'timeout'`, handshakes included. @default 10000 */
  readonly connectTimeout?: number | undefined
  /** Milliseconds that unsubscribing waits for queued bytes to leave and for the peer's end. @default 2000 */
  readonly drainTimeout?: number | undefined
}

/** Begins to open something, tells how it went, and returns what aborts it. */
export type Open = (opened: (transport: TransportState) => void, failed: (cause: unknown) => void) => () => void

/** A cold dial: see the contract of `connectTcp`. `target` names the peer in messages. Runs in Node and in browsers. */
export function dial(target: string, times: DialTimes, open: Open): Observable<Transport> {
  const connectTimeout = requireTime('connectTimeout', times.connectTimeout ?? 10_000)
  const drainTimeout = requireTime('drainTimeout', times.drainTimeout ?? 2_000, 0)
  return new Observable<Transport>((subscriber) => {
    let transport: TransportState | undefined
    let abort: (() => void) | undefined
    const limit = timer(connectTimeout).subscribe(() => {
      abort?.()
      subscriber.error(new MqttError('timeout', `${target} was not open within ${connectTimeout} ms`))
    })
    subscriber.add(() => {
      limit.unsubscribe()
      if (transport === undefined) abort?.()
      else hangUp(transport, drainTimeout)
    })
    const failed = (cause: unknown): void => subscriber.error(toMqttError(cause, `${target} could not be opened`))
    const opened = (fresh: TransportState): void => {
      limit.unsubscribe()
      transport = fresh
      subscriber.next(fresh)
      subscriber.add(
        fresh.closed$.subscribe({
          error: (error: unknown) => subscriber.error(error),
          complete: () => subscriber.complete(),
        }),
      )
    }
    try {
      abort = open(opened, failed)
    } catch (cause) {
      // A platform throws for an option that it alone can judge, such as a header's characters.
      failed(cause)
    }
  })
}

/** Says goodbye: ends, drops what nobody reads until the peer's end, and destroys what is still there after a while. */
function hangUp(transport: TransportState, drainTimeout: number): void {
  if (transport.isOver) return
  const goodbye = new Subscription()
  // In a turn of its own: what a finalizer of the same unsubscription writes comes first.
  goodbye.add(
    asyncScheduler.schedule(() => {
      transport.sink.complete()
      transport.discard()
    }),
  )
  goodbye.add(timer(drainTimeout).subscribe(() => transport.sink.error(undefined)))
  const stop = (): void => goodbye.unsubscribe()
  transport.closed$.subscribe({ complete: stop, error: stop })
}
