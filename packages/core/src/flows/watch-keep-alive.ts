import { asyncScheduler, Observable, type Subscription, timer } from 'rxjs'
import type { Connection } from '../connection/connection.js'
import { MqttError } from '../errors.js'
import { checkKeepAlive } from './keep-alive-of.js'
import { oneTurn } from './one-turn.js'

/** Milliseconds by which a timer may miss its time on a busy machine; half of the shortest keep-alive is spare. */
const tolerance = 250

/**
 * Watches over a client, as its server: errors when one and a half times its keep-alive has passed without a packet from it
 * [MQTT-3.1.2-22], in MQTT 3.1.1 [MQTT-3.1.2-24]. Emits nothing; completes when the connection is over, however it ended:
 * that is for `closed$` to tell. 0 seconds are no keep-alive: nothing is watched.
 *
 * A packet counts when it is decoded, a byte doesn't. Looking on creates no demand; while the connection isn't read
 * (`reading` is false) the clock stands still, and `pauseTimeout` of the connection bounds that. Before it errors it lets
 * what has arrived be read, so that a process which was stalled doesn't blame its peers; a clock that is set has no effect.
 * The time is checked by one timer a connection, whatever the traffic.
 *
 * Errors with MqttError `'timeout'`, reason 0x8D; ending the connection is the caller's, as `serve` does.
 *
 * @param seconds - 0 to 65,535, as {@link keepAliveOf} gives it
 * @throws MqttError `'invalid-option'`
 * @example
 * ```ts
 * accept(connection, authorize).pipe(
 *   switchMap(accepted => merge(watchKeepAlive(connection, keepAliveOf(accepted)), handle(connection))),
 * )
 * ```
 */
export function watchKeepAlive(connection: Connection, seconds: number): Observable<never> {
  const interval = checkKeepAlive(seconds) * 1_500
  return new Observable((subscriber) => {
    const over = (): void => subscriber.complete()
    subscriber.add(connection.closed$.subscribe({ error: over, complete: over }))
    if (interval === 0 || subscriber.closed) return
    let waiting: Subscription | undefined
    let armed = 0
    /** When the last packet came since the timer was armed. */
    let last: number | undefined

    const arm = (delay: number): void => {
      armed = asyncScheduler.now()
      last = undefined
      waiting = timer(delay).subscribe(() => look(delay))
    }

    const look = (delay: number): void => {
      if (last === undefined) {
        waiting = oneTurn().subscribe(expire)
      } else {
        // A clock that was set, or a process that was stalled, doesn't know how long ago it was: the whole interval again.
        const isOff = Math.abs(asyncScheduler.now() - armed - delay) > tolerance
        const quiet = isOff ? 0 : Math.min(Math.max(armed + delay - last, 0), delay)
        arm(interval - quiet)
      }
    }

    const expire = (): void => {
      if (last !== undefined || !connection.reading) return arm(interval)
      const message = `no packet from the client in ${interval / 1_000} s, 1.5 times its keep-alive [MQTT-3.1.2-22]`
      subscriber.error(new MqttError('timeout', message, { reasonCode: 0x8d }))
    }

    subscriber.add(connection.received$.subscribe(() => (last = asyncScheduler.now())))
    subscriber.add(() => waiting?.unsubscribe())
    arm(interval)
  })
}
