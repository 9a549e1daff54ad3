import { once } from 'node:events'
import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { frameOf } from '../frames.js'
import { Cutter } from './cutter.js'
import { dial } from './dial.js'

/** Publishers and as many subscribers, in pairs that have a topic of their own. */
export interface ExchangeOrder {
  readonly port: number
  readonly qos: 1 | 2
  readonly pairs: number
  /** Messages of one pair on their way at a time. */
  readonly window: number
  readonly payload: number
  readonly milliseconds: number
}

/** Messages that both ends are done with, and the seconds until the last one was. */
export interface Exchanged {
  readonly messages: number
  readonly seconds: number
}

/** Milliseconds that the last messages may take. */
const patience = 30_000
const [PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP] = [3, 4, 5, 6, 7]
/** Packet identifiers go round: far more than are in use. */
const identifiers = 60_000

/** Publishes, and has everything delivered with the same QoS, with all acknowledgements at both ends. */
export async function exchange(order: ExchangeOrder): Promise<Exchanged> {
  const pairs = await Promise.all(Array.from({ length: order.pairs }, (_, i) => Pair.dial(order, i)))
  const began = performance.now()
  for (const pair of pairs) pair.fill()
  await delay(order.milliseconds)
  for (const pair of pairs) pair.isOver = true
  const end = performance.now() + patience
  while (!pairs.every(({ isDone }) => isDone) && performance.now() < end) await delay(1)
  const undone = pairs.find(({ isDone }) => !isDone)
  for (const pair of pairs) pair.close()
  if (undone !== undefined) throw new Error(undone.progress)
  const last = Math.max(...pairs.map((pair) => pair.last))
  return { messages: pairs.reduce((sum, { published }) => sum + published, 0), seconds: (last - began) / 1_000 }
}

class Pair {
  isOver = false
  published = 0
  /** When the last message was done. */
  last = 0
  #acknowledged = 0
  #delivered = 0
  readonly #qos: 1 | 2
  readonly #window: number
  readonly #publisher: Socket
  readonly #subscriber: Socket
  readonly #frame: Buffer
  readonly #idAt: number

  private constructor({ qos, window, payload }: ExchangeOrder, topic: string, publisher: Socket, subscriber: Socket) {
    this.#qos = qos
    this.#window = window
    this.#publisher = publisher
    this.#subscriber = subscriber
    this.#frame = frameOf({ cmd: 'publish', topic, payload: 'x'.repeat(payload), qos, messageId: 1 })
    this.#idAt = this.#frame.length - payload - 2
    this.#answer(publisher, (frame) => this.#published(frame))
    this.#answer(subscriber, (frame) => this.#arrived(frame))
  }

  static async dial(order: ExchangeOrder, index: number): Promise<Pair> {
    const topic = `pairs/${index}`
    const subscriber = await dial(order.port, `taker-${index}`)
    subscriber.write(frameOf({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: order.qos }] }))
    const [chunk] = (await once(subscriber, 'data')) as [Buffer]
    if (chunk[0] !== 0x90 || chunk[4] !== order.qos) throw new Error(`no SUBACK: ${chunk.toString('hex')}`)
    return new Pair(order, topic, await dial(order.port, `giver-${index}`), subscriber)
  }

  get isDone(): boolean {
    return this.#acknowledged === this.published && this.#delivered === this.published
  }

  get progress(): string {
    return `${this.published} published, ${this.#acknowledged} acknowledged, ${this.#delivered} delivered`
  }

  fill(): void {
    const frames: Buffer[] = []
    while (!this.isOver && this.published - Math.min(this.#acknowledged, this.#delivered) < this.#window) {
      const frame = Buffer.from(this.#frame)
      frame.writeUInt16BE(1 + (this.published++ % identifiers), this.#idAt)
      frames.push(frame)
    }
    if (frames.length > 0) this.#publisher.write(Buffer.concat(frames))
  }

  close(): void {
    this.#publisher.destroy()
    this.#subscriber.destroy()
  }

  /** What is answered to the frames of one read goes in one write. */
  #answer(socket: Socket, answerTo: (frame: Buffer) => Buffer | undefined): void {
    const cutter = new Cutter()
    socket.on('data', (chunk: Buffer) => {
      const answers: Buffer[] = []
      cutter.push(chunk, (frame) => {
        const answer = answerTo(frame)
        if (answer !== undefined) answers.push(answer)
      })
      if (answers.length > 0) socket.write(Buffer.concat(answers))
      this.last = performance.now()
      this.fill()
    })
  }

  #published(frame: Buffer): Buffer | undefined {
    const type = frame[0]! >> 4
    if (type === PUBREC) return ack(PUBREL, frame, 2)
    if (type !== (this.#qos === 1 ? PUBACK : PUBCOMP)) throw new Error(`a publisher got ${frame.toString('hex')}`)
    this.#acknowledged++
    return undefined
  }

  #arrived(frame: Buffer): Buffer {
    const type = frame[0]! >> 4
    if (type === PUBREL) {
      this.#delivered++
      return ack(PUBCOMP, frame, 2)
    }
    if (type !== PUBLISH || frame.length !== this.#frame.length) {
      throw new Error(`a subscriber got ${frame.toString('hex')}`)
    }
    if (this.#qos === 2) return ack(PUBREC, frame, this.#idAt)
    this.#delivered++
    return ack(PUBACK, frame, this.#idAt)
  }
}

/** An acknowledgement of the packet whose identifier is there. */
function ack(type: number | undefined, frame: Buffer, idAt: number): Buffer {
  return Buffer.of((type! << 4) | (type === PUBREL ? 2 : 0), 2, frame[idAt]!, frame[idAt + 1]!)
}
