import { asapScheduler, type Subscription } from 'rxjs'
import type { Encoder } from '../codec/encoder.js'
import type { PacketInput } from '../packet/fields.js'

/** Where chunks go. */
export interface ChunkTarget {
  next(chunk: Uint8Array): void
}

/**
 * Gathers the packets of one turn: they leave in a microtask (`asapScheduler`), earlier when the encoder's `chunkSize`
 * bytes are there.
 */
export class PacketBatch {
  readonly encoder: Encoder
  readonly #target: ChunkTarget
  #scheduled: Subscription | undefined
  #flushing = false
  #end: (() => void) | undefined

  constructor(encoder: Encoder, target: ChunkTarget) {
    this.encoder = encoder
    this.#target = target
  }

  /** True while chunks are being handed over. */
  get isFlushing(): boolean {
    return this.#flushing
  }

  /** @throws MqttError `'invalid-packet'`; nothing was written */
  write(packet: PacketInput): void {
    this.encoder.write(packet)
    if (this.encoder.pending >= this.encoder.chunkSize) this.flush()
    else this.#scheduled ??= asapScheduler.schedule(flush, 0, this)
  }

  /** Hands over what was written. What the target writes meanwhile follows in order. */
  flush(): void {
    this.cancel()
    if (this.#flushing) return
    this.#flushing = true
    while (this.encoder.pending > 0) for (const chunk of this.encoder.take()) this.#target.next(chunk)
    this.#flushing = false
    const end = this.#end
    this.#end = undefined
    end?.()
  }

  /** Hands over what was written, then runs `end`: also where the target calls it, with chunks of this turn to come. */
  finish(end: () => void): void {
    this.#end ??= end
    this.flush()
  }

  /** Keeps what was written from leaving by itself. */
  cancel(): void {
    this.#scheduled?.unsubscribe()
    this.#scheduled = undefined
  }
}

function flush(batch?: PacketBatch): void {
  batch!.flush()
}
