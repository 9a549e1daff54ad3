// #region client
import { Connection, MqttError, type Transport } from '@rxmqtt/core'
import { type ConnectTcpOptions, connectTcp } from '@rxmqtt/transports/tcp'
import { map, merge, type Observable, switchMap, take, tap } from 'rxjs'
// #endregion
import { isMain } from './main.js'

// #region client
/** Dials, greets, and tells what happens. It completes after the goodbye, and errors where the connection broke. */
export function clientTcp(options: ConnectTcpOptions): Observable<string> {
  return connectTcp(options).pipe(switchMap((transport) => greet(transport)))
}

function greet(transport: Transport): Observable<string> {
  const connection = new Connection(transport, { role: 'client' })
  const topic = 'greetings'
  connection.connect({ clientId: 'first-client', protocolVersion: 4, clean: true })

  return merge(
    connection.connack$.pipe(
      map(({ returnCode }) => {
        if (returnCode !== 0) throw new MqttError('refused', `the server refused, code ${returnCode}`)
        connection.subscribe({ messageId: 1, subscriptions: [{ topic, qos: 0 }] })
        return 'connected'
      }),
    ),
    connection.suback$.pipe(
      map(() => {
        connection.publish({ messageId: 2, topic, payload: 'hello', qos: 1 })
        return 'subscribed'
      }),
    ),
    merge(
      connection.puback$.pipe(
        take(1),
        map(({ messageId }) => `message ${messageId} arrived at the server`),
      ),
      connection.publish$.pipe(
        take(1),
        map(({ payload }) => `heard ${new TextDecoder().decode(payload)}`),
      ),
    ).pipe(tap({ complete: () => connection.disconnect() })),
    connection.closed$,
  )
}
// #endregion

if (isMain(import.meta.url)) {
  // #region client
  clientTcp({ host: '127.0.0.1', port: 1883 }).subscribe({
    next: (line) => console.log(line),
    error: (error: Error) => console.error(error.message),
  })
  // #endregion
}
