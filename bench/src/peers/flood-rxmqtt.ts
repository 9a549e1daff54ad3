import type { AddressInfo } from 'node:net'
import { Connection, handshake, type QoS, serve, Session } from '@rxmqtt/core'
import { connectTcp, listenTcp } from '@rxmqtt/transports/tcp'
import { merge, of, switchMap, tap } from 'rxjs'
import { topic } from '../frames.js'
import { type Flood, flooded, type FloodOrder } from './flood.js'
import { host } from './peer.js'

let received = 0

function listen(): Promise<number> {
  return new Promise((resolve, reject) => {
    const listening = { next: (address: AddressInfo | string) => resolve((address as AddressInfo).port) }
    listenTcp({ host, listening })
      .pipe(
        serve(
          (connection, accepted) => {
            const session = new Session()
            return merge(session.attach(connection, accepted), session.messages$.pipe(tap(() => received++)))
          },
          { authorize: () => of({}) },
        ),
      )
      .subscribe({ error: reject })
  })
}

function send(order: FloodOrder): Promise<number> {
  const { port, payload, window } = order
  const session = new Session({ receiveMaximum: window, maxQueued: window })
  const connect = { clientId: 'flood', clean: true }
  const bytes = new Uint8Array(payload).fill(0x78)
  return new Promise((resolve, reject) => {
    const publish = (qos: QoS, next: () => void): void => {
      session.publish({ topic, payload: bytes, qos }).subscribe({ next, error: reject })
    }
    const run = async (connection: Connection): Promise<void> => {
      const seconds = await flooded(order, publish)
      connection.disconnect()
      resolve(seconds)
    }
    connectTcp({ host, port })
      .pipe(
        switchMap((transport) => {
          const connection = new Connection(transport, { role: 'client' })
          return handshake(connection, connect).pipe(
            tap(() => queueMicrotask(() => void run(connection))),
            switchMap((connack) => session.attach(connection, { connect, connack })),
          )
        }),
      )
      .subscribe({ error: reject })
  })
}

export const flood: Flood = { listen, send, received: () => received }
