import { asapScheduler, type Subscriber } from 'rxjs'
import { protocolError } from '../codec/violation.js'
import { MqttError } from '../errors.js'
import { Queue } from '../operators/queue.js'
import type { PublishPacket, PubrelPacket } from '../packet/packet.js'
import { AckTimer } from './ack-timer.js'
import type { Attachment } from './attachment.js'
import { IdMap } from './id-map.js'
import { Hold } from './hold.js'
import { Inbox, Incoming } from './inbox.js'
import type { Journal } from './journal.js'
import { type Delivery, messageBytes, type OnDropped } from './message.js'
import type { SessionSettings } from './options.js'
import type { PacketIds } from './packet-ids.js'
import { makeRoom } from './room.js'
import { ReceivedAliases } from './topic-aliases.js'

/**
 * The messages of a session from the peer: each waits for a subscriber, is acknowledged in its turn, and with QoS 2 is
 * handed over once, across connections.
 */
export class Inbound {
  readonly #settings: SessionSettings
  readonly #journal: Journal
  readonly #hold: Hold
  readonly #onDropped: OnDropped
  readonly #inbox = new Inbox()
  #claims: readonly ((packet: PublishPacket) => boolean)[] = []
  /** Messages of this connection that are not acknowledged, by packet identifier, in the order in which they came. */
  readonly #pending = new IdMap<Incoming>()
  /** QoS 2 of an earlier connection that the subscriber has and has not acknowledged. */
  readonly #held = new IdMap<Incoming>()
  /** QoS 2 without PUBREL, with the attachment in which PUBLISH came. */
  readonly #received = new IdMap<number>()
  readonly #acks = [new Queue<Incoming>(), new Queue<Incoming>()] as const
  #aliases = new ReceivedAliases(0)
  #generation = 0
  /** QoS 2 of this connection without PUBREL: they count against Receive Maximum. */
  #unreleased = 0
  #attachment: Attachment | undefined
  #subscriber: Subscriber<Delivery> | undefined
  #isDraining = false
  readonly #ackTimer: AckTimer | undefined

  constructor(settings: SessionSettings, journal: Journal, ids: PacketIds, onDropped: OnDropped) {
    this.#settings = settings
    this.#journal = journal
    this.#hold = new Hold(settings.receiveMaximum, ids, (error) => this.#attachment?.fail(error))
    this.#onDropped = onDropped
    if (settings.ackTimeout === 0) return
    this.#ackTimer = new AckTimer(settings.ackTimeout, this.#pending, (error) => this.#attachment?.fail(error))
  }

