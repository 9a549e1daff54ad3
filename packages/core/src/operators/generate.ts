import { asapScheduler, Observable, type OperatorFunction, type Subscription } from 'rxjs'
import { Encoder, type EncoderOptions } from '../codec/encoder.js'
import type { MqttError } from '../errors.js'
import type { PacketInput } from '../packet/fields.js'

export interface GenerateOptions extends EncoderOptions {
  /**
   * Goes on with this encoder.
   *
   * @default a new Encoder a subscription, made with the other options
   */
  readonly encoder?: Encoder | undefined
  /**
   * Told of a packet that must not be sent, which is then left out.
   *
   * @default the stream errors
   */
  readonly onInvalid?: ((error: MqttError, packet: PacketInput) => void) | undefined
}

/**
 * Turns packets into bytes. The packets of one turn leave as one chunk, in a microtask (`asapScheduler`), earlier when
 * `chunkSize` bytes are there and when the source ends; a payload above a few kilobytes is a chunk of its own, uncopied.
 *
 * Errors with MqttError `'invalid-packet'` for a packet that must not be sent, unless `onInvalid` takes it, and with the
 * source's error, each after the packets before it.
 *
 * @example
 * ```ts
 * of({ cmd: 'pingreq' } as const).pipe(generate()).subscribe(console.log) // Uint8Array [ 0xc0, 0x00 ]
 * ```
 */
export function generate(options: GenerateOptions = {}): OperatorFunction<PacketInput, Uint8Array> {
  return (source) =>
    new Observable((subscriber) => {
      const encoder = options.encoder ?? new Encoder(options)
      let scheduled: Subscription | undefined
      let flushing = false

      const flush = (): void => {
        scheduled?.unsubscribe()
        scheduled = undefined
        if (flushing) return
        flushing = true
        while (encoder.pending > 0) for (const chunk of encoder.take()) subscriber.next(chunk)
        flushing = false
      }

      subscriber.add(() => scheduled?.unsubscribe())
      subscriber.add(
        source.subscribe({
          next: (packet) => {
            try {
              encoder.write(packet)
            } catch (error) {
              if (options.onInvalid === undefined) {
                flush()
                subscriber.error(error)
              } else {
                options.onInvalid(error as MqttError, packet)
              }
              return
            }
            if (encoder.pending >= encoder.chunkSize) flush()
            else scheduled ??= asapScheduler.schedule(flush)
          },
          error: (error: unknown) => {
            flush()
            subscriber.error(error)
          },
          complete: () => {
            flush()
            subscriber.complete()
          },
        }),
      )
    })
}
