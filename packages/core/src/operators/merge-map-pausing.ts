import { from, Observable, type ObservableInput, type ObservedValueOf, type OperatorFunction } from 'rxjs'
import { checkOption } from '../codec/limits.js'
import { MqttError } from '../errors.js'
import { Queue } from './queue.js'
import { whileOpen } from './while-open.js'

/** What can hold its peer back; a Connection is one. */
export interface Pausable {
  pause(): void
  resume(): void
}

/** How much runs, and how much waits. */
export interface MergeMapPausingOptions {
  /**
   * Inner Observables at a time.
   *
   * @default 1
   */
  readonly concurrency?: number | undefined
  /**
   * Values waiting for their turn, from which on the connection is paused; it goes on when half of them are left.
   *
   * @default 1024
   */
  readonly capacity?: number | undefined
}

/**
 * `mergeMap` that pauses the connection while `capacity` values wait: a slow handler stops the socket, not the process's
 * memory. Values keep their order with `concurrency` 1.
 *
 * `project` must not wait for a packet of the same connection, nor of one that waits for this one: it would wait for ever.
 *
 * Errors with what `project` throws or its Observable errors with, and with MqttError `'overflow'` when a source that the
 * pause doesn't hold back puts more than twice `capacity` values in the queue. The pause ends with the subscription.
 *
 * @throws MqttError `'invalid-option'` for a number that is not an integer from 1 on
 * @example
 * ```ts
 * connection.publish$.pipe(mergeMapPausing(connection, packet => store(packet), { concurrency: 4 })).subscribe()
 * ```
 */
export function mergeMapPausing<T, O extends ObservableInput<unknown>>(
  connection: Pausable,
  project: (value: T, index: number) => O,
  options: MergeMapPausingOptions = {},
): OperatorFunction<T, ObservedValueOf<O>> {
  const concurrency = checkOption('concurrency', options.concurrency, 1)
  const capacity = checkOption('capacity', options.capacity, 1024)
  return (source) =>
    new Observable((subscriber) => {
      const queue = new Queue<T>()
      let active = 0
      let index = 0
      let paused = false
      let complete = false
      let starting = false

      const setPaused = (value: boolean): void => {
        if (paused === value) return
        paused = value
        if (value) connection.pause()
        else connection.resume()
      }

      const start = (): void => {
        if (starting) return
        starting = true
        while (active < concurrency && queue.length > 0 && !subscriber.closed) run(queue.shift())
        starting = false
        if (queue.length * 2 <= capacity) setPaused(false)
        if (complete && active === 0 && queue.length === 0) subscriber.complete()
      }

      const run = (value: T): void => {
        active++
        let inner$: Observable<ObservedValueOf<O>>
        try {
          inner$ = from(project(value, index++))
        } catch (error) {
          subscriber.error(error)
          return
        }
        const subscription = inner$.pipe(whileOpen(subscriber)).subscribe({
          next: (result) => subscriber.next(result),
          error: (error: unknown) => subscriber.error(error),
          complete: () => {
            active--
            start()
          },
        })
        subscriber.add(subscription)
        subscription.add(() => subscriber.remove(subscription))
      }

      subscriber.add(() => {
        queue.clear()
        setPaused(false)
      })
      subscriber.add(
        source.pipe(whileOpen(subscriber)).subscribe({
          next: (value) => {
            queue.push(value)
            if (queue.length > 2 * capacity) {
              subscriber.error(new MqttError('overflow', `more than ${2 * capacity} values wait in mergeMapPausing`))
              return
            }
            if (active < concurrency) start()
            if (queue.length >= capacity && !subscriber.closed) setPaused(true)
          },
          error: (error: unknown) => subscriber.error(error),
          complete: () => {
            complete = true
            start()
          },
        }),
      )
    })
}
