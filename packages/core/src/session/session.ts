import { map, Observable, Subject, Subscription, timer } from 'rxjs'
import type { Connection } from '../connection/connection.js'
import { MqttError } from '../errors.js'
import type { Packet, PublishPacket, SubackPacket, UnsubackPacket } from '../packet/packet.js'
import { type Accepted, Attachment } from './attachment.js'
import { Inbound } from './inbound.js'
import { Journal, storeError, storeLate, storeTimeout } from './journal.js'
import type { Delivery, DroppedMessage, Message, OnDropped, PublishResult } from './message.js'
import { type SessionOptions, type SessionSettings, sessionSettingsOf } from './options.js'
import { Outbound } from './outbound.js'
import { PacketIds } from './packet-ids.js'
import type { SessionState, SessionStore } from './session-store.js'
import {
  type AnswerOptions,
  type SubscribeFields,
  type SubscribeResult,
  subscribeResult,
  Subscriptions,
  type UnsubscribeFields,
  type UnsubscribeResult,
  unsubscribeResult,
} from './subscriptions.js'

/**
 * The state of one client identifier, on either end, alive across connections: messages with QoS 1 arrive at least once,
 * with QoS 2 exactly once, in order, and what waits is bounded.
 *
 * @example
 * ```ts
 * const session = new Session()
 * const connect = { clientId: 'me', clean: false, keepalive: 60, protocolVersion: 4 } as const
 * dial$
 *   .pipe(
 *     map(transport => new Connection(transport, { role: 'client' })),
 *     switchMap(connection =>
 *       handshake(connection, connect).pipe(
 *         switchMap(connack => merge(session.attach(connection, { connect, connack }), keepAlive(connection, 60), of(1))),
 *       ),
 *     ),
 *     retry({ delay: backoff(), resetOnSuccess: true }),
 *   )
 *   .subscribe()
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
  readonly #store: SessionStore | undefined
  #dropped: Subject<DroppedMessage> | undefined
  readonly #ids = new PacketIds(() => this.#inbound.answersChanged())
  readonly #journal: Journal
  readonly #outbound: Outbound
  readonly #inbound: Inbound
  readonly #subscriptions = new Subscriptions(this.#ids)
  #attachment: Attachment | undefined
  /** The client identifier, once the state was loaded. */
  #id: string | undefined
  #wasAttached = false
  #loading: Promise<unknown> | undefined
  /** The peer has forgotten the session, and what follows from it is not done yet. */
  #isLost = false

  /** @throws MqttError `'invalid-option'` */
  constructor(options: SessionOptions = {}) {
    const settings = sessionSettingsOf(options)
    const onDropped: OnDropped = (dropped) => this.#dropped?.next(dropped)
    const { receiveMaximum, topicAliasMaximum } = (this.#settings = settings)
    this.properties = { receiveMaximum, topicAliasMaximum }
    this.#store = options.store
    const onFailure = (error: MqttError): void => this.#attachment?.fail(error)
    this.#journal = new Journal(options.store, onFailure, () => this.#outbound.pump())
    this.#outbound = new Outbound(settings, this.#journal, this.#ids, onDropped)
    this.#inbound = new Inbound(settings, this.#journal, this.#ids, onDropped)
    this.messages$ = new Observable((subscriber) => this.#inbound.subscribe(subscriber))
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
        if (this.#store !== undefined) attachment.checkId(this.#id)
      } catch (error) {
        return subscriber.error(error)
      }
      const previous = this.#attachment
      this.#detach()
      this.#attachment = attachment
      this.#isLost ||= !attachment.resumed
      const takenOver = 'a later connection took the session over'
      previous?.fail(new MqttError('disconnected', takenOver, { reasonCode: 0x8e }))
      // Who heard of it may have attached yet another connection.
      if (attachment.isOver) return
      attachment.run(
        (packet) => this.#receive(packet),
        () => {
          if (this.#attachment === attachment) this.#detach()
        },
      )
      if (attachment.isOver) return
      const store = this.#store
      if (store === undefined) this.#begin(attachment)
      else this.#load(attachment, store).catch((error: unknown) => attachment.fail(storeError(error)))
    })
  }

  /**
   * Sends a message, each time it is subscribed to: not for `retry`. Emits how the peer took it, with QoS 0 once it is
   * written, with QoS 1 at PUBACK, with QoS 2 at PUBCOMP, and completes. It waits for a connection, for the peer's Receive
   * Maximum and for the transport. Unsubscribing takes it back while it waits.
   *
   * Errors with `'invalid-packet'`, `'refused'` (a reason code from 0x80 on, or what the peer said it doesn't take),
   * `'packet-too-large'` for this peer, `'overflow'`, `'timeout'` when it expired before it was sent, and `'session-lost'`
   * when the peer has forgotten a session in which it was on its way with QoS 2.
   *
   * @example
   * ```ts
   * session.publish({ topic: 'a', payload: 'hi', qos: 2 }).subscribe({ complete: () => console.log('arrived once') })
   * ```
   */
  publish(message: Message): Observable<PublishResult> {
    return new Observable((subscriber) => this.#outbound.add(message, subscriber))
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
    return this.#subscriptions
      .ask({ cmd: 'subscribe', ...fields }, options)
      .pipe(map((packet) => subscribeResult(fields, packet as SubackPacket)))
  }

  /** Unsubscribes from topic filters, as `subscribe` does. */
  unsubscribe(fields: UnsubscribeFields, options: AnswerOptions = {}): Observable<UnsubscribeResult> {
    return this.#subscriptions
      .ask({ cmd: 'unsubscribe', ...fields }, options)
      .pipe(map((packet) => unsubscribeResult(fields, packet as UnsubackPacket)))
  }

  /**
   * Takes messages away from `messages$`: what `take` says yes to is acknowledged, and reaches nobody else. What `request`
   * is made of.
   *
   * @returns ends it
   */
  claim(take: (packet: PublishPacket) => boolean): Subscription {
    return new Subscription(this.#inbound.claim(take))
  }

  async #load(attachment: Attachment, store: SessionStore): Promise<void> {
    const { clientId, role } = attachment
    attachment.pause()
    if (this.#id === undefined) {
      const late = timer(storeTimeout).subscribe(() => attachment.fail(storeLate()))
      const { outgoing, received } = await this.#read(store, clientId).finally(() => late.unsubscribe())
      if (attachment.isOver) return
      this.#id = clientId
      this.#journal.begin()
      this.#inbound.restore(received)
      this.#outbound.restore(outgoing, role === 'client' || !this.#isLost)
    }
    this.#begin(attachment)
    attachment.resume()
  }

  /** One call of `load` comes after the other, also where the attachment that it was for is over. */
  #read(store: SessionStore, id: string): Promise<SessionState> {
    const state = (this.#loading ?? Promise.resolve()).then(() => store.load(id))
    this.#loading = state.catch(() => undefined)
    return state
  }

  #begin(attachment: Attachment): void {
    if (this.#isLost) {
      // What a client has to say is its own; a server's messages belong to the session that is gone, if there was one.
      this.#outbound.lose(attachment.role === 'client' || !this.#wasAttached)
      this.#inbound.lose()
    }
    this.#isLost = false
    this.#wasAttached = true
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

  #receive(packet: Packet): void {
    switch (packet.cmd) {
      case 'publish':
        return this.#inbound.publish(packet)
      case 'puback':
        return this.#outbound.puback(packet)
      case 'pubrec':
        return this.#outbound.pubrec(packet)
      case 'pubrel':
        return this.#inbound.pubrel(packet)
      case 'pubcomp':
        return this.#outbound.pubcomp(packet)
      case 'suback':
      case 'unsuback':
        this.#subscriptions.answer(packet)
        // A message may have waited for a packet identifier.
        return this.#outbound.pump()
      default:
        return
    }
  }
}
