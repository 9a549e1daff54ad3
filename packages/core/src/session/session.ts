import { concat, defer, Observable, Subject, Subscription } from 'rxjs'
import type { Connection } from '../connection/connection.js'
import type { Role } from '../connection/options.js'
import { MqttError } from '../errors.js'
import type { PublishPacket } from '../packet/packet.js'
import { type Accepted, Attachment } from './attachment.js'
import { Inbound } from './inbound.js'
import { Journal } from './journal.js'
import { Loader } from './loader.js'
import type { Delivery, DroppedMessage, Message, OnDropped, PublishResult } from './message.js'
import { type SessionOptions, type SessionSettings, sessionSettingsOf } from './options.js'
import { Outbound } from './outbound.js'
import { PacketIds } from './packet-ids.js'
import { receive } from './receive.js'
import type { SessionState } from './session-store.js'
import type { AnswerOptions, SubscribeFields, SubscribeResult } from './subscriptions.js'
import { Subscriptions, type UnsubscribeFields, type UnsubscribeResult } from './subscriptions.js'

/**
 * The state of one client identifier, on either end, alive across connections: messages with QoS 1 arrive at least once,
 * with QoS 2 exactly once, in order, and what waits is bounded.
 *
 * @example
 * ```ts
 * const session = new Session()
 * const connect = { clientId: 'me', clean: false, keepalive: 60, protocolVersion: 4 } as const
 * dial$.pipe(
 *   map(transport => new Connection(transport, { role: 'client' })),
 *   switchMap(connection =>
 *     handshake(connection, connect).pipe(
 *       switchMap(connack => merge(session.attach(connection, { connect, connack }), keepAlive(connection, 60), of(1))),
 *     ),
 *   ),
 *   retry({ delay: backoff(), resetOnSuccess: true }),
 * ).subscribe()
 * session.messages$.subscribe(({ packet }) => console.log(packet.topic))
 * session.publish({ topic: 'a', payload: 'hi', qos: 1 }).subscribe(() => console.log('arrived'))
 * ```
 */
export class Session {
  /**
   * Messages from the peer, for one subscriber at a time. It never completes or errors: how a connection ends, `attach`
   * tells. A message waits until somebody listens, and is not acknowledged before.
   */
  readonly messages$: Observable<Delivery>
  /**
   * MQTT 5: what the peer has to be told in CONNECT or CONNACK, that it keeps to the session's limits; otherwise it may have
   * 65,535 messages on their way, and is held back.
   *
   * @example
   * ```ts
   * const connect = { clientId: 'me', protocolVersion: 5, properties: { ...session.properties } }
   * ```
   */
  readonly properties: { readonly receiveMaximum: number; readonly topicAliasMaximum: number }
  readonly #settings: SessionSettings
  #dropped: Subject<DroppedMessage> | undefined
  readonly #ids = new PacketIds(() => this.#inbound.answersChanged())
  readonly #loader: Loader
  readonly #journal: Journal
  readonly #outbound: Outbound
  readonly #inbound: Inbound
  readonly #subscriptions = new Subscriptions(this.#ids)
  #attachment: Attachment | undefined
  /** The end that the session is, once it is known. */
  #role: Role | undefined
  /** There was a session that the peer may have forgotten. */
  #wasThere = false
  /** The peer has forgotten the session, and what follows from it is not done yet. */
  #isLost = false

