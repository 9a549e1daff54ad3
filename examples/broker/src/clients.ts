import {
  type AcceptedClient,
  type ConnackProperties,
  type Connection,
  type ConnectPacket,
  type DisconnectPacket,
  type Message,
  MqttError,
} from '@rxmqtt/core'
import { asyncScheduler, lastValueFrom, type Observable, Subscription } from 'rxjs'
import { Client, type ClientParts } from './client.js'
import { at } from './deadline.js'
import { type BrokerSettings, forever } from './settings.js'
import { type BrokerStore, type ClientRecord, inTime } from './store.js'
import type { Subscriptions } from './subscriptions.js'
import { delayOf, keptWill, messageOf } from './wills.js'

/** What clients tell the broker. */
export interface ClientsHost {
  /** A session begins: what is done for it as long as it lasts. */
  begun(client: Client): Observable<unknown>
  /** A will is due. */
  publish(message: Message, from: Client): void
  /** The store failed where nobody waits for it. */
  problem(error: unknown): void
}

/** What CONNACK says of a session. */
export interface Admission {
  readonly sessionPresent: boolean
  readonly properties: ConnackProperties
}

/** The sessions of a broker, by client identifier: who is connected, and who may come back. */
export class Clients {
  readonly #settings: BrokerSettings
  readonly #parts: ClientParts
  readonly #store: BrokerStore | undefined
  readonly #subscriptions: Subscriptions<Client>
  readonly #host: ClientsHost
  readonly #clients = new Map<string, Client>()
  /** In the order in which they left. */
  readonly #away = new Set<Client>()

  constructor(settings: BrokerSettings, parts: ClientParts, subscriptions: Subscriptions<Client>, host: ClientsHost) {
    this.#settings = settings
    this.#store = settings.store
    this.#parts = parts
    this.#subscriptions = subscriptions
    this.#host = host
  }

  /** Sessions. */
  get size(): number {
    return this.#clients.size
  }

  get connected(): number {
    return this.#clients.size - this.#away.size
  }

