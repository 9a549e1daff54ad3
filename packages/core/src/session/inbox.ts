import { invalidPacket, shown } from '../codec/violation.js'
import { Queue } from '../operators/queue.js'
import type { PublishPacket } from '../packet/packet.js'
import { type PubackReasonCode, reasonCodes } from '../packet/reason-code.js'
import { type Delivery, messageBytes, ownMessage } from './message.js'
import type { Waiting } from './room.js'

/** A message from the peer, from its arrival until it is acknowledged. */
export class Incoming implements Delivery {
  packet: PublishPacket
  /** The attachment in which it came. */
  generation: number
  /** A subscriber has it. */
  isTaken = false
  /** It is being handed over. */
  isDelivering = false
  isAcked = false
  reasonCode: PubackReasonCode = 0
  /** When it was taken, in milliseconds since the epoch. */
  takenAt = 0
  order = 0
  readonly #onAck: ((incoming: Incoming) => void) | undefined

  constructor(packet: PublishPacket, generation: number, onAck?: (incoming: Incoming) => void) {
    this.packet = packet
    this.generation = generation
    this.#onAck = onAck
  }

  ack(reasonCode: PubackReasonCode = 0): void {
    if (this.isAcked || this.packet.qos === 0) return
    if (!reasonCodes.puback.includes(reasonCode)) {
      throw invalidPacket(`PUBACK reasonCode must not be ${shown(reasonCode)} [MQTT-3.4.2-1] [MQTT-3.5.2-1]`)
    }
    this.isAcked = true
    this.reasonCode = reasonCode
    this.#onAck?.(this)
  }
}

/** Messages of QoS 0, in the order in which they came. */
class ZeroQueue extends Queue<Incoming> implements Waiting<Incoming> {
  bytes = 0

  override push(incoming: Incoming): void {
    this.bytes += messageBytes(incoming.packet)
    super.push(incoming)
  }

  override shift(): Incoming {
    const incoming = super.shift()
    this.bytes -= messageBytes(incoming.packet)
    return incoming
  }

  takeOldest(more: () => boolean): Incoming[] {
    const oldest: Incoming[] = []
    while (this.length > 0 && more()) oldest.push(this.shift())
    return oldest
  }
}

/** Messages that wait for somebody who listens, in the order in which they came. */
export class Inbox {
  /** Those of QoS 0. */
  readonly zero: ZeroQueue = new ZeroQueue()
  #promised = new Queue<Incoming>()
  #order = 0

  get length(): number {
    return this.zero.length + this.#promised.length
  }

  push(incoming: Incoming): void {
    keep(incoming)
    incoming.order = ++this.#order
    ;(incoming.packet.qos === 0 ? this.zero : this.#promised).push(incoming)
  }

  /** The message that came first; the caller knows that there is one. */
  shift(): Incoming {
    const zero = this.zero.first
    const promised = this.#promised.first
    const isZero = zero !== undefined && (promised === undefined || zero.order < promised.order)
    return isZero ? this.zero.shift() : this.#promised.shift()
  }

  /** Has these messages of QoS 1 and 2 wait, in the order in which they came, in place of those that do. */
  replace(promised: readonly Incoming[]): void {
    this.#promised.clear()
    for (const incoming of promised) {
      keep(incoming)
      this.#promised.push(incoming)
    }
  }
}

/** Its bytes are no longer views of the chunk in which it came, which would be kept with it. */
function keep(incoming: Incoming): void {
  incoming.packet = ownMessage(incoming.packet)
}
