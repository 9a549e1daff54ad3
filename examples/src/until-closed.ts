import type { Connection } from '@rxmqtt/core'
import { endWith, type MonoTypeOperatorFunction, takeUntil } from 'rxjs'

/** Completes with the connection, and errors with what it ended with. */
export function untilClosed<T>(connection: Connection): MonoTypeOperatorFunction<T> {
  return takeUntil(connection.closed$.pipe(endWith(undefined)))
}
