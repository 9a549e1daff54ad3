import type { Connection, PublishPacket, QoS } from '@rxmqtt/core'
import type { Findings } from './findings.js'

/** What one message carries besides its number. */
const FILLER = 100

/**
 * One end of a conversation in which each end sends numbered messages of all three qualities of service, and misses
 * none of the other's: not lost, not doubled, not out of order, each acknowledged once by its id.
 */
export class Talker {
  readonly name: string
  readonly connection: Connection
  readonly #total: number
  readonly #findings: Findings
  readonly #unacknowledged = new Map<number, QoS>()
  #next = 0
  #expected = 0
  #isListening = false

  constructor(name: string, connection: Connection, total: number, findings: Findings) {
    this.name = name
    this.connection = connection
    this.#total = total
    this.#findings = findings
  }

  get isDone(): boolean {
    return this.#next === this.#total && this.#expected === this.#total && this.#unacknowledged.size === 0
  }

  /** Where it stands, for whoever asks why it is not done. */
  get progress(): string {
    return `${this.name}: sent ${this.#next}, received ${this.#expected}, unacknowledged ${this.#unacknowledged.size}`
  }

  /** Says the next thing, when the connection takes it. */
  talk(): void {
    const { connection } = this
    if (this.#next === this.#total || !this.#isListening || !connection.writable) return
    const n = this.#next
    const qos = (n % 3) as QoS
    const payload = Buffer.alloc(4 + (n % FILLER), n & 255)
    payload.writeUInt32BE(n)
    this.#next += 1
    if (qos > 0) this.#unacknowledged.set(n + 1, qos)
    connection.publish({ topic: `crowd/${this.name}`, payload, qos, ...(qos > 0 ? { messageId: n + 1 } : {}) })
  }

  listen(): void {
    const { connection } = this
    this.#isListening = true
    connection.publish$.subscribe((packet) => this.#hear(packet))
    connection.puback$.subscribe(({ messageId }) => this.#acknowledged(messageId, 1))
    connection.pubrec$.subscribe(({ messageId }) => connection.pubrel({ messageId }))
    connection.pubrel$.subscribe(({ messageId }) => connection.pubcomp({ messageId }))
    connection.pubcomp$.subscribe(({ messageId }) => this.#acknowledged(messageId, 2))
  }

  #hear({ payload, qos, messageId }: PublishPacket): void {
    const n = new DataView(payload.buffer, payload.byteOffset).getUint32(0)
    const isWhole = payload.length === 4 + (n % FILLER) && payload.subarray(4).every((byte) => byte === (n & 255))
    const isRight = n === this.#expected && isWhole && qos === n % 3
    this.#findings.require(isRight, () => `${this.name} got message ${n} instead of ${this.#expected}, or not as sent`)
    this.#expected = n + 1
    if (qos === 1) this.connection.puback({ messageId: messageId! })
    if (qos === 2) this.connection.pubrec({ messageId: messageId! })
  }

  #acknowledged(messageId: number, qos: QoS): void {
    const isKnown = this.#unacknowledged.get(messageId) === qos
    this.#findings.require(isKnown, () => `${this.name} got an acknowledgement for ${messageId}, which was not sent`)
    this.#unacknowledged.delete(messageId)
  }
}
