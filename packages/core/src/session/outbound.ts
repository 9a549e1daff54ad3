import type { Subscriber } from 'rxjs'
import { protocolError } from '../codec/violation.js'
import { type MqttError, toMqttError } from '../errors.js'
import type { PubackPacket, PubcompPacket, PubrecPacket } from '../packet/packet.js'
import type { Attachment } from './attachment.js'
import { Entry, EntryQueue } from './entry.js'
import { IdCounts } from './id-counts.js'
import { IdMap } from './id-map.js'
import type { Journal } from './journal.js'
import { checkMessage, keptMessage, type Message, type OnDropped, type PublishResult } from './message.js'
import { noteAdded, noteReleasing, noteRemoved } from './notes.js'
import type { SessionSettings } from './options.js'
import type { PacketIds } from './packet-ids.js'
import { PublishPackets } from './publish-packet.js'
import { refusalOf, sessionLost } from './refusal.js'
import { makeRoom } from './room.js'
import type { StoredEntry } from './session-store.js'

/** Messages to the peer, in order: they wait for window and transport, and stay until acknowledged, across connections. */
export class Outbound {
  readonly #settings: SessionSettings
  readonly #journal: Journal
  readonly #ids: PacketIds
  readonly #onDropped: OnDropped
  /** What waits; what an earlier connection left unacknowledged comes first, with its packet identifier. */
  #waiting = new EntryQueue()
  /** Sent without PUBACK or PUBREC, in the order in which they were sent first [MQTT-4.6.0-1]. */
  readonly #publishing = new IdMap<Entry>()
  /** PUBREL without PUBCOMP, in the order of their PUBRECs [MQTT-4.6.0-4]. */
  readonly #releasing = new IdMap<Entry>()
  /** PUBRELs that answered a PUBREC for nothing, or a second one: a PUBCOMP follows each. */
  readonly #extra = new IdCounts()
  #sequence = 0
  #attachment: Attachment | undefined
  /** Made for the first message on a connection: many a client only sends. */
  #packets: PublishPackets | undefined
  #inFlight = 0
  #isPumping = false

  constructor(settings: SessionSettings, journal: Journal, ids: PacketIds, onDropped: OnDropped) {
    this.#settings = settings
    this.#journal = journal
    this.#ids = ids
    this.#onDropped = onDropped
  }

  get queued(): number {
    return this.#waiting.length
  }

  get isReady(): boolean {
    const { connection, window = 0 } = this.#attachment ?? {}
    return connection?.writable === true && this.#waiting.length === 0 && this.#inFlight < window
  }

