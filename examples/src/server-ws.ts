import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { listenWs } from '@rxmqtt/transports/ws'
import { defer, finalize, mergeMap, type NextObserver, type Observable } from 'rxjs'
import { isMain } from './main.js'
import { handle } from './server-tcp.js'

export interface ServerWsOptions {
  readonly host?: string | undefined
  readonly port?: number | undefined
  /** Told the address when it listens. */
  readonly listening?: NextObserver<AddressInfo | string> | undefined
}

/** An http server that answers plain requests and speaks MQTT over WebSocket on `/mqtt`, until it is unsubscribed. */
export function serverWs({ host, port = 0, listening }: ServerWsOptions): Observable<string> {
  return defer(() => {
    const http = createServer((_request, response) => {
      response.end('MQTT is at /mqtt\n')
    })
    http.listen(port, host)
    return listenWs({ server: http, path: '/mqtt', listening }).pipe(
      mergeMap((transport) => handle(transport)),
      finalize(() => http.close()),
    )
  })
}

if (isMain(import.meta.url)) {
  serverWs({
    host: '127.0.0.1',
    port: 8080,
    listening: { next: () => console.log('http://127.0.0.1:8080/ and ws://127.0.0.1:8080/mqtt') },
  }).subscribe({
    next: (line) => console.log(line),
    error: (error: Error) => console.error(error.message),
  })
}
