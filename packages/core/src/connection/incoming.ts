import { type Observer, type Subscription, timer } from 'rxjs'
import type { Decoder } from '../codec/decoder.js'
import { MqttError, toMqttError } from '../errors.js'
import { parse } from '../operators/parse.js'
import type { Packet } from '../packet/packet.js'
import type { Transport } from '../transport.js'

/** What a connection is told by its incoming side. */
export interface IncomingEvents {
  packet(packet: Packet): void
  /** A bad packet, or a broken transport. */
  failed(error: MqttError): void
  /** The peer's clean end. */
  ended(): void
  /** The peer was held back for longer than `pauseTimeout`. */
  heldTooLong(error: MqttError): void
}

/**
 * Idle: the peer is held back. Probing: nobody reads, but nothing of the peer waits either, so that its next chunk (which
 * is kept) or its end is waited for. Discarding and stopped are for good.
 */
type Mode = 'idle' | 'reading' | 'probing' | 'discarding' | 'stopped'

/**
 * The one read loop of a connection: reads while there is demand and no pause, and bounds the time for which the peer is
 * held back. Its methods only change subscriptions, so handlers may call them; packets are handed over by the transport.
 */
export class Incoming implements Observer<Packet> {
  readonly #transport: Transport
  readonly #decoder: Decoder
  readonly #events: IncomingEvents
  #pauseTimeout: number
  #mode: Mode = 'idle'
  #subscription: Subscription | undefined
  #timer: Subscription | undefined
  #demand = 0
  #pauses = 0

  /** @param pauseTimeout - milliseconds; 0: unbounded */
  constructor(transport: Transport, decoder: Decoder, pauseTimeout: number, events: IncomingEvents) {
    this.#transport = transport
    this.#decoder = decoder
    this.#pauseTimeout = pauseTimeout
    this.#events = events
  }

  get isReading(): boolean {
    return this.#mode === 'reading'
  }

  demand(change: 1 | -1): void {
    this.#demand += change
    this.update()
  }

  pause(): void {
    this.#pauses++
    this.update()
  }

  resume(): void {
    if (this.#pauses === 0) return
    this.#pauses--
    this.update()
  }

  next(packet: Packet): void {
    this.#events.packet(packet)
  }

  error(error: unknown): void {
    this.#events.failed(toMqttError(error))
  }

  complete(): void {
    this.#events.ended()
  }

  /** Brings reading in line with demand and pauses. */
  update(): void {
    if (this.#mode === 'discarding' || this.#mode === 'stopped') return
    if (this.#demand > 0 && this.#pauses === 0) {
      if (this.#mode === 'reading') return
      this.#stopTimer()
      this.#unsubscribe()
      this.#mode = 'reading'
      this.#keep('reading', this.#transport.bytes$.pipe(parse({ decoder: this.#decoder })).subscribe(this))
    } else {
      if (this.#mode === 'reading') this.#unsubscribe()
      if (this.#pauseTimeout > 0) this.#holdBack()
    }
  }

  /** Lets the peer be held back for any time: there is no peer any more, only what it left. */
  unbind(): void {
    this.#pauseTimeout = 0
    this.#stopTimer()
    if (this.#mode === 'probing') this.#unsubscribe()
  }

  /** Reads and drops what still comes, until the end. */
  discard(): void {
    this.#stopTimer()
    this.#subscribe('discarding', () => undefined)
  }

  stop(): void {
    this.#stopTimer()
    this.#unsubscribe()
    this.#mode = 'stopped'
  }

  #holdBack(): void {
    if (this.#pauses > 0 || this.#decoder.buffered > 0) {
      this.#unsubscribe()
      this.#timer ??= timer(this.#pauseTimeout).subscribe(() => this.#tooLong())
      return
    }
    this.#stopTimer()
    if (this.#mode === 'probing') return
    this.#subscribe('probing', (chunk) => {
      this.#decoder.push(chunk)
      this.#holdBack()
    })
  }

  #tooLong(): void {
    const message = `the peer was held back for more than pauseTimeout, ${this.#pauseTimeout} ms`
    this.#events.heldTooLong(new MqttError('timeout', message))
  }

  #subscribe(mode: 'probing' | 'discarding', next: (chunk: Uint8Array) => void): void {
    this.#unsubscribe()
    this.#mode = mode
    const { bytes$ } = this.#transport
    this.#keep(
      mode,
      bytes$.subscribe({ next, error: (error: unknown) => this.error(error), complete: () => this.complete() }),
    )
  }

  /** An end that was there already has changed the mode by now. */
  #keep(mode: Mode, subscription: Subscription): void {
    if (this.#mode === mode) this.#subscription = subscription
  }

  #unsubscribe(): void {
    const subscription = this.#subscription
    this.#subscription = undefined
    this.#mode = 'idle'
    subscription?.unsubscribe()
  }

  #stopTimer(): void {
    this.#timer?.unsubscribe()
    this.#timer = undefined
  }
}
