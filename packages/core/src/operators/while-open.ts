import { type MonoTypeOperatorFunction, type Subscriber, takeWhile } from 'rxjs'

/** Lets a source that emits inside `subscribe` see that nobody listens any more: its teardown is not there yet. */
export function whileOpen<T>(subscriber: Subscriber<unknown>): MonoTypeOperatorFunction<T> {
  return takeWhile(() => !subscriber.closed)
}
