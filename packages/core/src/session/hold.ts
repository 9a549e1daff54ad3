import { type Subscription, timer } from 'rxjs'
import type { Connection } from '../connection/connection.js'
import { MqttError } from '../errors.js'
import type { PacketIds } from './packet-ids.js'

/** By how much more may wait while an answer of the peer is awaited, which comes behind what it sends. */
const patience = 4
/** Milliseconds for which a peer is held back whose answer is awaited: then nothing may ever go on. */
const stuckTimeout = 60_000

/**
 * Holds the peer back while too many messages wait for their acknowledgement. Where an answer of the peer is awaited, it comes
 * behind what the peer sends: so more may wait then, and what is held back all the same ends after a minute. Otherwise two
 * sessions that acknowledge when the other is answered would wait for each other for ever.
 */
export class Hold {
  readonly #limit: number
  readonly #ids: PacketIds
  readonly #onStuck: (error: MqttError) => void
  #connection: Connection | undefined
  #waiting = 0
  #isHolding = false
  #stuck: Subscription | undefined

  /** @param limit - messages that may wait where no answer is awaited */
  constructor(limit: number, ids: PacketIds, onStuck: (error: MqttError) => void) {
    this.#limit = limit
    this.#ids = ids
    this.#onStuck = onStuck
  }

  attach(connection: Connection): void {
    this.#connection = connection
  }

  detach(): void {
    this.update(0)
    this.#connection = undefined
  }

  /** @param waiting - messages that wait; as before where only an answer came or is awaited now */
  update(waiting: number = this.#waiting): void {
    this.#waiting = waiting
    if (waiting <= this.#limit && !this.#isHolding) return
    const isAwaiting = this.#ids.isAnyUsed
    const isHolding = waiting > (isAwaiting ? this.#limit * patience : this.#limit)
    this.#watch(isHolding && isAwaiting)
    if (this.#isHolding === isHolding) return
    this.#isHolding = isHolding
    if (isHolding) this.#connection?.pause()
    else this.#connection?.resume()
  }

  #watch(isStuck: boolean): void {
    if (!isStuck) {
      this.#stuck?.unsubscribe()
      this.#stuck = undefined
      return
    }
    this.#stuck ??= timer(stuckTimeout).subscribe(() => {
      const text = `${this.#waiting} messages were not acknowledged for ${stuckTimeout} ms, and an answer waits behind them`
      this.#onStuck(new MqttError('overflow', text, { reasonCode: 0x97 }))
    })
  }
}
