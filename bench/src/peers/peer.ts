import { performance } from 'node:perf_hooks'
import { cpuSeconds, now, type Speed } from '../measure.js'

/** A library as the measurements use it: each member dials the far end anew. */
export interface Peer {
  /** Receives for a while. */
  receive(order: ReceiveOrder): Promise<Speed>
  /** Sends for a while, holding back when it is told to. */
  send(order: Order): Promise<Sent>
  /** Milliseconds from the dial over CONNACK to the first PUBLISH. */
  first(order: Order): Promise<number>
}

export interface Order {
  readonly port: number
  /** Bytes. */
  readonly payload: number
  readonly milliseconds: number
}

export interface ReceiveOrder extends Order {
  /** Packet streams that are subscribed to. */
  readonly streams?: number | undefined
}

export interface Sent {
  readonly packets: number
  /** When it began, on the clock of {@link now}. */
  readonly began: number
  /** Seconds of processor time. */
  readonly cpu: number
}

export const host = '127.0.0.1'

/** Packets that are published in one turn of the event loop, where nothing holds them back. */
const turn = 1_000

/** Counts packets from the first on, until the time is over. */
export class Meter {
  readonly done: Promise<Speed>
  readonly #payload: number
  readonly #milliseconds: number
  #resolve!: (speed: Speed) => void
  #reject!: (error: Error) => void
  #packets = 0
  #bytes = 0
  #began = 0
  #cpu = 0

  constructor({ payload, milliseconds }: Order) {
    this.#payload = payload
    this.#milliseconds = milliseconds
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  count(payload: Uint8Array): void {
    if (this.#packets++ === 0) this.#start()
    this.#bytes += payload.length
  }

  #start(): void {
    this.#began = performance.now()
    this.#cpu = cpuSeconds()
    setTimeout(() => {
      const seconds = (performance.now() - this.#began) / 1_000
      const packets = this.#packets
      if (this.#bytes === packets * this.#payload) {
        this.#resolve({ perSecond: packets / seconds, perCpuSecond: packets / (cpuSeconds() - this.#cpu) })
      } else {
        this.#reject(new Error(`${this.#bytes} bytes of payload in ${packets} packets`))
      }
    }, this.#milliseconds)
  }
}

/**
 * Publishes until the time is over, a thousand packets a turn, or fewer where the library holds back.
 *
 * @param publish - publishes one packet; false: wait
 * @param drained - resolves when more may be published
 */
export async function publishFor(
  { milliseconds }: Order,
  publish: () => boolean,
  drained: () => Promise<unknown>,
): Promise<Sent> {
  const began = now()
  const cpu = cpuSeconds()
  const end = began + milliseconds * 1e6
  let packets = 0
  while (now() < end) {
    let free = true
    for (let i = 0; i < turn && free; i++) {
      free = publish()
      packets++
    }
    if (free) await new Promise((resolve) => setImmediate(resolve))
    else await drained()
  }
  return { packets, began, cpu: cpuSeconds() - cpu }
}
