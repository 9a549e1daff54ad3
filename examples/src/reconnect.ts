// #region reconnect
import { Connection, type Transport } from '@rxmqtt/core'
import { merge, type Observable, retry, switchMap, timer } from 'rxjs'

/** Works over a connection, and dials again when it could not be opened or broke: after 1, 2, 4, … 60 seconds. */
export function reconnecting<T>(
  dial$: Observable<Transport>,
  work: (connection: Connection) => Observable<T>,
): Observable<T> {
  return dial$.pipe(
    switchMap((transport) => {
      const connection = new Connection(transport, { role: 'client' })
      return merge(work(connection), connection.closed$)
    }),
    retry({ delay: (_error, attempt) => timer(Math.min(500 * 2 ** attempt, 60_000)), resetOnSuccess: true }),
  )
}
// #endregion
