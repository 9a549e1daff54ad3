import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Decoder, type PublishPacket, type QoS } from '@rxmqtt/core'
import { encode } from './frames.js'
import { HOST } from './hub.js'
import { pause } from './process.js'

/** Messages in one write. */
const TOGETHER = 20

/** A client on a bare socket, which does only what it is told to. */
export class BareClient {
  readonly socket: Socket
  /** Messages that came. */
  received = 0
  /** PUBACKs that came. */
  acknowledged = 0
  /** Whether it acknowledges. */
  isAcknowledging = true
  onMessage: ((packet: PublishPacket) => void) | undefined
  readonly #decoder = new Decoder()
  #answered: (() => void) | undefined

  private constructor(port: number) {
    this.socket = connect({ host: HOST, port, noDelay: true })
    this.socket.on('error', () => this.socket.destroy())
    this.socket.on('data', (chunk) => this.#read(chunk))
  }

  static async dial(port: number, clientId: string): Promise<BareClient> {
    const client = new BareClient(port)
    await client.#ask(encode(4, { cmd: 'connect', clientId }))
    return client
  }

  async subscribe(topic: string, qos: QoS): Promise<void> {
    await this.#ask(encode(4, { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos }] }))
  }

  publish(topic: string, payload: Uint8Array): void {
    this.socket.write(encode(4, { cmd: 'publish', topic, payload }))
  }

  /**
   * Publishes so many, as fast as they are taken, or with some milliseconds after each twenty; resolves when the last one
   * was, with QoS 1 when it is acknowledged.
   */
  async flood(topic: string, payload: number, amount: number, qos: 0 | 1, rest = 0): Promise<void> {
    const bytes = new Uint8Array(payload)
    const limit = this.acknowledged + amount
    const packets = Array.from({ length: TOGETHER }, (_, i) => {
      return encode(4, { cmd: 'publish', topic, payload: bytes, qos, ...(qos === 1 ? { messageId: 1 + i } : {}) })
    })
    const block = Buffer.concat(packets)
    for (let sent = 0; sent < amount && !this.socket.destroyed; sent += TOGETHER) {
      if (!this.socket.write(block)) await once(this.socket, 'drain')
      // The next ones have the same identifiers.
      if (rest > 0) await pause(rest)
      if (qos === 1) await this.#until(limit - amount + sent + TOGETHER)
    }
  }

  close(): void {
    this.socket.destroy()
  }

  async #until(acknowledged: number): Promise<void> {
    while (this.acknowledged < acknowledged) await this.#ask()
  }

  /** Waits for the next answer. */
  async #ask(bytes?: Uint8Array): Promise<void> {
    const answered = new Promise<void>((resolve) => (this.#answered = resolve))
    if (bytes !== undefined) this.socket.write(bytes)
    await answered
  }

  #read(chunk: Uint8Array): void {
    this.#decoder.push(chunk)
    for (let packet = this.#decoder.read(); packet !== undefined; packet = this.#decoder.read()) {
      if (packet.cmd !== 'publish') {
        if (packet.cmd === 'puback') this.acknowledged += 1
        this.#answered?.()
        continue
      }
      this.received += 1
      const { qos, messageId } = packet
      if (qos === 1 && this.isAcknowledging) this.socket.write(encode(4, { cmd: 'puback', messageId: messageId! }))
      this.onMessage?.(packet)
    }
  }
}
