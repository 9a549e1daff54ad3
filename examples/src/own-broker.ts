// #region broker
import type { ServeEvent } from '@rxmqtt/core'
import { openBroker } from '@rxmqtt/example-broker'
import { type ListenTcpOptions, listenTcp } from '@rxmqtt/transports/tcp'
import { catchError, concat, defer, ignoreElements, type Observable, of, switchMap, takeUntil, throwError } from 'rxjs'

/** A broker for who knows the password, until `stop$`: each client publishes below its own name. */
export function ownBroker(
  options: ListenTcpOptions,
  password: string,
  stop$: Observable<unknown>,
): Observable<ServeEvent> {
  const opened$ = defer(() =>
    openBroker({
      authorization: {
        connect: (connect) => of({ reasonCode: new TextDecoder().decode(connect.password) === password ? 0x00 : 0x86 }),
        publish: ({ topic }, { clientId }) => topic.startsWith(`from/${clientId}/`),
      },
    }),
  )
  return opened$.pipe(
    switchMap((broker) => {
      const close$ = defer(() => broker.close()).pipe(ignoreElements())
      const events$ = listenTcp(options).pipe(broker.serve(), takeUntil(stop$))
      return concat(events$, close$).pipe(
        catchError((error: unknown) =>
          concat(
            close$,
            throwError(() => error),
          ),
        ),
      )
    }),
  )
}
// #endregion
