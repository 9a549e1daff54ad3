// #region server
import { Connection, type Transport } from '@rxmqtt/core'
import { type ListenTcpOptions, listenTcp } from '@rxmqtt/transports/tcp'
import { catchError, finalize, ignoreElements, map, merge, mergeMap, type Observable, of, tap, timeout } from 'rxjs'
// #endregion
import { isMain } from './main.js'

// #region server
/** Serves until it is unsubscribed, and tells what happens. */
export function serverTcp(options: ListenTcpOptions): Observable<string> {
  return listenTcp(options).pipe(mergeMap((transport) => handle(transport)))
}

/** Talks to one client, which gets its own messages back on the topics that it subscribed to. */
export function handle(transport: Transport): Observable<string> {
  const connection = new Connection(transport, { role: 'server' })
  const topics = new Set<string>()

  return merge(
    connection.connect$.pipe(
      tap(() => connection.connack()),
      map(({ clientId }) => `${clientId} connected`),
    ),
    connection.subscribe$.pipe(
      map(({ messageId, subscriptions }) => {
        for (const { topic } of subscriptions) topics.add(topic)
        connection.suback({ messageId, granted: subscriptions.map(() => 0) })
        return `subscribed to ${[...topics].join(', ')}`
      }),
    ),
    connection.publish$.pipe(
      map(({ topic, payload, qos, messageId = 0 }) => {
        if (qos === 1) connection.puback({ messageId })
        if (qos === 2) connection.pubrec({ messageId })
        if (topics.has(topic)) connection.publish({ topic, payload })
        return `${topic}: ${new TextDecoder().decode(payload)}`
      }),
    ),
    merge(
      connection.pubrel$.pipe(tap(({ messageId }) => connection.pubcomp({ messageId }))),
      connection.pingreq$.pipe(tap(() => connection.pingresp())),
      connection.received$.pipe(timeout({ each: 300_000 })),
    ).pipe(ignoreElements()),
    connection.closed$,
  ).pipe(
    catchError((error: Error) => of(`lost a client: ${error.message}`)),
    finalize(() => connection.destroy()),
  )
}
// #endregion

if (isMain(import.meta.url)) {
  // #region server
  serverTcp({ host: '127.0.0.1', port: 1883 }).subscribe({
    next: (line) => console.log(line),
    error: (error: Error) => console.error(error.message),
  })
  // #endregion
}
