import { asyncScheduler, type Subscription, timer } from 'rxjs'
import { MqttError } from '../errors.js'
import type { IdMap } from './id-map.js'
import type { Incoming } from './inbox.js'

/** Watches how long messages wait for their acknowledgement. */
export class AckTimer {
  readonly #limit: number
  readonly #messages: IdMap<Incoming>
  readonly #onLate: (error: MqttError) => void
  #timer: Subscription | undefined

  /**
   * @param limit - milliseconds
   * @param messages - those that are not acknowledged to the peer, in the order in which they came
   */
  constructor(limit: number, messages: IdMap<Incoming>, onLate: (error: MqttError) => void) {
    this.#limit = limit
    this.#messages = messages
    this.#onLate = onLate
  }

  /** The time of a message begins. */
  start(incoming: Incoming): void {
    if (incoming.packet.qos === 0) return
    incoming.takenAt = asyncScheduler.now()
    this.#timer ??= this.#wait(this.#limit)
  }

  stop(): void {
    this.#timer?.unsubscribe()
    this.#timer = undefined
  }

  #wait(milliseconds: number): Subscription {
    return timer(milliseconds).subscribe(() => {
      this.#timer = undefined
      const oldest = [...this.#messages.values()].find(({ isTaken, isAcked }) => isTaken && !isAcked)
      if (oldest === undefined) return
      const left = oldest.takenAt + this.#limit - asyncScheduler.now()
      if (left > 0) {
        this.#timer = this.#wait(left)
        return
      }
      const text = `PUBLISH ${oldest.packet.messageId} was not acknowledged within ackTimeout, ${this.#limit} ms`
      this.#onLate(new MqttError('timeout', text, { reasonCode: 0x83 }))
    })
  }
}
