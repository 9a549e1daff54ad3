// #region websocket
import { backoff, Connection, handshake, keepAlive, type Transport } from '@rxmqtt/core'
import { connectWebSocket } from '@rxmqtt/transports/websocket'
import { map, merge, type Observable, retry, switchMap } from 'rxjs'

/** What arrives on a topic, from a server that is dialled again, later and later, where the connection broke. */
export function live(dial$: Observable<Transport>, topic: string): Observable<string> {
  return dial$.pipe(
    switchMap((transport) => {
      const connection = new Connection(transport, { role: 'client' })
      return handshake(connection, { clientId: '', protocolVersion: 5, keepalive: 30 }).pipe(
        switchMap(() => {
          connection.subscribe({ messageId: 1, subscriptions: [{ topic, qos: 0 }] })
          const values$ = connection.publish$.pipe(map(({ payload }) => new TextDecoder().decode(payload)))
          return merge(values$, keepAlive(connection, 30), connection.closed$)
        }),
      )
    }),
    retry({ delay: backoff(), resetOnSuccess: true }),
  )
}

/** In a page: over the platform's WebSocket. */
export function liveInPage(url: string): Observable<string> {
  return live(connectWebSocket(url), 'sensors/#')
}
// #endregion

// #region worker
import { MqttError } from '@rxmqtt/core'
import { type MessagePortLike, serveMessagePort } from '@rxmqtt/transports/message-port'
import { throwError } from 'rxjs'

/** All of a worker, whose `self` is the port: it dials what a page asks for, and only the servers that it knows. */
export function serveInWorker(port: MessagePortLike, servers: Readonly<Record<string, string>>): Observable<never> {
  return serveMessagePort(port, (request) => {
    const url = servers[String(request)]
    return url === undefined ? throwError(() => new MqttError('refused', 'no such server')) : connectWebSocket(url)
  })
}
// #endregion

// #region page
import { connectMessagePort } from '@rxmqtt/transports/message-port'

/** In the page: the same over the worker, which reads as much as the page does. */
export function liveByWorker(worker: MessagePortLike): Observable<string> {
  return live(connectMessagePort(worker, { request: 'plant' }), 'sensors/#')
}
// #endregion

// #region streams
import { fromWebStreams, type WebStreams } from '@rxmqtt/transports/web-streams'
import { defer, finalize } from 'rxjs'

/** Over a stream of a WebTransport session, or any other that opens when it is asked for. */
export function liveOverStreams(open: () => Promise<WebStreams>): Observable<string> {
  const dial$ = defer(open).pipe(
    switchMap((streams) => {
      const transport = fromWebStreams(streams)
      return merge([transport], transport.closed$).pipe(finalize(() => transport.sink.complete()))
    }),
  )
  return live(dial$, 'sensors/#')
}
// #endregion
