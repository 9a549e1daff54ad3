import { connect } from 'node:net'
import { blockOf, frameOf, topic } from '../frames.js'
import { host } from '../peers/peer.js'

/** CONNACK, SUBACK: QoS 0 was granted. */
const welcome = Buffer.of(0x20, 2, 0, 0, 0x90, 3, 0, 1, 0)

/**
 * A subscriber with QoS 0 that can only count one frame again and again, and sees that it is nothing else: comparing bytes
 * costs next to nothing, and its memory is used again for each read.
 */
export class Subscriber {
  #block: Buffer = welcome
  #frame = welcome.length
  /** Where in the frame the next bytes are. */
  #at = 0
  #onFrames: (count: number) => void = () => undefined
  readonly #onBytes: (bytes: Buffer) => void = (bytes) => this.#read(bytes)

  private constructor(port: number, clientId: string) {
    const onread = {
      buffer: Buffer.allocUnsafe(65_536),
      callback: (length: number, buffer: Uint8Array): boolean => {
        this.#onBytes((buffer as Buffer).subarray(0, length))
        return true
      },
    }
    const socket = connect({ host, port, noDelay: true, onread })
    socket.write(frameOf({ cmd: 'connect', clientId }))
    socket.write(frameOf({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: 0 }] }))
  }

  /** Resolves when it has subscribed. */
  static dial(port: number, clientId: string): Promise<Subscriber> {
    const subscriber = new Subscriber(port, clientId)
    return new Promise((resolve) => (subscriber.#onFrames = () => resolve(subscriber)))
  }

  /** From now on it gets this frame alone; `onFrames` is told how many of them became whole. */
  expect(frame: Buffer, onFrames: (count: number) => void): void {
    // As many as one read may bring, wherever it begins in a frame.
    this.#block = Buffer.concat([blockOf(frame), frame])
    this.#frame = frame.length
    this.#at = 0
    this.#onFrames = onFrames
  }

  #read(bytes: Buffer): void {
    const end = this.#at + bytes.length
    if (this.#block.compare(bytes, 0, bytes.length, this.#at, end) !== 0) {
      throw new Error(`a subscriber got what nobody sent: ${bytes.subarray(0, 40).toString('hex')}`)
    }
    this.#at = end % this.#frame
    const whole = (end - this.#at) / this.#frame
    if (whole > 0) this.#onFrames(whole)
  }
}
