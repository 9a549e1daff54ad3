import type { Transport, TransportInfo } from '@rxmqtt/core'
import { requireRange } from './options.js'
import { type ByteReadable, type ByteReader, type ByteWritable, type ByteWriter, StreamsTransport } from './streams.js'

export type { ByteReadable, ByteReader, ByteWritable, ByteWriter }

/** A pair of web streams: a WebTransportBidirectionalStream, a Deno.Conn, `{ readable, writable }` of your own. */
export interface WebStreams {
  readonly readable: ByteReadable
  readonly writable: ByteWritable
}

/** Options of {@link fromWebStreams}. */
export interface WebStreamsOptions {
  /**
   * Bytes queued for the peer, in the stream and before it, above which `writable` turns false; it turns true again when no
   * more than that is left. @default 65536
   */
  readonly highWaterMark?: number | undefined
  /** What the transport says about itself. @default { kind: 'web-streams', socket: streams } */
  readonly info?: TransportInfo | undefined
}

/**
 * Makes a transport of a pair of web streams of bytes.
 *
 * The transport owns both from here on and has them locked until it is over. It pulls only while somebody is subscribed to
 * `bytes$`, one chunk at a time (one that was asked for before an unsubscription waits for the next), and gives the writable
 * side no more than its own queue has room for (`desiredSize`). The peer's end leaves this side writable. `sink.complete()`
 * closes the writable side; `sink.error()` cancels one and aborts the other. When writing fails, who reads gets what has
 * come, then the error.
 *
 * @param streams - Not locked; their chunks are `Uint8Array`s.
 * @param options - See {@link WebStreamsOptions}.
 * @throws MqttError `'invalid-option'` for a stream that is locked, or a bad `highWaterMark`.
 *
 * @example
 * ```ts
 * const session = new WebTransport('https://broker.example/mqtt')
 * const transport = fromWebStreams(await session.createBidirectionalStream())
 * new Connection(transport).publish$.subscribe(({ topic }) => console.log(topic))
 * ```
 */
export function fromWebStreams(streams: WebStreams, options: WebStreamsOptions = {}): Transport {
  const mark = requireRange('highWaterMark', options.highWaterMark ?? 65_536, 0)
  return new StreamsTransport(streams, mark, options.info ?? { kind: 'web-streams', socket: streams })
}
