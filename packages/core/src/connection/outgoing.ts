import { distinctUntilChanged, map, type Observable, Subject, type Subscription } from 'rxjs'
import { ChunkList } from '../codec/chunk-list.js'
import { Decoder } from '../codec/decoder.js'
import { Encoder } from '../codec/encoder.js'
import type { Protocol } from '../codec/protocol.js'
import { refusal } from '../codec/violation.js'
import { type ChunkTarget, PacketBatch } from '../operators/packet-batch.js'
import { MqttError } from '../errors.js'
import type { PacketInput } from '../packet/fields.js'
import type { Packet } from '../packet/packet.js'
import type { Transport } from '../transport.js'
import type { Settings } from './options.js'

/** What a connection lets see of the bytes that leave. */
interface Tap {
  readonly decoder: Decoder
  readonly sent: Subject<Packet>
  readonly sent$: Observable<Packet>
  /** True while chunks leave that began before it. */
  isLate: boolean
}

/**
 * The writing side of a connection: packets, by what `generate` is made of, to `transport.sink`. While the transport takes
 * no more, what leaves is gathered here: a queue of small chunks would cost a peer's bytes a hundred times over.
 */
export class Outgoing implements ChunkTarget {
  readonly #transport: Transport
  readonly #maximumBuffered: number
  readonly #onFailure: (error: unknown) => void
  readonly #batch: PacketBatch
  #held: ChunkList | undefined
  #waking: Subscription | undefined
  #writable$: Observable<boolean> | undefined
  #tap: Tap | undefined
  #over = false
  #packets = 0

  /** @param onFailure - told of what the transport's sink throws, and of too many bytes that wait */
  constructor(transport: Transport, protocol: Protocol, settings: Settings, onFailure: (e: unknown) => void) {
    this.#transport = transport
    this.#maximumBuffered = settings.maximumBuffered
    this.#onFailure = onFailure
    this.#batch = new PacketBatch(new Encoder({ protocol, maximumPacketSize: settings.maximumPacketSize }), this)
  }

  /** Packets written so far. */
  get packets(): number {
    return this.#packets
  }

  /** From now on no packet may be larger than the peer takes [MQTT-3.1.2-24] [MQTT-3.2.2-15]. */
  limit(bytes: number): void {
    const { encoder } = this.#batch
    encoder.maximumPacketSize = Math.min(encoder.maximumPacketSize, bytes)
  }

  /** Bytes of the largest packet that may be written. */
  get maximumPacketSize(): number {
    return this.#batch.encoder.maximumPacketSize
  }

  /** Bytes that wait for the peer. */
  get buffered(): number {
    return this.#transport.buffered + (this.#held?.length ?? 0) + this.#batch.encoder.pending
  }

  /** Whether the transport takes more, and nothing is gathered for it. */
  get writable(): boolean {
    return this.#held === undefined && this.#transport.writable
  }

  /** Replays and tells `writable`: what was gathered leaves before anybody hears that more may be written. */
  get writable$(): Observable<boolean> {
    this.#writable$ ??= this.#transport.writable$.pipe(
      map(() => {
        this.#release(() => this.#transport.writable)
        return this.writable
      }),
      distinctUntilChanged(),
    )
    return this.#writable$
  }

  /** Every packet that leaves, as the peer reads it: decoded from the bytes. */
  get sent$(): Observable<Packet> {
    this.#tap ??= this.#makeTap()
    return this.#tap.sent$
  }

  /** @throws MqttError `'invalid-packet'`; nothing was written */
  write(packet: PacketInput): void {
    try {
      // What was written before it is of the version before it, also for who reads `sent$`.
      if (packet?.cmd === 'connect') this.#batch.flush()
    } catch (error) {
      throw refusal(error)
    }
    if (this.#tap !== undefined && !this.#batch.isFlushing) this.#tap.isLate = false
    this.#batch.write(packet)
    this.#packets++
    if (this.buffered > this.#maximumBuffered) {
      this.#onFailure(
        new MqttError('overflow', `more than maximumBuffered, ${this.#maximumBuffered} bytes, wait for the peer`),
      )
    }
  }

  next(chunk: Uint8Array): void {
    try {
      this.#show(chunk)
      if (this.#held === undefined && this.#transport.writable) this.#transport.sink.next(chunk)
      else this.#hold(chunk)
    } catch (error) {
      this.#onFailure(error)
    }
  }

  /** Sends what was written, then ends. */
  complete(): void {
    this.#batch.finish(() => {
      this.#release(() => true)
      this.stop()
      this.#transport.sink.complete()
    })
  }

  /** Drops what has not left. */
  stop(): void {
    this.#over = true
    this.#batch.cancel()
    this.#waking?.unsubscribe()
    this.#held = undefined
    this.#tap?.sent.complete()
  }

  #hold(chunk: Uint8Array): void {
    this.#held ??= new ChunkList()
    this.#held.push(chunk)
    this.#waking ??= this.writable$.subscribe({
      error: (error: unknown) => this.#onFailure(error),
    })
  }

  #release(mayGo: () => boolean): void {
    while (this.#held !== undefined && mayGo()) {
      const chunk = this.#held.shift()
      if (chunk === undefined) {
        this.#held = undefined
        this.#waking?.unsubscribe()
        this.#waking = undefined
      } else {
        this.#transport.sink.next(chunk)
      }
    }
  }

  #makeTap(): Tap {
    const { protocol, maximumPacketSize } = this.#batch.encoder
    const sent = new Subject<Packet>()
    if (this.#over) sent.complete()
    return {
      decoder: new Decoder({ protocol, maximumPacketSize }),
      sent,
      sent$: sent.asObservable(),
      isLate: this.#batch.isFlushing,
    }
  }

  #show(chunk: Uint8Array): void {
    if (this.#tap === undefined || this.#tap.isLate) return
    const { decoder, sent } = this.#tap
    decoder.push(chunk)
    while (!this.#over) {
      const packet = decoder.read()
      if (packet === undefined) return
      sent.next(packet)
    }
  }
}
