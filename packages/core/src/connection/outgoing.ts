import { type Observable, Subject, type Subscription } from 'rxjs'
import { Decoder } from '../codec/decoder.js'
import { Encoder } from '../codec/encoder.js'
import type { Protocol } from '../codec/protocol.js'
import type { MqttError } from '../errors.js'
import { generate } from '../operators/generate.js'
import { parse } from '../operators/parse.js'
import type { PacketInput } from '../packet/fields.js'
import type { Packet } from '../packet/packet.js'
import type { Transport } from '../transport.js'

/** The writing side of a connection: packets → `generate` → `transport.sink`. */
export class Outgoing {
  readonly #transport: Transport
  readonly #encoder: Encoder
  readonly #packets = new Subject<PacketInput>()
  readonly #subscription: Subscription
  #invalid: MqttError | undefined
  #bytes: Subject<Uint8Array> | undefined
  #sent: Subject<Packet> | undefined

  /** @param onSinkError - told of what the transport's sink throws */
  constructor(transport: Transport, protocol: Protocol, maximumPacketSize: number, onSinkError: (e: unknown) => void) {
    const encoder = new Encoder({ protocol, maximumPacketSize })
    const onInvalid = (error: MqttError): void => {
      this.#invalid = error
    }
    this.#transport = transport
    this.#encoder = encoder
    this.#subscription = this.#packets.pipe(generate({ encoder, onInvalid })).subscribe({
      next: (chunk) => {
        try {
          this.#bytes?.next(chunk)
          transport.sink.next(chunk)
        } catch (error) {
          onSinkError(error)
        }
      },
      complete: () => transport.sink.complete(),
    })
  }

  /** Bytes that wait for the peer. */
  get buffered(): number {
    return this.#transport.buffered + this.#encoder.pending
  }

  /** Every packet that leaves, as the peer reads it: decoded from the bytes. */
  get sent$(): Observable<Packet> {
    if (this.#sent === undefined) {
      const { protocol, maximumPacketSize } = this.#encoder
      this.#sent = new Subject()
      this.#bytes = new Subject()
      this.#bytes.pipe(parse({ decoder: new Decoder({ protocol, maximumPacketSize }) })).subscribe(this.#sent)
      if (this.#subscription.closed) this.#bytes.complete()
    }
    return this.#sent.asObservable()
  }

  /** @throws MqttError `'invalid-packet'`; nothing was written */
  write(packet: PacketInput): void {
    this.#packets.next(packet)
    const invalid = this.#invalid
    if (invalid === undefined) return
    this.#invalid = undefined
    throw invalid
  }

  /** Sends what was written, then ends. */
  complete(): void {
    this.#packets.complete()
    this.#bytes?.complete()
  }

  /** Drops what has not left. */
  stop(): void {
    this.#subscription.unsubscribe()
    this.#bytes?.complete()
  }
}
