import { interval, Observable, type Subscription, switchMap, timer } from 'rxjs'
import { checkTime } from '../codec/limits.js'
import type { Connection } from '../connection/connection.js'
import { MqttError } from '../errors.js'
import { checkKeepAlive } from './keep-alive-of.js'
import { oneTurn } from './one-turn.js'

/** How long a server may take to answer. */
export interface KeepAliveOptions {
  /**
   * Milliseconds from a PINGREQ to the next packet from the server, which needn't be the PINGRESP.
   *
   * @default 30,000, or the keep-alive where that is less
   */
  readonly timeout?: number | undefined
}

/**
 * Keeps a connection alive, as its client: sends PINGREQ so that no more than `seconds` pass between two packets to the server
 * [MQTT-3.1.2-20], in MQTT 3.1.1 [MQTT-3.1.2-23]. It looks every half of that time, and also sends one when nothing came
 * from the server, so that a server that is gone is noticed while the client only sends. Emits nothing; completes when the
 * connection is over, however it ended: that is for `closed$` to tell. 0 seconds are no keep-alive: nothing is sent.
 *
 * It creates no demand: something must read the connection for an answer to be seen. While nothing does (`reading` is false) it
 * goes on pinging, and a missing answer is not held against the server. Before it errors it lets what has arrived be read.
 *
 * Errors with MqttError `'timeout'` when a PINGREQ is not answered, and with `'invalid-packet'` where none may be sent yet;
 * ending the connection is the caller's.
 *
 * @param seconds - 0 to 65,535, as {@link keepAliveOf} gives it
 * @throws MqttError `'invalid-option'`
 * @example
 * ```ts
 * handshake(connection, connect).pipe(
 *   switchMap(connack => merge(keepAlive(connection, keepAliveOf({ connect, connack })), work(connection))),
 * )
 * ```
 */
export function keepAlive(connection: Connection, seconds: number, options: KeepAliveOptions = {}): Observable<never> {
  const period = checkKeepAlive(seconds) * 500
  const timeout = checkTime('timeout', options.timeout, Math.min(seconds * 1_000, 30_000))
  return new Observable((subscriber) => {
    const over = (): void => subscriber.complete()
    subscriber.add(connection.closed$.subscribe({ error: over, complete: over }))
    if (period === 0) return
    let sent = connection.packetsSent
    let received = connection.packetsReceived
    let waiting: Subscription | undefined
    /** Packets that had been received when the PINGREQ was sent whose answer is waited for. */
    let asked: number | undefined

    const isUnanswered = (): boolean => connection.packetsReceived === asked

    const tick = (): void => {
      const isQuiet = connection.packetsSent === sent
      if (isQuiet || (connection.packetsReceived === received && !isUnanswered())) ping()
      sent = connection.packetsSent
      received = connection.packetsReceived
    }

    const ping = (): void => {
      try {
        connection.pingreq()
      } catch (error) {
        return subscriber.error(error)
      }
      if (isUnanswered() || subscriber.closed) return
      asked = connection.packetsReceived
      wait()
    }

    const wait = (): void => {
      waiting?.unsubscribe()
      waiting = timer(timeout).pipe(switchMap(oneTurn)).subscribe(expire)
    }

    const expire = (): void => {
      if (!isUnanswered()) return
      if (!connection.reading) return wait()
      subscriber.error(new MqttError('timeout', `no packet from the server within ${timeout} ms of a PINGREQ`))
    }

    subscriber.add(interval(period).subscribe(tick))
    subscriber.add(() => waiting?.unsubscribe())
  })
}
