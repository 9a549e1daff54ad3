import {
  type AcceptedClient,
  type Connection,
  type ConnectPacket,
  type Message,
  type MqttError,
  serve,
  type ServeEvent,
  type Transport,
} from '@rxmqtt/core'
import {
  asyncScheduler,
  defer,
  finalize,
  interval,
  merge,
  type MonoTypeOperatorFunction,
  type Observable,
  type OperatorFunction,
  Subject,
  Subscription,
  tap,
} from 'rxjs'
import { admission } from './admission.js'
import type { Client, ClientParts, Dropped } from './client.js'
import { Clients } from './clients.js'
import { Incoming } from './incoming.js'
import type { BrokerOptions } from './options.js'
import { checkMessage, type Published, Publishing } from './publishing.js'
import { requests, type RequestsHost } from './requests.js'
import { Retained } from './retained.js'
import { brokerSettings, sessionOptionsOf } from './settings.js'
import { Subscriptions } from './subscriptions.js'
import { type BrokerFigures, sysMessages } from './sys.js'

/** Milliseconds that a client has for its goodbye: its will is due within a second of its end. */
const drainTimeout = 500
/** Milliseconds between two looks for retained messages that have expired. */
const sweepInterval = 60_000

/** An MQTT broker, for the transports that it is given. */
export interface Broker {
  /** Serves each transport until its end; unsubscribing says goodbye to all clients, 0x8B. */
  serve(): OperatorFunction<Transport, ServeEvent>
  /**
   * Publishes a message of the application itself; of one retained message too many `dropped$` tells.
   *
   * @throws MqttError `'invalid-packet'` for a topic that is none, or a QoS that there isn't
   */
  publish(message: Message): void
  /** What clients publish and may publish. Payloads are views: `slice()` what you keep. */
  readonly messages$: Observable<Message>
  /** What a client did not get, or may not publish. */
  readonly dropped$: Observable<Dropped>
  /** What failed where no client could be told: the store, a hook. */
  readonly problems$: Observable<unknown>
  readonly figures: BrokerFigures
  /**
   * After `serve` is over: resolves when all sessions are stored and the store is closed. Nothing goes on then. Rejects with
   * what the store failed at; it is closed all the same.
   */
  close(): Promise<void>
}

/**
 * Opens a broker: resolves when everything that its store knows is there.
 *
 * @throws MqttError `'invalid-option'`; rejects with `'store'` where the store can't be read
 * @example
 * ```ts
 * const broker = await openBroker()
 * listenTcp({ port: 1883 }).pipe(broker.serve()).subscribe(({ type, connect }) => console.log(type, connect?.clientId))
 * ```
 */
export async function openBroker(options: BrokerOptions = {}): Promise<Broker> {
  const settings = brokerSettings(options)
  const { store, maximumRetained, maximumRetainedBytes, retainedOverflow, maximumLevels } = settings
  const subscriptions = new Subscriptions<Client>({
    maximumLevels,
    rankOf: (client, qos) => client.rankFor(qos),
  })
  const retained = new Retained({
    maximum: maximumRetained,
    maximumBytes: maximumRetainedBytes,
    overflow: retainedOverflow,
  })
  const messages = new Subject<Message>()
  const dropped = new Subject<Dropped>()
  const problems = new Subject<unknown>()
  const counted = { received: 0, sent: 0, dropped: 0 }
  const openedAt = asyncScheduler.now()
  const work = new Subscription()

  const problem = (error: unknown): void => problems.next(error)
  const publishing = new Publishing(subscriptions, retained, store, problem)

  function drop(message: Dropped): void {
    counted.dropped++
    dropped.next(message)
  }

  function publish(message: Message, from?: Client): Published {
    const published = publishing.publish(message, from)
    counted.sent += published.count
    return published
  }

  const incoming = new Incoming(settings, {
    publish: (message, from) => {
      counted.received++
      messages.next(message)
      return publish(message, from)
    },
    refused: ({ id }, message, error) => drop({ clientId: id, message, error }),
    problem,
  })

  function publishQuietly(message: Message, from?: Client): void {
    try {
      work.add(publish(message, from).stored$?.subscribe())
    } catch (error) {
      drop({ clientId: from?.id ?? '', message, error: error as MqttError })
    }
  }

  const parts: ClientParts = {
    options: sessionOptionsOf(settings),
    retainedFor: (filter) => retained.match(filter),
    onDropped: drop,
  }
  const clients: Clients = new Clients(settings, parts, subscriptions, {
    begun: (client) => incoming.from(client),
    publish: publishQuietly,
    problem,
  })
  const requestsHost: RequestsHost = { settings, subscriptions, save: (client) => clients.save(client), problem }

  function handle(connection: Connection, accepted: AcceptedClient): Observable<unknown> {
    const client = clients.open(accepted, connection)
    return merge(
      client.session.attach(connection, accepted),
      connection.disconnect$.pipe(tap((packet) => clients.goodbye(client, packet))),
      requests(connection, client, requestsHost),
      client.ended$,
    )
  }

  function figures(): BrokerFigures {
    return {
      connected: clients.connected,
      sessions: clients.size,
      subscriptions: subscriptions.size,
      retained: retained.size,
      retainedBytes: retained.bytes,
      ...counted,
      uptime: Math.floor((asyncScheduler.now() - openedAt) / 1_000),
    }
  }

  if (store !== undefined) {
    for await (const message of store.retained()) {
      for (const topic of retained.set(message).dropped) store.removeRetained(topic).catch(problem)
    }
    for await (const record of store.clients()) await clients.restore(record)
  }
  clients.begin()
  work.add(interval(sweepInterval).subscribe(() => removeExpired()))
  if (settings.sysInterval > 0) {
    work.add(
      interval(settings.sysInterval).subscribe(() =>
        sysMessages(figures()).forEach((message) => publishQuietly(message)),
      ),
    )
  }

  function removeExpired(): void {
    for (const topic of retained.removeExpired()) store?.removeRetained(topic).catch(problem)
  }

  let closing: Promise<void> | undefined

  async function close(): Promise<void> {
    work.unsubscribe()
    try {
      await clients.close()
    } finally {
      await store?.close()
    }
  }

  return {
    messages$: messages.asObservable(),
    dropped$: dropped.asObservable(),
    problems$: problems.asObservable(),
    publish: (message) => {
      checkMessage(message)
      publishQuietly(message)
    },
    get figures() {
      return figures()
    },
    serve: () => (transports$) => {
      const { maximumKeepAlive, maximumPeers, maximumPerAddress, maximumPacketSize } = settings
      const connection = { maximumPacketSize, drainTimeout }
      return transports$.pipe(
        serve(handle, {
          authorize: admission(settings, clients, problem),
          maximumKeepAlive,
          maximumPeers,
          maximumPerAddress,
          connection,
        }),
        leaving((connect, connection) => clients.left(connect, connection)),
      )
    },
    close: () => (closing ??= close()),
  }
}

/** Tells of each client that was let in and leaves, also of those that are there when `serve` is over: no event tells of these. */
function leaving(left: (connect: ConnectPacket, connection: Connection) => void): MonoTypeOperatorFunction<ServeEvent> {
  return (events$) =>
    defer(() => {
      const open = new Map<Connection, ConnectPacket>()
      return events$.pipe(
        tap((event) => {
          if (event.type === 'opened') open.set(event.connection, event.connect)
          if (event.type === 'closed' && open.delete(event.connection)) left(event.connect, event.connection)
        }),
        finalize(() => open.forEach((connect, connection) => left(connect, connection))),
      )
    })
}
