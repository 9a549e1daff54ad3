import { Connection, type Packet, type Transport } from '@rxmqtt/core'
import { connectTcp } from '@rxmqtt/transports/tcp'
import { ignoreElements, map, merge, type Observable, switchMap, tap } from 'rxjs'
import { describe } from './describe.js'
import { isMain } from './main.js'
import { untilClosed } from './until-closed.js'

/** A packet seen on a connection, and which way it went. */
export interface Seen {
  readonly way: 'in' | 'out'
  readonly packet: Packet
}

// #region wiretap
/** Every packet of a connection, both ways. It only looks on: a connection that nobody reads stays unread. */
export function wiretap(connection: Connection): Observable<Seen> {
  return merge(
    connection.received$.pipe(map((packet): Seen => ({ way: 'in', packet }))),
    connection.sent$.pipe(map((packet): Seen => ({ way: 'out', packet }))),
  )
}
// #endregion

/** The same, a line each. */
export function wiretapLines(connection: Connection): Observable<string> {
  return wiretap(connection).pipe(map(({ way, packet }) => `${way === 'in' ? '<--' : '-->'} ${describe(packet)}`))
}

/** Subscribes to topics of a server, and tells every packet of that connection. */
export function listenIn(dial$: Observable<Transport>, topic: string): Observable<string> {
  return dial$.pipe(
    switchMap((transport) => {
      const connection = new Connection(transport, { role: 'client' })
      const talk$ = merge(
        connection.connack$.pipe(tap(() => connection.subscribe({ messageId: 1, subscriptions: [{ topic, qos: 0 }] }))),
        connection.publish$,
      )
      const lines$ = merge(wiretapLines(connection), talk$.pipe(ignoreElements())).pipe(untilClosed(connection))
      connection.connect({ clientId: `wiretap-${process.pid}` })
      return lines$
    }),
  )
}

if (isMain(import.meta.url)) {
  const [, , port = '1883', topic = '#'] = process.argv
  listenIn(connectTcp({ host: '127.0.0.1', port: Number(port) }), topic).subscribe({
    next: (line) => console.log(line),
    error: (error: Error) => console.error(error.message),
  })
}
