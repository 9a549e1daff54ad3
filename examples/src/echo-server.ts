// #region server
import { type AcceptedClient, answerSubscribe, type Connection, serve, type ServeEvent, Session } from '@rxmqtt/core'
import { type ListenTcpOptions, listenTcp } from '@rxmqtt/transports/tcp'
import { merge, mergeMap, type Observable, of } from 'rxjs'
// #endregion
import { isMain } from './main.js'

// #region server
/** Serves until it is unsubscribed, and tells what becomes of each client. */
export function echoServer(options: ListenTcpOptions): Observable<ServeEvent> {
  // The limits of each session, for MQTT 5 clients; others are not told.
  const { properties } = new Session()
  return listenTcp(options).pipe(serve(echo, { authorize: () => of({ reasonCode: 0, properties }) }))
}

/** Gives one client its own messages back. */
function echo(connection: Connection, accepted: AcceptedClient): Observable<unknown> {
  const session = new Session()
  return merge(
    session.attach(connection, accepted),
    answerSubscribe(connection, ({ qos }) => qos),
    session.messages$.pipe(mergeMap(({ packet: { topic, payload, qos } }) => session.publish({ topic, payload, qos }))),
  )
}
// #endregion

if (isMain(import.meta.url)) {
  // #region server
  echoServer({ host: '127.0.0.1', port: 1883 }).subscribe({
    next: (event) => console.log(event.type, event.connect?.clientId),
    error: (error: Error) => console.error(error.message),
  })
  // #endregion
}
