import type { Duplex } from 'node:stream'
import { MqttError, type Transport, type TransportInfo } from '@rxmqtt/core'
import { DuplexTransport } from './duplex-transport.js'
import { requireRange } from './options.js'

/** Options of {@link fromDuplex}. */
export interface DuplexOptions {
  /**
   * Bytes queued for the peer above which `writable` turns false; it turns true again when the queue has drained.
   * @default 65536
   */
  readonly highWaterMark?: number | undefined
  /** What the transport says about itself. @default { kind: 'duplex', socket: duplex } */
  readonly info?: TransportInfo | undefined
}

/**
 * Makes a transport of any Node Duplex of bytes: a socket, a serial port, a tunnel.
 *
 * The transport owns the stream from here on: nobody else should read it, write it or end it. Small chunks of one turn
 * leave together. Whether the peer's end leaves this side writable is the stream's `allowHalfOpen`.
 *
 * @param duplex - A stream of bytes, not yet read from, without an encoding.
 * @param options - See {@link DuplexOptions}.
 * @throws MqttError `'invalid-option'` for a stream in object mode or with an encoding, or a bad `highWaterMark`.
 *
 * @example
 * ```ts
 * const transport = fromDuplex(new SerialPort({ path: '/dev/ttyUSB0', baudRate: 115200 }))
 * transport.bytes$.subscribe((chunk) => console.log(chunk.length))
 * ```
 */
export function fromDuplex(duplex: Duplex, options: DuplexOptions = {}): Transport {
  const mark = requireRange('highWaterMark', options.highWaterMark ?? 65_536, 0)
  if (duplex.readableObjectMode || duplex.writableObjectMode || duplex.readableEncoding) {
    throw new MqttError('invalid-option', 'duplex must be a stream of bytes, without object mode or an encoding')
  }
  return new DuplexTransport(duplex, mark, options.info ?? { kind: 'duplex', socket: duplex })
}