  /** Takes a message for a subscriber, who hears how it went; where there is none, who listens for dropped ones does. */
  add(message: Message, subscriber?: Subscriber<PublishResult>): void {
    const entry = Entry.of(message, subscriber)
    subscriber?.add(() => this.#unsubscribed(entry))
    try {
      const isNext = this.#waiting.length === 0 && this.#mayLeave(entry)
      // What is stored must be right for every version.
      if (!isNext || this.#journal.isStoring) checkMessage(message)
      if (isNext) return this.#send(entry)
    } catch (error) {
      return subscriber === undefined ? this.#drop(entry, toMqttError(error)) : entry.fail(toMqttError(error))
    }
    if (this.#makeRoom(entry)) this.#wait(entry)
  }

  /** Sends over a connection: first what is unacknowledged [MQTT-4.4.0-1], then what waits. */
  attach(attachment: Attachment): void {
    this.#attachment = attachment
    this.#inFlight = this.#releasing.size
    const waiting = this.#waiting.takeAll().filter(({ messageId }) => messageId === 0)
    for (const entry of [...this.#publishing.values(), ...waiting]) {
      entry.isFlying = false
      this.#waiting.push(entry)
    }
    for (const entry of this.#releasing.values()) {
      entry.isFlying = true
      this.#journal.send({ cmd: 'pubrel', messageId: entry.messageId })
    }
    this.pump()
  }

  detach(): void {
    this.#attachment = undefined
    this.#packets = undefined
    this.#extra.clear()
  }

  /** Takes over what a store has kept, where it is `ours`: otherwise its session is gone. What waits here comes after it. */
  restore(entries: readonly StoredEntry[], ours: boolean): void {
    const here = this.#waiting.takeAll()
    for (const entry of entries.map((stored) => Entry.restored(stored))) {
      const { messageId, message } = entry
      this.#sequence = Math.max(this.#sequence, entry.sequence)
      if (!ours) this.#drop(entry, sessionLost())
      else if (messageId === 0) this.#waiting.push(entry)
      else {
        this.#ids.reserve(messageId)
        ;(message === undefined ? this.#releasing : this.#publishing).set(messageId, entry)
      }
    }
    for (const entry of here) this.#wait(entry)
  }

  /**
   * The peer has forgotten the session. Where `again`, what is in flight with QoS 1 goes again as a new message, before what
   * waits; with QoS 2 it is lost, since nobody can tell whether it arrived. Otherwise everything is lost.
   */
  lose(again: boolean): void {
    const waiting = this.#waiting.takeAll().filter(({ messageId }) => messageId === 0)
    const entries = [...this.#publishing.values(), ...this.#releasing.values(), ...waiting]
    this.#publishing.clear()
    this.#releasing.clear()
    for (const entry of entries) {
      const goesAgain = again && (entry.messageId === 0 || entry.qos === 1)
      this.#ids.free(entry.messageId)
      entry.messageId = 0
      noteRemoved(this.#journal, entry)
      if (goesAgain) this.#wait(entry)
      else this.#drop(entry, sessionLost())
    }
  }

  /** @throws MqttError `'protocol-error'`, as those that follow */
  puback({ messageId, reasonCode = 0, properties }: PubackPacket): void {
    const entry = this.#publishing.get(messageId)
    if (entry?.qos !== 1) throw protocolError(`PUBACK ${messageId} answers no PUBLISH of QoS 1 [MQTT-4.3.2-3]`)
    this.#finish(entry, { qos: 1, reasonCode, properties })
  }

  pubrec({ messageId, reasonCode = 0, properties }: PubrecPacket): void {
    const entry = this.#publishing.get(messageId)
    if (entry === undefined) {
      this.#extra.add(messageId)
      const isNews = !this.#releasing.has(messageId) && this.#attachment?.version === 5
      return this.#journal.send({ cmd: 'pubrel', messageId, reasonCode: isNews ? 0x92 : undefined })
    }
    if (entry.qos !== 2) throw protocolError(`PUBREC ${messageId} answers a PUBLISH of QoS 1 [MQTT-4.3.2-3]`)
    if (reasonCode >= 0x80) return this.#finish(entry, { qos: 2, reasonCode, properties })
    this.#waiting.remove(entry)
    this.#publishing.delete(messageId)
    this.#releasing.set(messageId, entry)
    entry.message = undefined
    noteReleasing(this.#journal, entry, ++this.#sequence)
    this.#journal.send({ cmd: 'pubrel', messageId })
  }

  pubcomp({ messageId, reasonCode = 0, properties }: PubcompPacket): void {
    const entry = this.#releasing.get(messageId)
    // 0x92: the peer had finished before the connection was cut.
    if (entry) this.#finish(entry, { qos: 2, reasonCode: reasonCode === 0x92 ? 0 : reasonCode, properties })
    else if (!this.#extra.take(messageId)) throw protocolError(`PUBCOMP ${messageId} answers no PUBREL [MQTT-4.3.3-5]`)
  }

  pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    for (let entry = this.#waiting.first; entry !== undefined && this.#mayLeave(entry); entry = this.#waiting.first) {
      this.#waiting.shift()
      try {
        this.#send(entry)
      } catch (error) {
        this.#drop(entry, toMqttError(error))
      }
    }
    this.#isPumping = false
  }

  /** Whether the transport takes more, and the window, where the message counts in it [MQTT-4.9.0-2]. */
  #mayLeave({ qos, messageId }: Entry): boolean {
    const attachment = this.#attachment
    if (attachment === undefined || (qos === 0 && this.#journal.isHolding)) return false
    const { connection, window } = attachment
    if (connection.writable) return qos === 0 || (this.#inFlight < window && (messageId > 0 || this.#ids.isFree))
    attachment.whenWritable(() => this.pump())
    return false
  }

  /** @throws MqttError where the message must not be sent to this peer */
  #send(entry: Entry): void {
    const isAgain = entry.messageId !== 0
    if (entry.sequence === 0) entry.sequence = ++this.#sequence
    if (entry.qos > 0) {
      if (!isAgain) entry.messageId = this.#ids.take()
      this.#publishing.set(entry.messageId, entry)
      entry.isFlying = true
      this.#inFlight++
    }
    try {
      ;(this.#packets ??= new PublishPackets(this.#attachment!)).send(entry, isAgain, this.#journal)
    } catch (error) {
      this.#settle(entry)
      throw error
    }
    if (entry.qos === 0) entry.succeed({ qos: 0, reasonCode: 0 })
    else entry.own()
  }

  #finish(entry: Entry, result: PublishResult): void {
    this.#settle(entry)
    noteRemoved(this.#journal, entry)
    if (result.reasonCode < 0x80) entry.succeed(result)
    else entry.fail(refusalOf(result))
    this.pump()
  }

  /** The packet identifier of an entry is free again. */
  #settle(entry: Entry): void {
    const { messageId } = entry
    if (messageId === 0) return
    this.#publishing.delete(messageId)
    this.#releasing.delete(messageId)
    this.#ids.free(messageId)
    if (entry.isFlying) this.#inFlight--
    this.#waiting.remove(entry)
  }

  #wait(entry: Entry): void {
    entry.sequence = ++this.#sequence
    entry.message = keptMessage(entry.message!)
    this.#waiting.push(entry)
    noteAdded(this.#journal, entry)
  }

  #makeRoom(entry: Entry): boolean {
    const over = makeRoom(this.#waiting, entry.bytes, this.#settings, 'wait to be sent')
    if (over === undefined) return true
    for (const each of over.oldest) this.#drop(each, over.error)
    if (!over.isRoom) this.#drop(entry, over.error, this.#settings.overflow !== 'error')
    return over.isRoom
  }

  #drop(entry: Entry, error: MqttError, isTold = true): void {
    noteRemoved(this.#journal, entry)
    if (isTold && entry.message !== undefined) this.#onDropped({ message: entry.message, error })
    entry.fail(error)
  }

  /** What still waits is taken out; what is in flight goes on. */
  #unsubscribed(entry: Entry): void {
    entry.subscriber = undefined
    if (!entry.isQueued || entry.messageId !== 0) return
    this.#waiting.remove(entry)
    noteRemoved(this.#journal, entry)
  }
}
