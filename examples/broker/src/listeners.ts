import { type AddressInfo, isIPv6 } from 'node:net'
import { MqttError, type Transport } from '@rxmqtt/core'
import { type ListenTcpOptions, listenTcp } from '@rxmqtt/transports/tcp'
import { listenTls } from '@rxmqtt/transports/tls'
import { listenWs } from '@rxmqtt/transports/ws'
import { catchError, merge, type Observable, throwError } from 'rxjs'
import type { Arguments } from './arguments.js'

type Address = Pick<AddressInfo, 'address' | 'port'>

/**
 * Listens for MQTT over TCP, and where there is a port for them over WebSocket (any path) and TLS.
 *
 * @param listening - told the URL of each, when it is bound
 * @returns The transports of all. Errors with MqttError `'transport'`, one line that names the URL, where one can't listen.
 */
export function listen(
  { host, port, wsPort, tls }: Pick<Arguments, 'host' | 'port' | 'wsPort' | 'tls'>,
  listening: (url: string) => void,
): Observable<Transport> {
  const at = (
    port: number,
    urlOf: (address: Address) => string,
    listener: (options: ListenTcpOptions) => Observable<Transport>,
  ): Observable<Transport> =>
    listener({ host, port, listening: { next: (address) => listening(urlOf(address as AddressInfo)) } }).pipe(
      catchError((error: unknown) => throwError(() => inWords(urlOf({ address: host, port }), error))),
    )
  return merge(
    at(port, (address) => `mqtt://${authority(address)}`, listenTcp),
    ...(wsPort === undefined ? [] : [at(wsPort, (address) => `ws://${authority(address)}/mqtt`, listenWs)]),
    ...(tls === undefined
      ? []
      : [
          at(
            tls.port,
            (address) => `mqtts://${authority(address)}`,
            (options) => listenTls({ ...options, ...tls }),
          ),
        ]),
  )
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use',
  EACCES: 'this user may not listen there',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'there is no such host',
}

function inWords(url: string, error: unknown): MqttError {
  const { cause, message } = error as MqttError
  const { code = '' } = (cause ?? {}) as { code?: string }
  return new MqttError('transport', `can't listen on ${url}: ${reasons[code] ?? message}`, { cause: error })
}

function authority({ address, port }: Address): string {
  return `${isIPv6(address) ? `[${address}]` : address}:${port}`
}
