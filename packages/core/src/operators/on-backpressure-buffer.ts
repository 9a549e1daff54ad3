import { type MonoTypeOperatorFunction, Observable } from 'rxjs'
import { checkOption } from '../codec/limits.js'
import { shown } from '../codec/violation.js'
import { MqttError } from '../errors.js'
import { Queue } from './queue.js'
import { whileOpen } from './while-open.js'

/** What says whether it takes more; a Connection and a Transport are such. */
export interface WritableGate {
  readonly writable: boolean
  readonly writable$: Observable<boolean>
}

/** How much waits, and what happens to more. */
export interface OnBackpressureBufferOptions<T> {
  /** Values that wait while the connection takes no more. */
  readonly capacity: number
  /** What happens to one value more: the stream errors, or the oldest waiting or the newest value is dropped. */
  readonly overflow: 'error' | 'drop-oldest' | 'drop-newest'
  /**
   * Told of each value that is dropped, also of those that wait when the connection ends.
   *
   * @default none
   */
  readonly onDropped?: ((value: T) => void) | undefined
}

const policies: readonly string[] = ['error', 'drop-oldest', 'drop-newest']

/**
 * Lets values pass while `connection.writable`, and keeps them in a bounded buffer while it is not. It drains, then
 * completes, when its source completes; when the connection ends, it completes at once.
 *
 * Errors with MqttError `'overflow'` when the buffer is full and `overflow` is `'error'`, and with the source's error,
 * at once.
 *
 * @throws MqttError `'invalid-option'`
 * @example
 * ```ts
 * readings$
 *   .pipe(onBackpressureBuffer(connection, { capacity: 1000, overflow: 'drop-oldest' }))
 *   .subscribe(reading => connection.publish({ topic: 'readings', payload: reading }))
 * ```
 */
export function onBackpressureBuffer<T>(
  connection: WritableGate,
  options: OnBackpressureBufferOptions<T>,
): MonoTypeOperatorFunction<T> {
  const capacity = checkOption('capacity', options.capacity)
  const { overflow, onDropped } = options
  if (!policies.includes(overflow)) {
    throw new MqttError('invalid-option', `overflow must be one of ${policies.join(', ')}, not ${shown(overflow)}`)
  }
  return (source) =>
    new Observable((subscriber) => {
      const queue = new Queue<T>()
      let draining = false
      let complete = false

      const drain = (): void => {
        if (draining) return
        draining = true
        while (queue.length > 0 && connection.writable && !subscriber.closed) subscriber.next(queue.shift())
        draining = false
        if (complete && queue.length === 0) subscriber.complete()
      }

      const drop = (value: T): void => {
        try {
          onDropped?.(value)
        } catch (error) {
          subscriber.error(error)
        }
      }

      subscriber.add(() => queue.clear())
      subscriber.add(
        connection.writable$.subscribe({
          next: (writable) => {
            if (writable) drain()
          },
          error: (error: unknown) => subscriber.error(error),
          complete: () => {
            while (queue.length > 0 && !subscriber.closed) drop(queue.shift())
            subscriber.complete()
          },
        }),
      )
      if (subscriber.closed) return
      subscriber.add(
        source.pipe(whileOpen(subscriber)).subscribe({
          next: (value) => {
            if (queue.length < capacity) {
              queue.push(value)
              drain()
            } else if (overflow === 'drop-oldest') {
              queue.push(value)
              drop(queue.shift())
            } else if (overflow === 'drop-newest') {
              drop(value)
            } else {
              subscriber.error(new MqttError('overflow', `more than ${capacity} values wait for the peer`))
            }
          },
          error: (error: unknown) => subscriber.error(error),
          complete: () => {
            complete = true
            drain()
          },
        }),
      )
    })
}
