// The page that every bundler builds. It says nothing by itself: the test calls what it puts on the window.
import { Connection, handshake, type ProtocolVersion, type QoS, Session } from '@rxmqtt/core'
import { connectWebSocket } from '@rxmqtt/transports/websocket'
import { concat, ignoreElements, lastValueFrom, map, merge, switchMap, take, tap, toArray } from 'rxjs'

/** A message that came back, with its payload as text, or as a count and a sum where it is long. */
export type Received = readonly [topic: string, qos: QoS, payload: string]

// A message over 4 KiB takes mosquitto a tenth of a second for each 4 KiB.
const long = Uint8Array.from({ length: 10_000 }, (_, i) => (i * 31) % 251)
const messages: readonly (readonly [topic: string, qos: QoS, payload: string | Uint8Array])[] = [
  ['page/0', 0, 'grüße'],
  ['page/1', 1, ''],
  ['page/2', 2, 'zwei'],
  ['page/long', 2, long],
]

/** Subscribes to what it publishes, with every quality of service, and says goodbye when all came back. */
export function talk(url: string, protocolVersion: ProtocolVersion): Promise<Received[]> {
  const session = new Session()
  const connect = {
    clientId: `page-${protocolVersion}`,
    protocolVersion,
    ...(protocolVersion === 5 && { properties: session.properties }),
  }
  const publishing$ = concat(
    session.subscribe({ subscriptions: [{ topic: 'page/#', qos: 2 }] }),
    merge(...messages.map(([topic, qos, payload]) => session.publish({ topic, qos, payload }))),
  ).pipe(ignoreElements())
  const received$ = session.messages$.pipe(
    take(messages.length),
    map(({ packet }): Received => [packet.topic, packet.qos, shown(packet.payload)]),
  )
  return lastValueFrom(
    connectWebSocket(url).pipe(
      map((transport) => new Connection(transport, { role: 'client' })),
      switchMap((connection) =>
        handshake(connection, connect).pipe(
          switchMap((connack) =>
            merge(
              session.attach(connection, { connect, connack }),
              merge(received$, publishing$).pipe(tap({ complete: () => connection.disconnect() })),
            ),
          ),
        ),
      ),
      toArray(),
    ),
  )
}

function shown(payload: Uint8Array): string {
  if (payload.length < 100) return new TextDecoder().decode(payload)
  return `${payload.length} bytes, sum ${payload.reduce((sum, byte) => sum + byte, 0)}`
}

Object.assign(globalThis, { talk })
