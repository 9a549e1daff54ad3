import { type Observable, timer } from 'rxjs'
import { checkOption, checkTime } from '../codec/limits.js'
import { shown } from '../codec/violation.js'
import { MqttError } from '../errors.js'

/** How long {@link backoff} waits, in milliseconds, and how it spreads. */
export interface BackoffOptions {
  /**
   * The nominal delay before the first new attempt, in milliseconds.
   *
   * @default 1,000
   */
  readonly initial?: number | undefined
  /**
   * No delay is longer, in milliseconds, jitter included.
   *
   * @default 120,000
   */
  readonly maximum?: number | undefined
  /**
   * By how much each nominal delay is longer than the one before; 1 or more.
   *
   * @default 2
   */
  readonly factor?: number | undefined
  /**
   * Spreads each delay evenly from 1 − jitter to 1 + 3 × jitter of its nominal value; 0 to 1.
   *
   * @default 0.25
   */
  readonly jitter?: number | undefined
  /**
   * Gives a number from 0 to 1, of which 1 is not one.
   *
   * @default Math.random
   */
  readonly random?: (() => number) | undefined
}

/**
 * Delays for RxJS `retry`: each `factor` times as long as the one before, spread by `jitter`, so that a thousand clients
 * whose server went down don't come back in the same moment. Emits 0 after the delay, and completes.
 *
 * With the defaults the delays are 0.75 to 1.75 s, 1.5 to 3.5 s, 3 to 7 s, …, 51 to 120 s: nobody tries a third time in the
 * first five seconds, and their standard deviation is 23 % of their mean. The nominal delay is at most `maximum` / (1 + 3 ×
 * `jitter`), so that they are still spread when they don't get longer any more.
 *
 * Give `retry` `resetOnSuccess`, or the attempts go on counting. Only a value that is emitted resets them: where a good connection
 * emits nothing, as with `session.attach` alone, let it emit one (the CONNACK, say) before `retry`, and drop it after.
 *
 * @throws MqttError `'invalid-option'`
 * @example
 * ```ts
 * connectTcp({ host: 'broker', port: 1883 })
 *   .pipe(
 *     map(transport => new Connection(transport, { role: 'client' })),
 *     switchMap(connection =>
 *       handshake(connection, connect).pipe(
 *         switchMap(connack => session.attach(connection, { connect, connack }).pipe(startWith(connack))),
 *       ),
 *     ),
 *     retry({ delay: backoff({ maximum: 60_000 }), resetOnSuccess: true }),
 *     ignoreElements(),
 *   )
 *   .subscribe()
 * ```
 */
export function backoff(options: BackoffOptions = {}): (error: unknown, attempt: number) => Observable<0> {
  const { factor = 2, jitter = 0.25, random = Math.random } = options
  const initial = checkOption('initial', checkTime('initial', options.initial, 1_000))
  const maximum = checkOption('maximum', checkTime('maximum', options.maximum, 120_000))
  checkNumber('factor', factor, 1, Number.MAX_VALUE)
  checkNumber('jitter', jitter, 0, 1)
  if (typeof random !== 'function')
    throw new MqttError('invalid-option', `random must be a function, not ${shown(random)}`)
  const cap = maximum / (1 + 3 * jitter)
  return (_error, attempt) => {
    const nominal = Math.min(initial * factor ** (attempt - 1), cap)
    return timer(nominal * (1 - jitter + 4 * jitter * random()))
  }
}

function checkNumber(name: string, value: number, least: number, most: number): void {
  if (typeof value === 'number' && value >= least && value <= most) return
  throw new MqttError('invalid-option', `${name} must be a number from ${least} to ${most}, not ${shown(value)}`)
}
