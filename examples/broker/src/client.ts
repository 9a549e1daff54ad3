import {
  type Connection,
  type Message,
  type MqttError,
  type QoS,
  Session,
  type SessionOptions,
  type SessionStore,
  type Will,
} from '@rxmqtt/core'
import { type Observable, Subject, Subscription } from 'rxjs'
import type { Identity } from './options.js'
import { Replay, type RetainedFor, type Terms } from './replay.js'
import type { ClientRecord, StoredSubscription } from './store.js'

/** A message that a client did not get. */
export interface Dropped {
  readonly clientId: string
  readonly message: Message
  readonly error: MqttError
}

/** What each client is made with. */
export interface ClientParts {
  readonly options: SessionOptions
  readonly retainedFor: RetainedFor
  readonly onDropped: (dropped: Dropped) => void
}

/** What one client identifier has here, from its first connection to the end of its session. */
export class Client {
  readonly id: string
  /** The session may outlive its connection. */
  readonly isPersistent: boolean
  readonly session: Session
  /** Undefined while the client is away. */
  connection: Connection | undefined
  /** Who it is, or was when it was here last. */
  identity: Identity | undefined
  /** Seconds that the session outlives its connection; 0xFFFFFFFF: for ever. */
  expiryInterval = 0
  /** Milliseconds since the epoch, while it is away. */
  disconnectedAt: number | undefined
  /** Not published yet. */
  will: Will | undefined
  /** The store has a record of it. */
  isStored = false
  /** What goes on as long as the session. */
  readonly life = new Subscription()
  /** What waits for its time while the client is away. */
  waiting = new Subscription()
  #ended: Subject<never> | undefined
  readonly #parts: ClientParts
  #replay: Replay | undefined
  #isWatched = false

  constructor(id: string, isPersistent: boolean, parts: ClientParts) {
    const { options } = parts
    const { store } = options
    this.id = id
    this.isPersistent = isPersistent
    this.session = new Session({ ...options, store: isPersistent && store ? this.#own(store) : undefined })
    this.#parts = parts
  }

  /** Retained messages on their way; many a client never asks for any. */
  get replay(): Replay {
    if (this.#replay === undefined) {
      this.#replay = new Replay((message, terms) => this.send(message, terms), this.#parts.retainedFor)
      this.life.add(this.#replay.sending$.subscribe())
    }
    return this.#replay
  }

  /** What the client subscribed to is no more. */
  forgetReplay(): void {
    this.#replay?.clear()
  }

  /** Errors when the session is over while the client is connected. */
  get ended$(): Observable<never> {
    return (this.#ended ??= new Subject())
  }

  /** Another connection may go on with the session: one that ends with its connection is not taken over. */
  get isLasting(): boolean {
    return this.isPersistent && this.expiryInterval > 0
  }

  /** How ready it is for a message of a shared subscription: it is there, it is busy, it may come back, it is full. */
  rankFor(qos: QoS): number {
    const { connection, session } = this
    const isThere = connection !== undefined
    if (!isThere && (!this.isPersistent || qos === 0)) return Number.POSITIVE_INFINITY
    const { queued } = session
    if (queued >= this.#parts.options.maxQueued!) return 3
    if (!isThere) return 2
    return session.isReady || (qos === 0 && queued === 0 && connection.writable) ? 0 : 1
  }

  /** Hands a message to the session, at the lower QoS of both [MQTT-3.8.4-8]; the caller knows that it is not away for it. */
  deliver(message: Message, terms: Terms): void {
    this.session.send(this.#messageFor(message, terms))
  }

  /** Nobody is there, and QoS 0 does not wait. */
  isAwayFor({ qos = 0 }: Message, terms: Terms): boolean {
    return this.connection === undefined && Math.min(qos, terms.qos) === 0
  }

  /** Sends a message when it is subscribed to, and tells when it has arrived. */
  send(message: Message, terms: Terms): Observable<unknown> {
    return this.session.publish(this.#messageFor(message, terms))
  }

  record(subscriptions: readonly StoredSubscription[]): ClientRecord {
    const { id, expiryInterval, disconnectedAt, will } = this
    return { clientId: id, expiryInterval, disconnectedAt, subscriptions, will }
  }

  /** The session is over: nothing goes on, and where a client is connected, its connection ends with this error. */
  end(error: MqttError): void {
    this.waiting.unsubscribe()
    this.life.unsubscribe()
    this.#ended?.error(error)
  }

  /** A session that is over writes nothing into the state of the next one. */
  #own(store: SessionStore): SessionStore {
    return {
      load: (id) => store.load(id),
      write: (id, changes) => (this.life.closed ? undefined : store.write(id, changes)),
      clear: (id) => store.clear(id),
    }
  }

  #messageFor({ topic, payload, properties, qos = 0 }: Message, { qos: granted, retain, identifiers }: Terms): Message {
    if (!this.#isWatched) this.#watch()
    return {
      topic,
      payload,
      qos: Math.min(qos, granted) as QoS,
      retain,
      properties: identifiers.length === 0 ? properties : { ...properties, subscriptionIdentifier: identifiers },
    }
  }

  /** On first use: many a client is never sent anything. */
  #watch(): void {
    this.#isWatched = true
    this.life.add(
      this.session.dropped$.subscribe((dropped) => this.#parts.onDropped({ clientId: this.id, ...dropped })),
    )
  }
}
