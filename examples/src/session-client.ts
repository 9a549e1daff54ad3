// #region client
import { Connection, type ConnectFields, handshake, Session } from '@rxmqtt/core'
import { type ConnectTcpOptions, connectTcp } from '@rxmqtt/transports/tcp'
import { concat, ignoreElements, map, merge, type Observable, switchMap, take, tap } from 'rxjs'
// #endregion
import { isMain } from './main.js'

// #region client
/** Dials, greets itself, and tells what happens. It completes after the goodbye, and errors where the connection broke. */
export function sessionClient(options: ConnectTcpOptions): Observable<string> {
  const session = new Session()
  const connect: ConnectFields = { clientId: 'first-client', protocolVersion: 5, properties: session.properties }
  return connectTcp(options).pipe(
    map((transport) => new Connection(transport, { role: 'client' })),
    switchMap((connection) =>
      handshake(connection, connect).pipe(
        switchMap((connack) => {
          const heard$ = session.messages$.pipe(
            map(({ packet }) => `heard ${new TextDecoder().decode(packet.payload)}`),
          )
          const greeting$ = concat(
            session.subscribe({ subscriptions: [{ topic: 'greetings', qos: 1 }] }),
            session.publish({ topic: 'greetings', payload: 'hello', qos: 1 }),
          ).pipe(ignoreElements())
          return merge(
            session.attach(connection, { connect, connack }),
            merge(heard$, greeting$).pipe(
              take(1),
              tap(() => connection.disconnect()),
            ),
          )
        }),
      ),
    ),
  )
}
// #endregion

if (isMain(import.meta.url)) {
  // #region client
  sessionClient({ host: '127.0.0.1', port: 1883 }).subscribe({
    next: (line) => console.log(line),
    error: (error: Error) => console.error(error.message),
  })
  // #endregion
}
