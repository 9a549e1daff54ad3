import {
  answerSubscribe,
  answerUnsubscribe,
  type AcceptedClient,
  type Authorize,
  type ClosedEvent,
  type Connection,
  type ConnectPacket,
  type Message,
  type MqttError,
  type QoS,
  serve,
  type ServeEvent,
  type ServeOptions,
  Session,
  type SubackReasonCode,
  type Subscription as Wish,
  TopicTree,
  type Transport,
} from '@rxmqtt/core'
import {
  catchError,
  EMPTY,
  merge,
  mergeMap,
  type Observable,
  of,
  type OperatorFunction,
  Subject,
  Subscription,
  tap,
  throwError,
} from 'rxjs'

/** What one client identifier has here, also while it is away. */
interface Client {
  readonly session: Session
  readonly subscribed: Map<string, Subscribed>
  readonly outbox: Subject<Message>
  readonly delivering: Subscription
  /** Undefined while it is away. */
  connection: Connection | undefined
  /** Milliseconds since the epoch, while it is away. */
  expiresAt: number
}

interface Subscribed {
  readonly client: Client
  readonly wish: Wish
}

export interface SessionServer {
  /** What clients publish. */
  readonly messages$: Observable<Message>
  /** Sends a message to whom it concerns: at once, or when that client is back. */
  publish(message: Message): void
  /** Serves each transport until its end; sessions live on, as long as the SessionServer. */
  serve(): OperatorFunction<Transport, ServeEvent>
}

export type SessionServerOptions = Omit<ServeOptions, 'authorize'>

/** Filters that one client may have. */
const maximumFilters = 100
const forever = 0xffff_ffff
/** Of every session here. Clients are told; before MQTT 5 that is left out. */
const { properties: limits } = new Session()

/**
 * A small MQTT server with sessions, in memory: all QoS levels, persistent sessions, wills, keep-alive, take-over, in MQTT 3.1,
 * 3.1.1 and 5. It has no retained messages, no shared subscriptions and no will delay, and says so to MQTT 5 clients. A session
 * that has expired is forgotten when somebody comes across it.
 */
export function createSessionServer(options: SessionServerOptions = {}): SessionServer {
  const messages = new Subject<Message>()
  const clients = new Map<string, Client>()
  const tree = new TopicTree<Subscribed>()

  const authorize: Authorize = ({ clientId, clean }) =>
    of({
      reasonCode: 0,
      sessionPresent: !clean && known(clientId) !== undefined,
      properties: {
        ...limits,
        retainAvailable: false,
        sharedSubscriptionAvailable: false,
        subscriptionIdentifiersAvailable: false,
      },
    })

  // #region handle
  function handle(connection: Connection, accepted: AcceptedClient): Observable<unknown> {
    const { clientId, clean } = accepted.connect
    const client = known(clientId) ?? newClient(clientId)
    if (clean) unsubscribeAll(client)
    client.connection = connection
    return merge(
      client.session.attach(connection, accepted),
      answerSubscribe(connection, (wish) => grant(client, wish)),
      answerUnsubscribe(connection, (filter) => (unsubscribe(client, filter) ? 0x00 : 0x11)),
    ).pipe(
      catchError((error: unknown) =>
        // Taken over by a later connection, or the client's own goodbye with a reason: no failure of this server.
        (error as MqttError).code === 'disconnected' ? EMPTY : throwError(() => error),
      ),
    )
  }
  // #endregion

  function known(clientId: string): Client | undefined {
    const client = clients.get(clientId)
    if (client !== undefined && client.connection === undefined && client.expiresAt <= Date.now()) {
      forget(clientId, client)
      return undefined
    }
    return client
  }

  function newClient(clientId: string): Client {
    const session = new Session({ overflow: 'drop-oldest' })
    const outbox = new Subject<Message>()
    const delivering = new Subscription()
    const client = { session, outbox, delivering, subscribed: new Map(), connection: undefined, expiresAt: 0 }
    // As long as the session, and not as a connection: the next one may be there before the last one is gone.
    const received$ = session.messages$.pipe(tap(({ packet }) => publish(packet, client)))
    const sent$ = outbox.pipe(mergeMap((message) => session.publish(message).pipe(catchError(() => EMPTY))))
    delivering.add(merge(received$, sent$).subscribe())
    clients.set(clientId, client)
    return client
  }

  function forget(clientId: string, client: Client): void {
    unsubscribeAll(client)
    client.delivering.unsubscribe()
    clients.delete(clientId)
  }

  function grant(client: Client, wish: Wish): SubackReasonCode {
    const { topic, qos } = wish
    if (topic.startsWith('$share/')) return 0x9e
    if (client.subscribed.size >= maximumFilters && !client.subscribed.has(topic)) return 0x97
    const subscribed = { client, wish }
    tree.add(topic, subscribed)
    unsubscribe(client, topic)
    client.subscribed.set(topic, subscribed)
    return qos
  }

  function unsubscribe(client: Client, filter: string): boolean {
    const subscribed = client.subscribed.get(filter)
    if (subscribed === undefined) return false
    tree.remove(filter, subscribed)
    return client.subscribed.delete(filter)
  }

  function unsubscribeAll(client: Client): void {
    for (const filter of [...client.subscribed.keys()]) unsubscribe(client, filter)
  }

  /** Each client gets a message once, with the highest QoS that the message and its filters allow. */
  function publish(message: Message, from?: Client): void {
    messages.next(message)
    const wishes = new Map<Client, { qos: QoS; rap: boolean }>()
    for (const { client, wish } of tree.match(message.topic)) {
      if (wish.nl === true && client === from) continue
      const { qos, rap } = wishes.get(client) ?? { qos: 0, rap: false }
      wishes.set(client, { qos: Math.max(qos, wish.qos) as QoS, rap: rap || wish.rap === true })
    }
    for (const [client, wish] of wishes) {
      const qos = Math.min(wish.qos, message.qos ?? 0) as QoS
      if (qos === 0 && client.connection === undefined) continue
      const { topic, payload, properties } = message
      client.outbox.next({ topic, payload, properties, qos, retain: wish.rap && message.retain === true })
    }
  }

  /** The will of a client that did not say goodbye, and the end of its session. */
  function left({ connection, connect, disconnect }: ClosedEvent): void {
    const { clientId, will } = connect
    const client = clients.get(clientId)
    if (client?.connection === connection) {
      client.connection = undefined
      const seconds = disconnect?.properties?.sessionExpiryInterval ?? expiryOf(connect)
      client.expiresAt = seconds === forever ? Number.POSITIVE_INFINITY : Date.now() + seconds * 1_000
      if (seconds === 0) forget(clientId, client)
    }
    if (will === undefined || (disconnect !== undefined && disconnect.reasonCode !== 0x04)) return
    const { willDelayInterval: _, ...properties } = will.properties ?? {}
    publish({ ...will, properties })
  }

  return {
    messages$: messages.asObservable(),
    publish: (message) => publish(message),
    serve: () => (transports$) =>
      transports$.pipe(
        serve(handle, { ...options, authorize }),
        tap((event) => {
          if (event.type === 'closed') left(event)
        }),
      ),
  }
}

/** Seconds that a session outlives its connection; before MQTT 5, for ever or not at all. */
function expiryOf({ protocolVersion, clean, properties }: ConnectPacket): number {
  if (protocolVersion === 5) return properties?.sessionExpiryInterval ?? 0
  return clean ? 0 : forever
}
