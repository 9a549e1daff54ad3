import { Connection, handshake, Session } from '@rxmqtt/core'
import { connectTcp } from '@rxmqtt/transports/tcp'
import { switchMap, tap } from 'rxjs'
import { topic } from '../frames.js'
import { host } from './peer.js'
import type { TripClient, TripOrder } from './trips.js'

/** A session over one connection. */
export function dial({ port, version, qos, payload, window }: TripOrder): Promise<TripClient> {
  const session = new Session({ receiveMaximum: window, maxQueued: 0 })
  const connect = { clientId: 'trips', clean: true, protocolVersion: version }
  const bytes = new Uint8Array(payload).fill(0x78)
  const message = { topic, payload: bytes, qos }
  let connection: Connection
  return new Promise((resolve, reject) => {
    const ended = new Promise<void>((over) => {
      const client: TripClient = {
        publish: (onAcknowledged) => session.publish(message).subscribe({ next: onAcknowledged, error: reject }),
        end: () => {
          connection.disconnect()
          return ended
        },
      }
      connectTcp({ host, port })
        .pipe(
          switchMap((transport) => {
            connection = new Connection(transport, { role: 'client' })
            return handshake(connection, connect).pipe(
              tap(() => queueMicrotask(() => resolve(client))),
              switchMap((connack) => session.attach(connection, { connect, connack })),
            )
          }),
        )
        .subscribe({ error: reject, complete: over })
    })
  })
}