  /** The one who listens. */
  subscribe(subscriber: Subscriber<Delivery>): void {
    if (this.#subscriber !== undefined) {
      return subscriber.error(new MqttError('invalid-option', 'messages$ takes one subscriber at a time, and has one'))
    }
    this.#subscriber = subscriber
    subscriber.add(() => this.#unsubscribed())
    if (this.#inbox.length > 0) subscriber.add(asapScheduler.schedule(() => this.#drain()))
  }

  /** Messages that `take` says yes to are acknowledged, and handed to nobody else. */
  claim(take: (packet: PublishPacket) => boolean): () => void {
    this.#claims = [...this.#claims, take]
    return () => (this.#claims = this.#claims.filter((each) => each !== take))
  }

  attach(attachment: Attachment): void {
    this.#attachment = attachment
    this.#hold.attach(attachment.connection)
    this.#generation++
    this.#aliases = new ReceivedAliases(attachment.aliasesIn)
    this.#unreleased = 0
  }

  /** The peer sends again what was not acknowledged, so that it is not kept. */
  detach(): void {
    for (const [id, incoming] of this.#pending) {
      if (incoming.packet.qos === 2 && incoming.isTaken && !this.#received.has(id)) this.#held.set(id, incoming)
    }
    this.#pending.clear()
    for (const acks of this.#acks) acks.clear()
    this.#inbox.replace([])
    this.#ackTimer?.stop()
    this.#hold.detach()
    this.#attachment = undefined
    this.#generation++
  }

  /** Told when an answer of the peer is awaited, and when none is any more. */
  answersChanged(): void {
    this.#hold.update()
  }

  restore(received: readonly number[]): void {
    for (const id of received) this.#received.set(id, 0)
  }

  /** The peer has forgotten the session. */
  lose(): void {
    this.#held.clear()
    for (const messageId of this.#received.keys()) this.#journal.note({ kind: 'released', messageId })
    this.#received.clear()
  }

  /** @throws MqttError what the peer did wrong, or `'overflow'` */
  publish(packet: PublishPacket): void {
    const { qos, messageId = 0, dup } = packet
    this.#attachment!.checkTaken(packet)
    const resolved = this.#aliases.resolve(packet)
    if (qos === 0) return this.#arrive(new Incoming(resolved, this.#generation))
    const isPending = this.#pending.has(messageId)
    if (isPending || (qos === 1 && this.#received.has(messageId))) {
      if (isPending && dup && this.#attachment!.version < 5) return
      throw protocolError(`PUBLISH messageId ${messageId} is in use [MQTT-2.2.1-3] [MQTT-2.3.1-2]`)
    }
    const incoming = (qos === 2 ? this.#held.get(messageId) : undefined) ?? this.#incoming(resolved)
    this.#held.delete(messageId)
    incoming.generation = this.#generation
    this.#pending.set(messageId, incoming)
    this.#acks[qos - 1]!.push(incoming)
    this.#checkMaximum()
    if (incoming.isAcked) this.#acknowledge(qos)
    else if (incoming.isTaken) this.#taken(incoming)
    else this.#arrive(incoming)
  }

  /** What was taken on an earlier connection is only acknowledged again, in its turn [MQTT-4.3.3-10]. */
  #incoming(packet: PublishPacket): Incoming {
    const incoming = new Incoming(packet, this.#generation, this.#onAck)
    incoming.isTaken = incoming.isAcked = this.#received.has(packet.messageId!)
    return incoming
  }

  /** @throws MqttError `'protocol-error'` */
  pubrel({ messageId }: PubrelPacket): void {
    const generation = this.#received.get(messageId)
    if (generation === undefined || this.#pending.has(messageId)) return this.#pubrelUnknown(messageId)
    this.#received.delete(messageId)
    if (generation === this.#generation) this.#unreleased--
    this.#journal.note({ kind: 'released', messageId })
    this.#journal.send({ cmd: 'pubcomp', messageId })
  }

  /** What was released before the connection was cut may be released again; on a new session that can't be. */
  #pubrelUnknown(messageId: number): void {
    const { version, resumed } = this.#attachment!
    const isEarly = this.#pending.has(messageId)
    if (isEarly) throw protocolError(`PUBREL ${messageId} must not come before PUBREC [MQTT-4.3.3-6]`)
    this.#journal.send({ cmd: 'pubcomp', messageId, reasonCode: version === 5 ? 0x92 : undefined })
    if (version === 5 && !resumed) throw protocolError(`PUBREL ${messageId} answers no PUBREC [MQTT-4.3.3-6]`)
  }

  /** @throws MqttError when more is on its way than we said [MQTT-3.3.4-7] [MQTT-3.3.4-9] */
  #checkMaximum(): void {
    const { receiveMaximum } = this.#attachment!
    if (receiveMaximum !== undefined && this.#pending.size + this.#unreleased > receiveMaximum) {
      throw protocolError(`more than ${receiveMaximum} PUBLISH packets, the Receive Maximum, are in flight`, 0x93)
    }
    this.#hold.update(this.#pending.size)
  }

  #arrive(incoming: Incoming): void {
    for (const take of this.#claims) if (take(incoming.packet)) return incoming.ack()
    if (this.#subscriber !== undefined && this.#inbox.length === 0 && !this.#isDraining) return this.#hand(incoming)
    if (incoming.packet.qos === 0 && !this.#makeRoom(incoming.packet)) return
    this.#inbox.push(incoming)
  }

  #makeRoom(packet: PublishPacket): boolean {
    const what = 'of QoS 0 wait for a subscriber of messages$'
    const over = makeRoom(this.#inbox.zero, messageBytes(packet), this.#settings, what, 0x97)
    if (over === undefined) return true
    const { error, oldest, isRoom } = over
    if (this.#settings.overflow === 'error') throw error
    for (const { packet: message } of oldest) this.#onDropped({ message, error })
    if (!isRoom) this.#onDropped({ message: packet, error })
    return isRoom
  }

  #drain(): void {
    this.#isDraining = true
    while (this.#subscriber !== undefined && this.#inbox.length > 0) {
      const incoming = this.#inbox.shift()
      // Who had it before may have acknowledged it after all.
      if (!incoming.isAcked) this.#hand(incoming)
    }
    this.#isDraining = false
  }

  #hand(incoming: Incoming): void {
    this.#taken(incoming)
    incoming.isDelivering = true
    this.#subscriber!.next(incoming)
    incoming.isDelivering = false
    if (this.#settings.ack === 'auto') incoming.ack()
  }

  #taken(incoming: Incoming): void {
    incoming.isTaken = true
    this.#ackTimer?.start(incoming)
  }

  readonly #onAck = (incoming: Incoming): void => {
    const { qos, messageId = 0 } = incoming.packet
    const isNow = incoming.generation === this.#generation
    const isKnown = isNow || this.#held.get(messageId) === incoming
    // Stored before its turn comes: whatever happens until then, it is not handed over again.
    if (isKnown && qos === 2 && incoming.reasonCode < 0x80) {
      this.#held.delete(messageId)
      this.#remember(messageId, 0)
    }
    if (isNow) this.#acknowledge(qos)
  }

  /** Sends what is acknowledged, in the order of the messages [MQTT-4.6.0-2] [MQTT-4.6.0-3]. */
  #acknowledge(qos: 0 | 1 | 2): void {
    const acks = this.#acks[qos - 1]!
    for (let incoming = acks.first; incoming?.isAcked === true; incoming = acks.first) {
      acks.shift()
      const messageId = incoming.packet.messageId!
      // Before MQTT 5 a refusal can't be told: the message counts as taken.
      const reasonCode = this.#attachment!.version < 5 ? 0 : incoming.reasonCode
      this.#pending.delete(messageId)
      if (qos === 2 && reasonCode < 0x80) {
        if (this.#received.get(messageId) !== this.#generation) this.#unreleased++
        this.#remember(messageId, this.#generation)
      }
      this.#journal.send({ cmd: qos === 1 ? 'puback' : 'pubrec', messageId, reasonCode: reasonCode || undefined })
    }
    this.#hold.update(this.#pending.size)
  }

  #remember(messageId: number, generation: number): void {
    if (!this.#received.has(messageId)) this.#journal.note({ kind: 'received', messageId })
    this.#received.set(messageId, generation)
  }

  /** What was handed over and not acknowledged waits again, for the next subscriber. */
  #unsubscribed(): void {
    this.#subscriber = undefined
    // With `ack: 'auto'` what is just being handed over counts as taken, also by who leaves with it.
    const isTaken = (incoming: Incoming): boolean => incoming.isDelivering && this.#settings.ack === 'auto'
    for (const [id, incoming] of this.#held) if (!isTaken(incoming) && !incoming.isAcked) this.#held.delete(id)
    for (const incoming of this.#pending.values()) incoming.isTaken &&= isTaken(incoming)
    this.#inbox.replace([...this.#pending.values()].filter(({ isTaken, isAcked }) => !isTaken && !isAcked))
  }
}