  /** What CONNACK says about the session of a client that may come in. @throws MqttError `'refused'`, 0x97 */
  admit(connect: ConnectPacket): Admission {
    const { maximumSessions, sessionOverflow } = this.#settings
    const known = this.#clients.get(connect.clientId)
    const isFull = known === undefined && this.#clients.size >= maximumSessions
    if (isFull && (sessionOverflow === 'refuse' || this.#away.size === 0)) {
      const text = `there are ${maximumSessions} sessions, as many as maximumSessions allows`
      throw new MqttError('refused', text, { reasonCode: 0x97 })
    }
    const asked = connect.properties?.sessionExpiryInterval ?? 0
    const sessionExpiryInterval = this.#expiryOf(connect)
    return {
      sessionPresent: !connect.clean && known?.isLasting === true,
      properties: sessionExpiryInterval < asked ? { sessionExpiryInterval } : {},
    }
  }

  /**
   * A client is let in: its session goes on, or begins. Where the identifier is connected already, that connection is over
   * [MQTT-3.1.4-3]: a session that goes on takes itself over when it is attached.
   */
  open({ connect, connack }: AcceptedClient, connection: Connection): Client {
    const { clientId, clean, username, will } = connect
    // What the client was told applies [MQTT5 3.2.2.3.2].
    const expiryInterval = connack.properties?.sessionExpiryInterval ?? this.#expiryOf(connect)
    const known = this.#clients.get(clientId)
    if (known !== undefined) this.#reopen(known, clean)
    const client = known?.isPersistent === true ? known : this.#begin(clientId, expiryInterval > 0)
    client.connection = connection
    client.identity = { clientId, username, connection }
    client.expiryInterval = expiryInterval
    client.disconnectedAt = undefined
    client.will = will && keptWill(will)
    this.#saveQuietly(client)
    return client
  }

  /** The client says goodbye: without a complaint, its will is not published [MQTT-3.14.4-3] [MQTT-3.1.2-10]. */
  goodbye(client: Client, { reasonCode = 0, properties }: DisconnectPacket): void {
    if (reasonCode === 0x00) client.will = undefined
    const asked = properties?.sessionExpiryInterval
    if (asked !== undefined) client.expiryInterval = this.#limited(asked)
  }

  /** Its connection is over; of a session that was taken over, it no longer is. */
  left({ clientId }: ConnectPacket, connection: Connection): void {
    const client = this.#clients.get(clientId)
    if (client?.connection !== connection) return
    client.connection = undefined
    client.disconnectedAt = asyncScheduler.now()
    this.#away.add(client)
    this.#await(client)
    if (!client.life.closed) this.#saveQuietly(client)
  }

  /** Resolves when what is known of a client beside its messages is stored. */
  async save(client: Client): Promise<void> {
    if (this.#store === undefined || (!client.isPersistent && client.will === undefined)) return
    client.isStored = true
    await inTime(this.#store.putClient(client.record(this.#subscriptions.of(client))))
  }

  /** Goes on with a session that an earlier process has stored; a client that was connected then left just now. */
  async restore(record: ClientRecord): Promise<void> {
    const { clientId, expiryInterval, disconnectedAt = asyncScheduler.now(), subscriptions, will } = record
    const client = this.#create(clientId, expiryInterval > 0)
    Object.assign(client, { expiryInterval, disconnectedAt, will, isStored: true })
    for (const subscription of subscriptions) this.#subscriptions.add(client, subscription)
    this.#away.add(client)
    if (client.isPersistent) await lastValueFrom(client.session.load(clientId), { defaultValue: undefined })
  }

  /** Wills and sessions that were restored are over when their time comes: when everything else is. */
  begin(): void {
    const away = [...this.#away].sort((a, b) => a.disconnectedAt! - b.disconnectedAt!)
    this.#away.clear()
    for (const client of away) this.#away.add(client)
    for (const client of away) {
      const { will } = client
      this.#await(client)
      // Its will was published: the next process must not do so again.
      if (client.will !== will && !client.life.closed) this.#saveQuietly(client)
    }
  }

  /** Everything of sessions is stored, and nothing goes on. */
  async close(): Promise<void> {
    const all = await Promise.allSettled(Array.from(this.#clients.values(), (client) => this.#close(client)))
    for (const each of all) if (each.status === 'rejected') throw each.reason
  }

  async #close(client: Client): Promise<void> {
    client.waiting.unsubscribe()
    client.disconnectedAt ??= asyncScheduler.now()
    const flushed = lastValueFrom(client.session.flush(), { defaultValue: undefined })
    await Promise.all([flushed, this.save(client)]).finally(() => client.life.unsubscribe())
  }

  #begin(id: string, isPersistent: boolean): Client {
    if (this.#clients.size >= this.#settings.maximumSessions) this.#dropOldest()
    return this.#create(id, isPersistent)
  }

  #create(id: string, isPersistent: boolean): Client {
    const client = new Client(id, isPersistent, this.#parts)
    client.life.add(this.#host.begun(client).subscribe())
    this.#clients.set(id, client)
    return client
  }

  /** Ends the wait of a known client, which comes again; a session that can't go on is over. */
  #reopen(client: Client, clean: boolean): void {
    client.waiting.unsubscribe()
    client.waiting = new Subscription()
    this.#away.delete(client)
    const isOver = clean || !client.isLasting
    const { will } = client
    const isDue = will !== undefined && (isOver || (client.connection !== undefined && delayOf(will) === 0))
    if (isDue) this.#publish(client)
    client.will = undefined
    if (isOver) {
      this.#subscriptions.removeAll(client)
      client.forgetReplay()
    }
    if (client.isPersistent) return
    this.#forget(client, new MqttError('disconnected', 'a later connection took over', { reasonCode: 0x8e }))
  }

  /** A delayed will, and the end of the session, in their time; whichever comes first publishes the will [MQTT-3.1.3-9]. */
  #await(client: Client): void {
    const { disconnectedAt = 0, expiryInterval, will, waiting } = client
    const expiresAt = expiryInterval === forever ? Number.POSITIVE_INFINITY : disconnectedAt + expiryInterval * 1_000
    const publish = (): void => {
      this.#publish(client)
      this.#saveQuietly(client)
    }
    const expire = (): void => {
      this.#publish(client)
      this.#forget(client, new MqttError('session-lost', 'the session has expired'))
    }
    const now = asyncScheduler.now()
    const dueAt = will === undefined ? Number.POSITIVE_INFINITY : disconnectedAt + delayOf(will)
    if (expiresAt <= now) return expire()
    if (dueAt <= now) this.#publish(client)
    else if (dueAt < expiresAt) waiting.add(at(dueAt).subscribe(publish))
    if (expiresAt < Number.POSITIVE_INFINITY) waiting.add(at(expiresAt).subscribe(expire))
  }

  #publish(client: Client): void {
    const { will } = client
    client.will = undefined
    if (will !== undefined) this.#host.publish(messageOf(will), client)
  }

  #forget(client: Client, error: MqttError): void {
    if (client.life.closed) return
    this.#away.delete(client)
    this.#clients.delete(client.id)
    this.#subscriptions.removeAll(client)
    client.end(error)
    if (client.isPersistent || client.isStored) {
      this.#store?.removeClient(client.id).catch((cause: unknown) => this.#host.problem(cause))
    }
  }

  #dropOldest(): void {
    const [oldest] = this.#away
    if (oldest === undefined) return
    this.#publish(oldest)
    this.#forget(oldest, new MqttError('session-lost', 'maximumSessions: the session made room for another'))
  }

  #saveQuietly(client: Client): void {
    this.save(client).catch((error: unknown) => this.#host.problem(error))
  }

  #expiryOf({ protocolVersion, clean, properties }: ConnectPacket): number {
    if (protocolVersion === 5) return this.#limited(properties?.sessionExpiryInterval ?? 0)
    return clean ? 0 : this.#limited(forever)
  }

  #limited(seconds: number): number {
    return Math.min(seconds, this.#settings.maximumSessionExpiry)
  }
}
