// #region reconnect
import { backoff, Connection, type Transport } from '@rxmqtt/core'
import { merge, type Observable, retry, switchMap } from 'rxjs'

/**
 * Works over a connection, and dials again when it could not be opened or broke: later and later, at most after a minute. What
 * `work` emits says that all is well, and delays start from the first again: let it emit when it is connected.
 */
export function reconnecting<T>(
  dial$: Observable<Transport>,
  work: (connection: Connection) => Observable<T>,
  delay = backoff({ maximum: 60_000 }),
): Observable<T> {
  return dial$.pipe(
    switchMap((transport) => {
      const connection = new Connection(transport, { role: 'client' })
      return merge(work(connection), connection.closed$)
    }),
    retry({ delay, resetOnSuccess: true }),
  )
}
// #endregion
