import { asapScheduler, Observable, type OperatorFunction } from 'rxjs'
import { Decoder, type DecoderOptions } from '../codec/decoder.js'
import type { Packet } from '../packet/packet.js'

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
 * bad packet, `'malformed-packet'` where the source completes inside a packet, and with the source's own error, each
 * after the packets before it.
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
      let reading = false
      let finish: (() => void) | undefined

      const read = (): void => {
        if (reading) return
        reading = true
        try {
          while (!subscriber.closed) {
            const packet = decoder.read()
            if (packet === undefined) break
            subscriber.next(packet)
          }
        } catch (error) {
          subscriber.error(error)
        }
        reading = false
        finish?.()
      }

      const complete = (): void => {
        try {
          decoder.end()
          subscriber.complete()
        } catch (error) {
          subscriber.error(error)
        }
      }

      const end = (how: () => void): void => {
        finish = how
        if (!reading) how()
      }

      const subscribe = (): void => {
        subscriber.add(
          source.subscribe({
            next: (chunk) => {
              decoder.push(chunk)
              read()
            },
            error: (error: unknown) => end(() => subscriber.error(error)),
            complete: () => end(complete),
          }),
        )
      }

      if (decoder.buffered === 0) return subscribe()
      subscriber.add(
        asapScheduler.schedule(() => {
          read()
          if (!subscriber.closed) subscribe()
        }),
      )
    })
}
