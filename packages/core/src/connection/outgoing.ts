import { type Observable, Subject } from 'rxjs'
import { Decoder } from '../codec/decoder.js'
import { Encoder } from '../codec/encoder.js'
import type { Protocol } from '../codec/protocol.js'
import { refusal } from '../codec/violation.js'
import { type ChunkTarget, PacketBatch } from '../operators/packet-batch.js'
import { parse } from '../operators/parse.js'
import type { PacketInput } from '../packet/fields.js'
import type { Packet } from '../packet/packet.js'
import type { Transport } from '../transport.js'

/** What a connection lets see of the bytes that leave. */
interface Tap {
  readonly bytes: Subject<Uint8Array>
  readonly sent: Subject<Packet>
}

/** The writing side of a connection: packets, by what `generate` is made of, to `transport.sink`. */
export class Outgoing implements ChunkTarget {
  readonly #transport: Transport
  readonly #onSinkError: (error: unknown) => void
  readonly #batch: PacketBatch
  #tap: Tap | undefined
  #over = false

  /** @param onSinkError - told of what the transport's sink throws */
  constructor(transport: Transport, protocol: Protocol, maximumPacketSize: number, onSinkError: (e: unknown) => void) {
    this.#transport = transport
    this.#onSinkError = onSinkError
    this.#batch = new PacketBatch(new Encoder({ protocol, maximumPacketSize }), this)
  }

  /** Bytes that wait for the peer. */
  get buffered(): number {
    return this.#transport.buffered + this.#batch.encoder.pending
  }

  /** Every packet that leaves, as the peer reads it: decoded from the bytes. */
  get sent$(): Observable<Packet> {
    this.#tap ??= this.#makeTap()
    return this.#tap.sent.asObservable()
  }

  /** @throws MqttError `'invalid-packet'`; nothing was written */
  write(packet: PacketInput): void {
    try {
      // What was written before it is of the version before it, also for who reads `sent$`.
      if (packet?.cmd === 'connect') this.#batch.flush()
    } catch (error) {
      throw refusal(error)
    }
    this.#batch.write(packet)
  }

  next(chunk: Uint8Array): void {
    try {
      this.#tap?.bytes.next(chunk)
      this.#transport.sink.next(chunk)
    } catch (error) {
      this.#onSinkError(error)
    }
  }

  /** Sends what was written, then ends. */
  complete(): void {
    this.#batch.finish(() => {
      this.stop()
      this.#transport.sink.complete()
    })
  }

  /** Drops what has not left. */
  stop(): void {
    this.#over = true
    this.#batch.cancel()
    this.#tap?.bytes.complete()
  }

  #makeTap(): Tap {
    const { protocol, maximumPacketSize } = this.#batch.encoder
    const bytes = new Subject<Uint8Array>()
    const sent = new Subject<Packet>()
    bytes.pipe(parse({ decoder: new Decoder({ protocol, maximumPacketSize }) })).subscribe(sent)
    if (this.#over) bytes.complete()
    return { bytes, sent }
  }
}
