import { Observable, type OperatorFunction } from 'rxjs'
import { Encoder, type EncoderOptions } from '../codec/encoder.js'
import type { PacketInput } from '../packet/fields.js'
import { PacketBatch } from './packet-batch.js'
import { whileOpen } from './while-open.js'

/** An encoder to go on with, or the options of a new one. */
export interface GenerateOptions extends EncoderOptions {
  /**
   * Goes on with this encoder.
   *
   * @default a new Encoder a subscription, made with the other options
   */
  readonly encoder?: Encoder | undefined
}

/**
 * Turns packets into bytes. The packets of one turn leave as one chunk, in a microtask (`asapScheduler`), earlier when
 * `chunkSize` bytes are there and when the source ends; a payload above a few kilobytes is a chunk of its own, uncopied.
 *
 * Errors with MqttError `'invalid-packet'` for a packet that must not be sent, and with the source's error, each after the
 * packets before it.
 *
 * @example
 * ```ts
 * of({ cmd: 'pingreq' } as const).pipe(generate()).subscribe(console.log) // Uint8Array [ 0xc0, 0x00 ]
 * ```
 */
export function generate(options: GenerateOptions = {}): OperatorFunction<PacketInput, Uint8Array> {
  return (source) =>
    new Observable((subscriber) => {
      const batch = new PacketBatch(options.encoder ?? new Encoder(options), subscriber)
      const fail = (error: unknown): void => batch.finish(() => subscriber.error(error))
      subscriber.add(() => batch.cancel())
      subscriber.add(
        source.pipe(whileOpen(subscriber)).subscribe({
          next: (packet) => {
            try {
              batch.write(packet)
            } catch (error) {
              fail(error)
            }
          },
          error: fail,
          complete: () => batch.finish(() => subscriber.complete()),
        }),
      )
    })
}
