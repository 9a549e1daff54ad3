import {
  Connection,
  type ConnackPacket,
  type ConnectFields,
  MqttError,
  type PublishFields,
  type PublishPacket,
  type QoS,
  type SubackPacket,
  type Transport,
} from '@rxmqtt/core'
import {
  defer,
  EMPTY,
  filter,
  ignoreElements,
  interval,
  map,
  merge,
  type Observable,
  share,
  switchMap,
  take,
  tap,
} from 'rxjs'
import { Outbox, received } from './qos.js'
import { untilClosed } from './until-closed.js'

/** What a client that was let in can do. */
export interface DemoClient {
  readonly connection: Connection
  readonly connack: ConnackPacket
  /** Each message once; acknowledged when it arrives. */
  readonly messages$: Observable<PublishPacket>
  /** Asks for messages, and emits the answer. */
  readonly subscribe: (topic: string, qos: QoS) => Observable<SubackPacket>
  /** Sends a message, and completes when the server has it: with QoS 0, at once. */
  readonly publish: (fields: Omit<PublishFields, 'messageId'>) => Observable<never>
}

/**
 * Dials, connects, does the work, and says goodbye when the work is done: then completes. Errors when the server refuses,
 * the work errors, or the connection breaks; `retry` dials again. Unsubscribing hangs up without a goodbye.
 */
export function demoClient<T>(
  dial$: Observable<Transport>,
  fields: ConnectFields,
  work: (client: DemoClient) => Observable<T>,
): Observable<T> {
  return dial$.pipe(
    switchMap((transport) => {
      const connection = new Connection(transport, { role: 'client' })
      const work$ = connection.connack$.pipe(
        take(1),
        map(accepted),
        switchMap((connack) => {
          const outbox = new Outbox(connection, connack.properties?.receiveMaximum)
          const seconds = connack.properties?.serverKeepAlive ?? fields.keepalive ?? 0
          const background$ = merge(outbox.handshakes$, pings(connection, seconds)).pipe(ignoreElements())
          const done$ = work(clientOf(connection, connack, outbox)).pipe(
            tap({ complete: () => connection.disconnect() }),
          )
          return merge(background$, done$)
        }),
      )
      connection.connect(fields)
      return merge(work$, connection.closed$).pipe(untilClosed(connection))
    }),
  )
}

function accepted(connack: ConnackPacket): ConnackPacket {
  const { returnCode = 0, reasonCode = 0 } = connack
  if (returnCode === 0 && reasonCode === 0) return connack
  throw new MqttError('refused', `the server refused: code ${returnCode || reasonCode}`, connack)
}

function pings(connection: Connection, seconds: number): Observable<unknown> {
  return seconds === 0 ? EMPTY : interval(seconds * 500).pipe(tap(() => connection.pingreq()))
}

function clientOf(connection: Connection, connack: ConnackPacket, outbox: Outbox): DemoClient {
  let requests = 0
  return {
    connection,
    connack,
    messages$: received(connection).pipe(share()),
    subscribe: (topic, qos) =>
      defer(() => {
        const messageId = (requests = (requests % 65_535) + 1)
        const answer$ = connection.suback$.pipe(
          filter((suback) => suback.messageId === messageId),
          take(1),
        )
        connection.subscribe({ messageId, subscriptions: [{ topic, qos }] })
        return answer$
      }),
    publish: (message) =>
      defer((): Observable<never> => {
        const messageId = outbox.publish(message)
        if (messageId === undefined) return EMPTY
        return outbox.delivered$.pipe(
          filter((id) => id === messageId),
          take(1),
          ignoreElements(),
        )
      }),
  }
}
