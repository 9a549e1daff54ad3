import {
  Connection,
  type ConnectPacket,
  type DisconnectReasonCode,
  MqttError,
  onBackpressureBuffer,
  type PublishPacket,
  type PublishProperties,
  ReasonCode,
  type Transport,
  type WillProperties,
} from '@rxmqtt/core'
import {
  catchError,
  concat,
  defer,
  EMPTY,
  endWith,
  finalize,
  ignoreElements,
  merge,
  mergeMap,
  NEVER,
  type Observable,
  of,
  type OperatorFunction,
  Subject,
  switchMap,
  take,
  tap,
  throwError,
  timeout,
} from 'rxjs'
import { untilClosed } from './until-closed.js'
import { Outbox, received } from './qos.js'
import { type Message, Subscriptions } from './subscriptions.js'

/** What happens to a peer: there (nothing was read yet), let in, gone. */
export type DemoEvent =
  | { readonly type: 'opened'; readonly connection: Connection }
  | { readonly type: 'accepted'; readonly connection: Connection; readonly connect: ConnectPacket }
  | { readonly type: 'closed'; readonly connection: Connection; readonly error?: Error | undefined }

export type { Message }

export interface DemoServer {
  /** What peers publish, and what `publish` is given. */
  readonly messages$: Observable<Message>
  /** Sends a message to whom it concerns. */
  publish(message: Message): void
  /** Serves each transport until its end. Unsubscribing cuts all peers; `stop$` says goodbye to them first. */
  serve(stop$?: Observable<unknown>): OperatorFunction<Transport, DemoEvent>
}

/** Milliseconds that a peer has for its CONNECT, and messages that wait for a slow one. */
const connectTimeout = 10_000
const maximumQueued = 1_000

/**
 * A small MQTT server in memory, made of the toolkit: topics, QoS 0, 1 and 2, wills, keep-alive and take-over of client
 * ids, in MQTT 3.1, 3.1.1 and 5. It keeps nothing: no sessions, no retained messages, no shared subscriptions.
 */
export function createDemoServer(): DemoServer {
  const messages = new Subject<Message>()
  const clients = new Map<string, Connection>()
  let assigned = 0

  function accept(connection: Connection, connect: ConnectPacket): string {
    const clientId = connect.clientId || `anonymous-${(assigned += 1)}`
    const before = clients.get(clientId)
    if (before !== undefined) goodbye(before, true, ReasonCode.SessionTakenOver)
    clients.set(clientId, connection)
    if (connect.protocolVersion < 5) {
      connection.connack({ returnCode: 0 })
      return clientId
    }
    connection.connack({
      reasonCode: ReasonCode.Success,
      properties: {
        sessionExpiryInterval: 0,
        retainAvailable: false,
        sharedSubscriptionAvailable: false,
        subscriptionIdentifiersAvailable: false,
        ...(connect.clientId === '' ? { assignedClientIdentifier: clientId } : {}),
      },
    })
    return clientId
  }

  /** All that an accepted peer does until it is gone. */
  function converse(connection: Connection, connect: ConnectPacket): Observable<never> {
    const clientId = accept(connection, connect)
    const subscriptions = new Subscriptions(connection)
    const outbox = new Outbox(connection, connect.properties?.receiveMaximum)
    let { will } = connect

    const incoming$ = received(connection).pipe(tap((packet) => messages.next(checked(packet, connection))))
    const outgoing$ = messages.pipe(
      mergeMap((message) => subscriptions.delivery(message)),
      onBackpressureBuffer(outbox, { capacity: maximumQueued, overflow: 'error' }),
      tap((fields) => outbox.publish(fields)),
    )
    const requests$ = merge(
      connection.subscribe$.pipe(tap((packet) => subscriptions.add(packet))),
      connection.unsubscribe$.pipe(tap((packet) => subscriptions.remove(packet))),
      connection.pingreq$.pipe(tap(() => connection.pingresp())),
      connection.disconnect$.pipe(
        tap(({ reasonCode }) => {
          if (reasonCode !== ReasonCode.DisconnectWithWillMessage) will = undefined
        }),
      ),
    )
    return merge(incoming$, outgoing$, requests$, outbox.handshakes$, alive(connection, connect.keepalive)).pipe(
      ignoreElements(),
      finalize(() => {
        if (clients.get(clientId) === connection) clients.delete(clientId)
        if (will !== undefined) messages.next({ ...will, properties: withoutDelay(will.properties ?? {}) })
      }),
    )
  }

  function peer(transport: Transport, stop$: Observable<unknown>): Observable<DemoEvent> {
    const connection = new Connection(transport, { role: 'server' })
    let accepted = false
    const conversation$ = connection.connect$.pipe(
      timeout({ first: connectTimeout, with: () => throwError(() => tooLate('no CONNECT')) }),
      take(1),
      switchMap((connect) => {
        if (connect.properties?.authenticationMethod !== undefined) {
          connection.connack({ reasonCode: ReasonCode.BadAuthenticationMethod })
          return EMPTY
        }
        accepted = true
        return merge(of<DemoEvent>({ type: 'accepted', connection, connect }), converse(connection, connect))
      }),
    )
    const stopped$ = stop$.pipe(
      tap(() => goodbye(connection, accepted, ReasonCode.ServerShuttingDown)),
      ignoreElements(),
    )
    return concat(
      of<DemoEvent>({ type: 'opened', connection }),
      merge(conversation$, stopped$).pipe(untilClosed(connection)),
      of<DemoEvent>({ type: 'closed', connection }),
    ).pipe(
      catchError((error: Error) => {
        goodbye(connection, accepted, reasonOf(error))
        return connection.closed$.pipe(
          catchError(() => EMPTY),
          endWith<DemoEvent>({ type: 'closed', connection, error }),
        )
      }),
      tap({ unsubscribe: () => connection.destroy() }),
    )
  }

  return {
    messages$: messages.asObservable(),
    publish: (message) => messages.next(message),
    serve: (stop$ = NEVER) => mergeMap((transport) => defer(() => peer(transport, stop$))),
  }
}

