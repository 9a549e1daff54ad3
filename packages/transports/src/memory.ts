import { MqttError, type Transport, type TransportInfo } from '@rxmqtt/core'
import { asapScheduler, type Observable, scheduled, Subscription, timer } from 'rxjs'
import { requireRange, requireTime } from './options.js'
import { TransportState } from './state.js'

/** Options of {@link memoryPair}, the same for both ends. */
export interface MemoryOptions {
  /** Cuts what arrives into chunks of at most this many bytes. @default chunks as they were sent */
  readonly chunkSize?: number | undefined
  /** Milliseconds from one end to the other. @default 0 (the next microtask) */
  readonly latency?: number | undefined
  /** Bytes that the other end has not read above which `writable` is false. @default 65536 */
  readonly highWaterMark?: number | undefined
}

class MemoryTransport extends TransportState {
  readonly info: TransportInfo = { kind: 'memory' }
  peer: MemoryTransport = this
  buffered = 0
  readonly #chunkSize: number
  readonly #latency: number
  /** What is on its way, unsubscribed when the transport is over. */
  readonly #flights = new Subscription()
  /** What has arrived and the peer has not read. */
  #arrived: Uint8Array[] = []
  #endArrived = false
  #waking = false

  constructor(chunkSize: number, latency: number, mark: number) {
    super(mark)
    this.#chunkSize = chunkSize
    this.#latency = latency
  }

  protected write(chunk: Uint8Array): void {
    this.buffered += chunk.length
    this.#fly(() => {
      this.#arrived.push(chunk)
      this.peer.#pump()
    })
  }

  protected finish(): void {
    this.#fly(() => {
      this.#endArrived = true
      this.peer.#pump()
    })
  }

  protected destroy(): void {
    this.#drop()
    const { peer } = this
    const reset = (): void => peer.#break(new MqttError('transport', 'The peer destroyed the transport'))
    peer.#flights.add(arrival(this.#latency).subscribe(reset))
    peer.#wake(() => this.allOver(this.aborted as null | MqttError))
  }

  protected flow(): void {
    if (this.#waking) return
    this.#waking = true
    this.#wake(() => {
      this.#waking = false
      this.#pump()
    })
  }

  protected hold(): void {
    // The pump looks for a reader before each chunk.
  }

  #fly(land: () => void): void {
    this.#flights.add(arrival(this.#latency).subscribe(land))
  }

  #wake(run: () => void): void {
    asapScheduler.schedule(run)
  }

  /** Gives the reader what the peer's side holds, then the end. */
  #pump(): void {
    const { peer } = this
    while (this.inbound === undefined && this.aborted === undefined && peer.#arrived.length > 0) {
      if (this.reader === undefined && !this.discarding) break
      const chunk = peer.#take(this.#chunkSize)
      this.reader?.next(chunk)
    }
    const atEnd = peer.#endArrived && peer.#arrived.length === 0 && this.aborted === undefined
    if (this.inbound !== undefined || atEnd) this.inboundOver(this.inbound ?? null)
    peer.#settle()
    this.#settle()
  }

  #take(size: number): Uint8Array {
    const first = this.#arrived[0] as Uint8Array
    const chunk = first.length > size ? first.subarray(0, size) : first
    if (chunk === first) this.#arrived.shift()
    else this.#arrived[0] = first.subarray(size)
    this.buffered -= chunk.length
    return chunk
  }

  #settle(): void {
    if (!this.writable && !this.ended && this.buffered <= this.mark) this.setWritable(true)
    if (this.aborted === undefined && this.inbound === null && this.peer.inbound === null) this.allOver(null)
  }

  #break(error: MqttError): void {
    if (this.outcome !== undefined || this.aborted !== undefined) return
    this.#drop()
    this.allOver(error)
  }

  #drop(): void {
    this.#flights.unsubscribe()
    this.#arrived = []
    this.buffered = 0
  }
}

function arrival(latency: number): Observable<number> {
  return latency > 0 ? timer(latency) : scheduled([0], asapScheduler)
}

/**
 * Two joined transports: what one end sends, the other end receives. For tests and demos, without a socket.
 *
 * All time is RxJS time: `asapScheduler`, or `timer` where there is latency, so that it is virtual inside
 * `TestScheduler.run`. Nothing arrives inside `sink.next` or `subscribe`. What the other end has not read stays queued
 * with the sender, in its `buffered`.
 *
 * @param options - See {@link MemoryOptions}.
 * @throws MqttError `'invalid-option'` for an option outside its range.
 *
 * @example
 * ```ts
 * const [client, server] = memoryPair({ chunkSize: 1 })
 * server.bytes$.subscribe((chunk) => console.log(chunk))
 * client.sink.next(new Uint8Array([0xc0, 0]))
 * ```
 */
export function memoryPair(options: MemoryOptions = {}): [Transport, Transport] {
  const chunkSize = options.chunkSize === undefined ? Infinity : requireRange('chunkSize', options.chunkSize, 1)
  const latency = requireTime('latency', options.latency ?? 0, 0)
  const mark = requireRange('highWaterMark', options.highWaterMark ?? 65_536, 0)
  const near = new MemoryTransport(chunkSize, latency, mark)
  const far = new MemoryTransport(chunkSize, latency, mark)
  near.peer = far
  far.peer = near
  return [near, far]
}
