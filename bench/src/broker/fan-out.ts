import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { publishFrame } from '../frames.js'
import { dial } from './dial.js'
import { Subscriber } from './subscriber.js'

/** Who is connected, beside one publisher. */
export interface Crowd {
  readonly port: number
  readonly subscribers: number
  readonly idle: number
}

export interface FanOutOrder {
  /** Bytes. */
  readonly payload: number
  /** Messages that not all subscribers have, at the most: no broker needs to drop one. A multiple of ten. */
  readonly window: number
  readonly milliseconds: number
}

/** What arrived, and the seconds from the first message sent to the last one delivered. */
export interface FannedOut {
  readonly deliveries: number
  readonly seconds: number
}

export interface LatencyOrder {
  readonly payload: number
  /** Messages that are published, each of which goes to all subscribers. */
  readonly perSecond: number
  readonly milliseconds: number
}

/** Milliseconds from the write of a message to each of its deliveries. */
export interface Latency {
  readonly median: number
  readonly p99: number
}

/** Messages in one write of the publisher. */
const together = 10
/** Milliseconds that the last messages may take. */
const patience = 30_000
const dialsTogether = 50
/** Latencies are counted by hundredths of a millisecond, those over ten seconds as ten seconds. */
const buckets = 1_000_000

/** One publisher, and subscribers who all want what it publishes; the idle clients are only there. */
export class FanOut {
  readonly #publisher: Socket
  readonly #subscribers: readonly Subscriber[]

  private constructor(publisher: Socket, subscribers: readonly Subscriber[]) {
    this.#publisher = publisher
    this.#subscribers = subscribers
  }

  static async open({ port, subscribers, idle }: Crowd): Promise<FanOut> {
    for (let i = 0; i < idle; i += dialsTogether) {
      const amount = Math.min(dialsTogether, idle - i)
      await Promise.all(Array.from({ length: amount }, (_, j) => dial(port, `idle-${i + j}`)))
    }
    const all = await Promise.all(Array.from({ length: subscribers }, (_, i) => Subscriber.dial(port, `sub-${i}`)))
    return new FanOut(await dial(port, 'publisher'), all)
  }

  /** Publishes as fast as deliveries come, then waits for all of them. */
  async run({ payload, window, milliseconds }: FanOutOrder): Promise<FannedOut> {
    const frame = publishFrame(payload)
    const burst = Buffer.concat(new Array<Buffer>(together).fill(frame))
    const amount = this.#subscribers.length
    let published = 0
    let deliveries = 0
    let isOver = false
    let last = 0
    const fill = (): void => {
      while (!isOver && published + together - deliveries / amount <= window) {
        published += together
        this.#publisher.write(burst)
      }
    }
    const arrived = (count: number): void => {
      deliveries += count
      last = performance.now()
      fill()
    }
    for (const subscriber of this.#subscribers) subscriber.expect(frame, arrived)
    const began = performance.now()
    fill()
    await delay(milliseconds)
    isOver = true
    await all(() => deliveries, published * amount)
    return { deliveries, seconds: (last - began) / 1_000 }
  }

  /** Publishes at a steady rate, whatever comes back. */
  async latency({ payload, perSecond, milliseconds }: LatencyOrder): Promise<Latency> {
    const frame = publishFrame(payload)
    const sentAt: number[] = []
    const counts = new Uint32Array(buckets + 1)
    let deliveries = 0
    for (const subscriber of this.#subscribers) {
      let next = 0
      subscriber.expect(frame, (count) => {
        const at = performance.now()
        deliveries += count
        for (let i = 0; i < count; i++) counts[Math.min(buckets, Math.round((at - sentAt[next++]!) * 100))]!++
      })
    }
    const began = performance.now()
    for (let now = began; now < began + milliseconds; now = performance.now()) {
      const due = Math.floor(((now - began) * perSecond) / 1_000) - sentAt.length
      for (let i = 0; i < due; i++) sentAt.push(now)
      if (due > 0) this.#publisher.write(Buffer.concat(new Array<Buffer>(due).fill(frame)))
      await delay(1)
    }
    const expected = sentAt.length * this.#subscribers.length
    await all(() => deliveries, expected)
    return { median: quantile(counts, expected * 0.5), p99: quantile(counts, expected * 0.99) }
  }
}

async function all(arrived: () => number, expected: number): Promise<void> {
  const end = performance.now() + patience
  while (arrived() < expected && performance.now() < end) await delay(1)
  if (arrived() !== expected) throw new Error(`${arrived()} of ${expected} messages arrived`)
}

/** Milliseconds below which so many of the counted ones are. */
function quantile(counts: Uint32Array, amount: number): number {
  let sum = 0
  const bucket = counts.findIndex((count) => (sum += count) >= amount)
  return bucket / 100
}
