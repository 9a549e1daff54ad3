import { type Observable, ReplaySubject } from 'rxjs'
import { Decoder } from '../codec/decoder.js'
import type { Protocol } from '../codec/protocol.js'
import type { Packet } from '../packet/packet.js'

/** What was sent was no MQTT: the decoder's error is the cause. */
export class UnreadableError extends Error {
  override readonly name: string = 'UnreadableError'
}

/** Stands for any error that a transport is destroyed with. */
export class AnyEnd {
  asymmetricMatch(error: unknown): boolean {
    return !(error instanceof UnreadableError)
  }

  toString(): string {
    return 'any error'
  }
}

/** What leaves a transport, decoded at once, since a CONNECT among it settles the version of what comes back. */
export class SentPackets {
  readonly #packets = new ReplaySubject<Packet>(Number.POSITIVE_INFINITY)
  readonly #decoder: Decoder
  readonly packets$: Observable<Packet> = this.#packets.asObservable()

  constructor(protocol: Protocol) {
    this.#decoder = new Decoder({ protocol, maximumPacketSize: 268_435_460 })
  }

  push(chunk: Uint8Array): void {
    this.#decoder.push(chunk)
    this.#guard(() => {
      for (let packet = this.#decoder.read(); packet !== undefined; packet = this.#decoder.read()) {
        this.#packets.next(packet)
      }
    })
  }

  complete(): void {
    this.#guard(() => {
      this.#decoder.end()
      this.#packets.complete()
    })
  }

  error(error: unknown): void {
    this.#packets.error(error)
  }

  #guard(read: () => void): void {
    try {
      read()
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      this.#packets.error(new UnreadableError(`what was sent is not MQTT: ${reason}`, { cause }))
    }
  }
}
