import type { ServeEvent } from '@rxmqtt/core'
import { listenTcp } from '@rxmqtt/transports/tcp'
import { listenTls } from '@rxmqtt/transports/tls'
import { listenWs } from '@rxmqtt/transports/ws'
import { merge } from 'rxjs'
import { createSessionServer, type SessionServer, type SessionServerOptions } from '../src/session-server.js'
import { hear, type Heard, host, portTold } from './helpers.js'
import { fixture, type Listener } from './processes.js'

export interface ServedSessions {
  readonly server: SessionServer
  readonly ports: Readonly<Record<Listener, number>>
  readonly events: Heard<ServeEvent>
  /** Says goodbye to all. */
  stop(): Promise<void>
}

/** The server with sessions, on TCP, TLS and WebSocket. */
export async function serveSessions(options?: SessionServerOptions): Promise<ServedSessions> {
  const told = { tcp: portTold(), tls: portTold(), ws: portTold() }
  const tls = { cert: fixture('server.pem'), key: fixture('server-key.pem') }
  const server = createSessionServer(options)
  const transports$ = merge(
    listenTcp({ host, listening: told.tcp.listening }),
    listenTls({ host, ...tls, listening: told.tls.listening }),
    listenWs({ host, path: '/mqtt', listening: told.ws.listening }),
  )
  const events = hear(transports$.pipe(server.serve()))
  const [tcp, tls_, ws] = await Promise.all([told.tcp.port, told.tls.port, told.ws.port])
  return {
    server,
    ports: { tcp, tls: tls_, ws },
    events,
    stop: async () => {
      events.subscription.unsubscribe()
    },
  }
}

/** What went wrong at the server, peer by peer. */
export function faults(events: Heard<ServeEvent>): string[] {
  return events.values.flatMap((event) =>
    'error' in event ? [`${event.type} ${(event.error as Error | undefined)?.message}`] : [],
  )
}

/** How many clients were let in. */
export function opened(events: Heard<ServeEvent>): number {
  return events.values.filter(({ type }) => type === 'opened').length
}

export function closed(events: Heard<ServeEvent>): number {
  return events.values.filter(({ type }) => type === 'closed').length
}