  /** @throws MqttError `'invalid-option'` */
  constructor(options: SessionOptions = {}) {
    const settings = sessionSettingsOf(options)
    const onDropped: OnDropped = (dropped) => this.#dropped?.next(dropped)
    const { receiveMaximum, topicAliasMaximum } = (this.#settings = settings)
    this.properties = { receiveMaximum, topicAliasMaximum }
    this.#loader = new Loader(options.store, (id, state) => this.#restore(id, state))
    const onLeft = (): void => this.#outbound.pump()
    this.#journal = new Journal(options.store, (error) => this.#attachment?.fail(error), onLeft)
    this.#outbound = new Outbound(settings, this.#journal, this.#ids, onDropped)
    this.#inbound = new Inbound(settings, this.#journal, this.#ids, onDropped)
    this.messages$ = new Observable((subscriber) => this.#inbound.subscribe(subscriber))
  }

  /** Messages that wait to be sent; those on their way don't count. */
  get queued(): number {
    return this.#outbound.queued
  }

  /** Whether a message would leave at once, whatever its QoS: there is a connection, it takes more, and the window is open. */
  get isReady(): boolean {
    return this.#outbound.isReady
  }

  /** Messages that were not delivered: by a policy, by their expiry, with a lost session, or refused for this peer. */
  get dropped$(): Observable<DroppedMessage> {
    return (this.#dropped ??= new Subject()).asObservable()
  }

  /**
   * Delivers over a connection that was accepted, from the subscription until it ends: then completes, or errors as its
   * `closed$` does, with `'disconnected'` where the peer's DISCONNECT names a failure or a later attachment took over (the
   * peer is told 0x8E), with what the peer did wrong, or with `'store'`. The connection needs its `role`.
   */
  attach(connection: Connection, accepted: Accepted): Observable<never> {
    return new Observable((subscriber) => {
      let attachment: Attachment
      try {
        attachment = new Attachment(connection, accepted, this.#settings, subscriber)
        this.#loader.check(attachment.clientId)
      } catch (error) {
        return subscriber.error(error)
      }
      const previous = this.#attachment
      this.#detach()
      this.#attachment = attachment
      this.#role = attachment.role
      this.#isLost ||= !attachment.resumed
      previous?.fail(new MqttError('disconnected', 'a later connection took over', { reasonCode: 0x8e }))
      // Who heard of it may have attached yet another connection.
      if (attachment.isOver) return
      const onOver = (): void => {
        if (this.#attachment === attachment) this.#detach()
      }
      attachment.run((packet) => receive(packet, this.#inbound, this.#outbound, this.#subscriptions), onOver)
      if (attachment.isOver) return
      if (this.#loader.isDone) return this.#begin(attachment)
      attachment.pause()
      if (!attachment.resumed) this.#loseWaiting()
      const error = (reason: MqttError): void => attachment.fail(reason)
      const complete = (): void => {
        this.#begin(attachment)
        attachment.resume()
      }
      subscriber.add(this.#loader.load(attachment.clientId).subscribe({ complete, error }))
    })
  }

  /**
   * Reads from the store what there is of a client identifier, before there is a connection, and completes: for a server that
   * was started anew and has messages for clients that are away. From then on they are stored as soon as they are published,
   * behind what was there before; an attachment goes on with the session, or gives it up where its CONNACK says so.
   *
   * Errors with `'store'`, and with `'invalid-option'` for another client identifier than the session has.
   *
   * @example
   * ```ts
   * concat(session.load('a-client'), session.publish({ topic: 'a', payload: 'hi', qos: 1 })).subscribe()
   * ```
   */
  load(clientId: string): Observable<never> {
    return defer(() => {
      this.#loader.check(clientId)
      this.#wasThere ||= this.#attachment === undefined && !this.#isLost
      return this.#loader.load(clientId)
    })
  }

  /**
   * Completes when all that has changed until now is stored, at once where that is done, such as before a process ends. What was
   * published before the state was loaded is no part of it.
   *
   * Errors with `'store'` when that fails: the changes are kept, and are written with the next ones, or by the next `flush`.
   */
  flush(): Observable<never> {
    return concat(this.#loader.loading$, this.#journal.flush())
  }

  /**
   * Sends a message, each time it is subscribed to: not for `retry`. Emits how the peer took it, with QoS 0 once it is
   * written, with QoS 1 at PUBACK, with QoS 2 at PUBCOMP, and completes. It waits for a connection, for the peer's Receive
   * Maximum and for the transport. Unsubscribing takes it back while it waits.
   *
   * Errors with `'invalid-packet'`, `'refused'` (a reason code from 0x80 on, or what the peer said it doesn't take),
   * `'packet-too-large'` for this peer, `'overflow'`, `'timeout'` when it expired before it was sent, and `'session-lost'`
   * when the peer has forgotten a session in which it was on its way with QoS 2.
   */
  publish(message: Message): Observable<PublishResult> {
    return new Observable((subscriber) => this.#outbound.add(message, subscriber))
  }

  /**
   * Sends a message at once, where nobody waits for the answer: for a server that hands one message to many. What can't be
   * delivered, `dropped$` tells.
   */
  send(message: Message): void {
    this.#outbound.add(message)
  }

  /**
   * Subscribes to topic filters each time it is subscribed to, as a client; emits what was granted and what was refused, and
   * completes. It waits for a connection.
   *
   * Errors with `'invalid-packet'`, `'timeout'` without an answer, `'transport'` when the connection ends before it.
   *
   * @example
   * ```ts
   * session.subscribe({ subscriptions: [{ topic: 'a/#', qos: 1 }] }).subscribe(({ refused }) => console.log(refused))
   * ```
   */
  subscribe(fields: SubscribeFields, options: AnswerOptions = {}): Observable<SubscribeResult> {
    return this.#subscriptions.subscribe(fields, options)
  }

  /** Unsubscribes from topic filters, as `subscribe` does. */
  unsubscribe(fields: UnsubscribeFields, options: AnswerOptions = {}): Observable<UnsubscribeResult> {
    return this.#subscriptions.unsubscribe(fields, options)
  }

  /** Takes messages away from `messages$`, as `request` does: what `take` says yes to is acknowledged, and reaches nobody else. */
  claim(take: (packet: PublishPacket) => boolean): Subscription {
    return new Subscription(this.#inbound.claim(take))
  }

  /** What waits for a server's client belongs to the session that is gone; what is published while it is read does not. */
  #loseWaiting(): void {
    if (this.#role === 'client' || !this.#wasThere) return
    this.#wasThere = false
    this.#outbound.lose(false)
  }

  #restore(id: string, { outgoing, received }: SessionState): void {
    this.#journal.begin(id)
    this.#inbound.restore(received)
    this.#outbound.restore(outgoing, !this.#isLost || this.#role === 'client')
  }

  #begin(attachment: Attachment): void {
    if (this.#isLost) {
      // What a client has to say is its own; a server's messages belong to the session that is gone, if there was one.
      this.#outbound.lose(attachment.role === 'client' || !this.#wasThere)
      this.#inbound.lose()
    }
    this.#isLost = false
    this.#wasThere = true
    // Who is told of a message may end the attachment.
    const parts = [this.#journal, this.#inbound, this.#outbound, this.#subscriptions]
    for (const part of parts) if (!attachment.isOver) part.attach(attachment)
  }

  #detach(): void {
    this.#attachment = undefined
    this.#journal.detach()
    this.#outbound.detach()
    this.#inbound.detach()
    this.#subscriptions.detach()
  }
}
