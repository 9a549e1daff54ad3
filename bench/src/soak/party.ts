import { type Delivery, type QoS, Session } from '@rxmqtt/core'
import type { Findings } from './findings.js'
import type { Random } from './random.js'

/** Messages on their way at a time. */
const AHEAD = 50

/**
 * One end of a conversation over sessions, across whatever becomes of their connections: it sends numbered messages of each
 * QoS, and hears the other's. With QoS 1 none is missing, with QoS 2 each comes once, all in order.
 */
export class Party {
  readonly session: Session
  readonly name: string
  readonly #random: Random
  readonly #findings: Findings
  readonly #sent = [0, 0, 0]
  readonly #done = [0, 0, 0]
  readonly #expected = [0, 0, 0]
  again = 0

  constructor(name: string, random: Random, findings: Findings) {
    this.session = new Session({ receiveMaximum: 20 })
    this.name = name
    this.#random = random
    this.#findings = findings
    this.session.messages$.subscribe((delivery) => this.#hear(delivery))
    this.session.dropped$.subscribe(({ error }) => findings.violation(`${name} dropped a message: ${error.message}`))
  }

  /** Messages that were sent, and acknowledged. */
  get done(): number {
    return this.#done[0]! + this.#done[1]! + this.#done[2]!
  }

  get waiting(): number {
    return this.#sent[0]! + this.#sent[1]! + this.#sent[2]! - this.done
  }

  /** Whether the other has heard everything but what QoS 0 may lose. */
  isHeardBy(other: Party): boolean {
    return this.waiting === 0 && [1, 2].every((qos) => other.#expected[qos] === this.#sent[qos])
  }

  /** Says a few things. */
  talk(): void {
    for (let i = this.#random.below(6); i > 0 && this.waiting < AHEAD; i -= 1)
      this.#publish(this.#random.below(3) as QoS)
  }

  /** What is missing, for whoever asks why it is not done. */
  missing(other: Party): string {
    return `${this.name} sent ${this.#sent.join()}, done ${this.#done.join()}, heard ${other.#expected.join()}`
  }

  #publish(qos: QoS): void {
    const n = this.#sent[qos]!
    const payload = Buffer.alloc(4 + (n % 100), n & 255)
    payload.writeUInt32BE(n)
    this.#sent[qos] = n + 1
    this.session.publish({ topic: `${this.name}/${qos}`, payload, qos }).subscribe({
      next: () => (this.#done[qos]! += 1),
      error: (error: unknown) => this.#findings.violation(`${this.name}, QoS ${qos}, message ${n}: ${String(error)}`),
    })
  }

  #hear({ packet: { qos, payload, dup } }: Delivery): void {
    const n = new DataView(payload.buffer, payload.byteOffset).getUint32(0)
    const expected = this.#expected[qos]!
    const isWhole = payload.length === 4 + (n % 100) && payload.subarray(4).every((byte) => byte === (n & 255))
    // QoS 0 may miss some; QoS 1 may come again, and says so.
    const isRight = qos === 0 ? n >= expected : n === expected || (qos === 1 && n < expected && dup)
    this.#findings.require(isWhole && isRight, () => `${this.name} heard QoS ${qos} ${n} in place of ${expected}`)
    if (n < expected) this.again += 1
    this.#expected[qos] = Math.max(expected, n + 1)
  }
}
