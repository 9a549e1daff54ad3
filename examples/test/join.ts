import {
  Connection,
  type ConnackPacket,
  type ConnectFields,
  handshake,
  keepAlive,
  keepAliveOf,
  type Packet,
  type ProtocolVersion,
  type Session,
  type Transport,
} from '@rxmqtt/core'
import { connectTcp } from '@rxmqtt/transports/tcp'
import { connectTls } from '@rxmqtt/transports/tls'
import { connectWs } from '@rxmqtt/transports/ws'
import { catchError, EMPTY, lastValueFrom, merge, type Observable, switchMap, tap } from 'rxjs'
import { hear, type Heard, host, until } from './helpers.js'
import { fixture, type Listener } from './processes.js'

/** Dials one of our mosquittos, or one of our servers. */
export const dials: Record<Listener, (port: number) => Observable<Transport>> = {
  tcp: (port) => connectTcp({ host, port }),
  tls: (port) => connectTls({ host: 'localhost', port, ca: fixture('ca.pem') }),
  ws: (port) => connectWs(`ws://${host}:${port}/mqtt`),
}

/** CONNECT of a session that outlives its connections, in the terms of the version. */
export function persistent(clientId: string, protocolVersion: ProtocolVersion): ConnectFields {
  const properties = protocolVersion === 5 ? { properties: { sessionExpiryInterval: 3_600 } } : {}
  return { clientId, protocolVersion, clean: false, ...properties }
}

/** One connection of a session, as a client. */
export interface Joined {
  readonly connection: Connection
  readonly connack: ConnackPacket
  /** What it sent. */
  readonly sent: Packet[]
  readonly ended: Heard<never>
  /** Says goodbye. */
  leave(): Promise<void>
  /** Breaks the connection without a word. */
  cut(): Promise<void>
}

/** Dials and opens the conversation; fails where the server refuses. */
export async function join(dial$: Observable<Transport>, connect: ConnectFields, session: Session): Promise<Joined> {
  const sent: Packet[] = []
  let connection: Connection | undefined
  let connack: ConnackPacket | undefined
  const ended = hear(
    dial$.pipe(
      switchMap((transport) => {
        connection = new Connection(transport, { role: 'client' })
        const current = connection
        const work$ = handshake(current, connect).pipe(
          tap((packet) => (connack = packet)),
          switchMap((packet) => {
            const accepted = { connect, connack: packet }
            return merge(session.attach(current, accepted), keepAlive(current, keepAliveOf(accepted)))
          }),
        )
        const seen$ = current.sent$.pipe(
          tap((packet) => sent.push(packet)),
          switchMap(() => EMPTY),
        )
        return merge(seen$, work$)
      }),
    ),
  )
  await until(() => connack !== undefined || ended.end !== 'open', 'CONNACK')
  if (connection === undefined || connack === undefined) throw new Error(ended.end)
  const current = connection
  const over = async (): Promise<void> => {
    await lastValueFrom(current.closed$.pipe(catchError(() => EMPTY)), { defaultValue: undefined })
    ended.subscription.unsubscribe()
  }
  return {
    connection,
    connack,
    sent,
    ended,
    leave: () => {
      current.disconnect()
      return over()
    },
    cut: () => {
      current.destroy()
      return over()
    },
  }
}
