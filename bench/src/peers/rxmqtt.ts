import { performance } from 'node:perf_hooks'
import { Connection } from '@rxmqtt/core'
import { connectTcp } from '@rxmqtt/transports/tcp'
import { filter, firstValueFrom, map, type Observable, switchMap } from 'rxjs'
import { topic } from '../frames.js'
import type { Speed } from '../measure.js'
import { host, Meter, type Order, type Peer, publishFor, type ReceiveOrder, type Sent } from './peer.js'

function dial(port: number): Observable<Connection> {
  return connectTcp({ host, port }).pipe(map((transport) => new Connection(transport)))
}

async function receive(order: ReceiveOrder): Promise<Speed> {
  const meter = new Meter(order)
  const start = (connection: Connection): void => {
    const others: Observable<unknown>[] = [connection.puback$, connection.pingresp$, connection.disconnect$]
    for (const stream$ of others.slice(0, (order.streams ?? 1) - 1)) stream$.subscribe(unexpected)
    connection.publish$.subscribe(({ payload }) => meter.count(payload))
    connection.connect({ clientId: `feed-${order.payload}` })
  }
  const dialled = dial(order.port).subscribe(start)
  const speed = await meter.done
  dialled.unsubscribe()
  return speed
}

function unexpected(): void {
  throw new Error('only PUBLISH is sent')
}

async function send(order: Order): Promise<Sent> {
  const accepted$ = dial(order.port).pipe(
    switchMap((connection) => {
      connection.connect({ clientId: 'drain' })
      return connection.connack$.pipe(map(() => connection))
    }),
  )
  // The dial owns the connection: it is kept until all is sent.
  return new Promise((resolve, reject) => {
    const publish = async (connection: Connection): Promise<void> => {
      resolve(await publishTo(connection, order))
      dialled.unsubscribe()
    }
    const dialled = accepted$.subscribe({ next: (connection) => void publish(connection).catch(reject), error: reject })
  })
}

function publishTo(connection: Connection, order: Order): Promise<Sent> {
  const payload = new Uint8Array(order.payload).fill(0x78)
  return publishFor(
    order,
    () => connection.publish({ topic, payload }),
    () => firstValueFrom(connection.writable$.pipe(filter(Boolean))),
  )
}

async function first(order: Order): Promise<number> {
  const began = performance.now()
  const publish$ = dial(order.port).pipe(
    switchMap((connection) => {
      connection.connect({ clientId: `one-${order.payload}` })
      return connection.publish$
    }),
  )
  await firstValueFrom(publish$)
  return performance.now() - began
}

export const peer: Peer = { receive, send, first }
