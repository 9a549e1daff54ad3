import { listenTcp } from '@rxmqtt/transports/tcp'
import { listenTls } from '@rxmqtt/transports/tls'
import { listenWs } from '@rxmqtt/transports/ws'
import { merge, Subject, takeUntil } from 'rxjs'
import { createDemoServer, type DemoEvent } from '../src/demo-server.js'
import { type Heard, hear, host, portTold } from './helpers.js'
import { fixture } from './processes.js'

export interface Served {
  readonly ports: Readonly<Record<'tcp' | 'tls' | 'ws' | 'wss', number>>
  readonly events: Heard<DemoEvent>
  /** Says goodbye, and waits until all is closed. */
  stop(): Promise<void>
}

/** The demo server on every transport. */
export async function serveEverywhere(): Promise<Served> {
  const told = { tcp: portTold(), tls: portTold(), ws: portTold(), wss: portTold() }
  const tls = { cert: fixture('server.pem'), key: fixture('server-key.pem') }
  const stop = new Subject<void>()
  const transports$ = merge(
    listenTcp({ host, listening: told.tcp.listening }),
    listenTls({ host, ...tls, listening: told.tls.listening }),
    listenWs({ host, path: '/mqtt', listening: told.ws.listening }),
    listenWs({ host, path: '/mqtt', tls, listening: told.wss.listening }),
  ).pipe(takeUntil(stop))
  const events = hear(transports$.pipe(createDemoServer().serve(stop)))
  const [tcp, tls_, ws, wss] = await Promise.all([told.tcp.port, told.tls.port, told.ws.port, told.wss.port])
  const stopped = async (): Promise<void> => {
    stop.next()
    await events.done
  }
  return { ports: { tcp, tls: tls_, ws, wss }, events, stop: stopped }
}

/** What went wrong at the server, peer by peer. */
export function failures(events: Heard<DemoEvent>): string[] {
  return events.values.flatMap((event) => (event.type === 'closed' && event.error ? [event.error.message] : []))
}
