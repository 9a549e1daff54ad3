import { asyncScheduler, Observable, type Subscription, type Unsubscribable } from 'rxjs'
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
  checkKeepAlive(seconds)
  return new Observable((subscriber) => {
    const over = (): void => subscriber.complete()
    subscriber.add(connection.closed$.subscribe({ error: over, complete: over }))
    if (seconds === 0 || subscriber.closed) return
    const clock = new KeepAliveClock(connection, seconds, (error) => subscriber.error(error))
    subscriber.add(connection.received$.subscribe(() => clock.heard()))
    subscriber.add(clock)
  })
}

/** What `watchKeepAlive` does, in one object: a server has them ten thousand times. */
export class KeepAliveClock implements Unsubscribable {
  readonly #connection: Connection
  readonly #interval: number
  readonly #onLate: (error: MqttError) => void
  #waiting: Subscription
  #armed = 0
  #delay = 0
  /** When the last packet came since the timer was armed. */
  #last: number | undefined

  /** @param seconds - from 1 on */
  constructor(connection: Connection, seconds: number, onLate: (error: MqttError) => void) {
    this.#connection = connection
    this.#interval = seconds * 1_500
    this.#onLate = onLate
    this.#waiting = this.#arm(this.#interval)
  }

  /** A packet came. */
  heard(): void {
    this.#last = asyncScheduler.now()
  }

  unsubscribe(): void {
    this.#waiting.unsubscribe()
  }

  #arm(delay: number): Subscription {
    this.#armed = asyncScheduler.now()
    this.#delay = delay
    this.#last = undefined
    return asyncScheduler.schedule(look, delay, this)
  }

  /** The timer's time has come. */
  look(): void {
    if (this.#last === undefined) {
      this.#waiting = oneTurn().subscribe(() => this.#expire())
      return
    }
    // A clock that was set, or a process that was stalled, doesn't know how long ago it was: the whole interval again.
    const isOff = Math.abs(asyncScheduler.now() - this.#armed - this.#delay) > tolerance
    const quiet = isOff ? 0 : Math.min(Math.max(this.#armed + this.#delay - this.#last, 0), this.#delay)
    this.#waiting = this.#arm(this.#interval - quiet)
  }

  #expire(): void {
    if (this.#last !== undefined || !this.#connection.reading) {
      this.#waiting = this.#arm(this.#interval)
      return
    }
    const message = `no packet from the client in ${this.#interval / 1_000} s, 1.5 times its keep-alive [MQTT-3.1.2-22]`
    this.#onLate(new MqttError('timeout', message, { reasonCode: 0x8d }))
  }
}

function look(clock?: KeepAliveClock): void {
  clock!.look()
}
