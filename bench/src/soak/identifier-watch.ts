import type { Packet } from '@rxmqtt/core'
import type { Findings } from './findings.js'

const LAST = 65_535

/**
 * What goes by at a sender of messages: no packet identifier is used again before it is free, they follow each other, and
 * no more messages are in flight than the receiver takes.
 */
export class IdentifierWatch {
  /** The most in flight at a time. */
  most = 0
  /** How often identifiers began again at 1. */
  wraps = 0
  /** Identifiers that were left out since they were in use. */
  skipped = 0
  readonly #used = new Set<number>()
  readonly #maximum: number
  readonly #findings: Findings
  #last = 0

  constructor(maximum: number, findings: Findings) {
    this.#maximum = maximum
    this.#findings = findings
  }

  get inUse(): number {
    return this.#used.size
  }

  sent(packet: Packet): void {
    if (packet.cmd !== 'publish' || packet.qos === 0) return
    const id = packet.messageId!
    const isNew = !this.#used.has(id)
    this.#findings.require(isNew, () => `PUBLISH ${id} was sent while ${id} was in use`)
    const expected = this.#next()
    this.#findings.require(id === expected, () => `PUBLISH ${id} followed ${this.#last}: ${expected} was free`)
    this.#last = id
    this.#used.add(id)
    this.most = Math.max(this.most, this.inUse)
    this.#findings.require(this.inUse <= this.#maximum, () => `${this.inUse} messages were in flight`)
  }

  received(packet: Packet): void {
    if (packet.cmd === 'puback' || packet.cmd === 'pubcomp') this.#used.delete(packet.messageId)
    else if (packet.cmd === 'pubrec' && (packet.reasonCode ?? 0) >= 0x80) this.#used.delete(packet.messageId)
  }

  /** The identifier that comes next. */
  #next(): number {
    let id = this.#last
    for (;;) {
      if (id === LAST) this.wraps += 1
      id = id === LAST ? 1 : id + 1
      if (!this.#used.has(id)) return id
      this.skipped += 1
    }
  }
}
