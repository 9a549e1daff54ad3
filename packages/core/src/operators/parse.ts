import { asapScheduler, Observable, type Observer, type OperatorFunction, type Subscriber } from 'rxjs'
import { Decoder, type DecoderOptions } from '../codec/decoder.js'
import type { Packet } from '../packet/packet.js'
import { whileOpen } from './while-open.js'

/** A decoder to go on with, or the options of a new one. */
export interface ParseOptions extends DecoderOptions {
  /**
   * Goes on with this decoder: packets that it still holds come first.
   *
   * @default a new Decoder a subscription, made with the other options
   */
  readonly decoder?: Decoder | undefined
}

/**
 * Turns bytes, in any chunking, into packets. Unsubscribing stops between two packets; what is then unread stays in the
 * decoder. A chunk that arrives while a packet is handed over waits its turn, and packets that a given decoder still
 * holds come in a microtask, before the source is subscribed to.
 *
 * Errors with MqttError `'malformed-packet'`, `'protocol-error'`, `'packet-too-large'` or `'unsupported-version'` for a
 * bad packet, `'malformed-packet'` where the source completes inside a packet, what `expect` throws (as an MqttError),
 * and with the source's own error, each after the packets before it.
 *
 * @example
 * ```ts
 * of(Uint8Array.of(0xc0), Uint8Array.of(0x00)).pipe(parse()).subscribe(console.log) // { cmd: 'pingreq', length: 0 }
 * ```
 */
export function parse(options: ParseOptions = {}): OperatorFunction<Uint8Array, Packet> {
  return (source) =>
    new Observable((subscriber) => {
      const decoder = options.decoder ?? new Decoder(options)
      const parsing = new Parsing(decoder, subscriber)
      if (decoder.buffered === 0) return source.pipe(whileOpen(subscriber)).subscribe(parsing)
      return asapScheduler.schedule(() => {
        parsing.read()
        if (!subscriber.closed) subscriber.add(source.pipe(whileOpen(subscriber)).subscribe(parsing))
      })
    })
}

/** How a source ended, until its packets were read. */
interface End {
  readonly error?: unknown
}

/** One subscription's read loop, which is never entered twice. */
class Parsing implements Observer<Uint8Array> {
  readonly #decoder: Decoder
  readonly #subscriber: Subscriber<Packet>
  #reading = false
  #end: End | undefined

  constructor(decoder: Decoder, subscriber: Subscriber<Packet>) {
    this.#decoder = decoder
    this.#subscriber = subscriber
  }

  next(chunk: Uint8Array): void {
    this.#decoder.push(chunk)
    this.read()
  }

  error(error: unknown): void {
    this.#end = { error }
    this.read()
  }

  complete(): void {
    this.#end = {}
    this.read()
  }

  read(): void {
    if (this.#reading) return
    this.#reading = true
    const decoder = this.#decoder
    const subscriber = this.#subscriber
    try {
      while (!subscriber.closed) {
        const packet = decoder.read()
        if (packet === undefined) break
        subscriber.next(packet)
      }
      this.#finish()
    } catch (error) {
      subscriber.error(error)
    }
    this.#reading = false
  }

  #finish(): void {
    if (this.#end === undefined || this.#subscriber.closed) return
    if ('error' in this.#end) throw this.#end.error
    this.#decoder.end()
    this.#subscriber.complete()
  }
}