/** Errors when the peer says nothing for one and a half times its keep-alive [MQTT-3.1.2-22]. */
function alive(connection: Connection, keepalive: number): Observable<never> {
  if (keepalive === 0) return EMPTY
  const limit = keepalive * 1_500
  return connection.received$.pipe(
    timeout({ first: limit, each: limit, with: () => throwError(() => tooLate('nothing')) }),
    ignoreElements(),
  )
}

function tooLate(what: string): MqttError {
  return new MqttError('timeout', `${what} came in time`, { reasonCode: ReasonCode.KeepAliveTimeout })
}

/** The message of a PUBLISH, where this server takes it. */
function checked(packet: PublishPacket, from: Connection): Message {
  const { topic, payload, qos, retain, properties } = packet
  if (properties?.topicAlias !== undefined) {
    throw new MqttError('protocol-error', 'topic aliases were not offered', {
      reasonCode: ReasonCode.TopicAliasInvalid,
    })
  }
  if (retain && from.protocol.version === 5) {
    throw new MqttError('protocol-error', 'retain was not offered', { reasonCode: ReasonCode.RetainNotSupported })
  }
  return { topic, payload, qos, retain, properties, from }
}

/** A will waits for nothing here: sessions end with their connection. */
function withoutDelay({ willDelayInterval: _, ...properties }: WillProperties): PublishProperties {
  return properties
}

/** Ends a connection, in MQTT 5 with the reason where it was accepted. */
function goodbye(connection: Connection, accepted: boolean, reasonCode: DisconnectReasonCode): void {
  if (accepted && connection.protocol.version === 5) connection.disconnect({ reasonCode })
  connection.end()
}

/** What the peer is told of an error: nothing exact of one that is no MqttError, a fault of the server. */
function reasonOf(error: Error): DisconnectReasonCode {
  if (!(error instanceof MqttError)) return ReasonCode.UnspecifiedError
  if (error.code === 'overflow') return ReasonCode.QuotaExceeded
  return (error.reasonCode ?? ReasonCode.UnspecifiedError) as DisconnectReasonCode
}
