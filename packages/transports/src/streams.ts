import { MqttError, type TransportInfo } from '@rxmqtt/core'
import { asapScheduler, type Subscription, timer } from 'rxjs'
import { takeChunk } from './chunks.js'
import { TransportState } from './state.js'

/** What is needed of a ReadableStream of `Uint8Array`s. */
export interface ByteReadable {
  readonly locked: boolean
  getReader(): ByteReader
}

/** What is needed of its reader. */
export interface ByteReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>
  cancel(reason?: unknown): Promise<void>
  releaseLock(): void
}

/** What is needed of a WritableStream of `Uint8Array`s. */
export interface ByteWritable {
  readonly locked: boolean
  getWriter(): ByteWriter
}

/** What is needed of its writer. */
export interface ByteWriter {
  readonly desiredSize: number | null
  readonly ready: Promise<unknown>
  readonly closed: Promise<unknown>
  write(chunk: Uint8Array): Promise<void>
  close(): Promise<void>
  abort(reason?: unknown): Promise<void>
  releaseLock(): void
}

/** Milliseconds that a reader has to get what still comes when writing has failed. */
const LAST_WORD = 2_000

/** A transport over a pair of web streams. */
export class StreamsTransport extends TransportState {
  readonly info: TransportInfo
  buffered = 0
  readonly #reader: ByteReader
  readonly #writer: ByteWriter
  /** What the writable side has no room for. */
  readonly #queue: Uint8Array[] = []
  #waitsForRoom = false
  /** What was asked for, and came when nobody was subscribed any more. */
  #unread: Uint8Array | undefined = undefined
  #pulling = false
  #waking = false
  #isClosed = false
  #failure: MqttError | undefined = undefined
  #lastWord: Subscription | undefined = undefined

  constructor(streams: { readable: ByteReadable; writable: ByteWritable }, mark: number, info: TransportInfo) {
    super(mark)
    const { readable, writable } = streams
    for (const [name, stream] of Object.entries({ readable, writable })) {
      if (stream.locked) throw new MqttError('invalid-option', `${name} must not be locked`)
    }
    this.info = info
    this.#reader = readable.getReader()
    this.#writer = writable.getWriter()
    this.#writer.closed.then(
      () => this.#writerClosed(),
      (cause: unknown) => this.#writerFailed(cause),
    )
  }

  protected write(chunk: Uint8Array): void {
    this.buffered += chunk.length
    this.#queue.push(chunk)
    if (!this.#waitsForRoom) this.#push()
  }

  protected finish(): void {
    if (!this.#waitsForRoom) this.#push()
  }

  protected destroy(): void {
    const { aborted } = this
    const reason = aborted ?? new MqttError('transport', 'The transport was destroyed')
    this.#queue.length = 0
    this.#unread = undefined
    this.buffered = 0
    this.#reader.cancel(reason).catch(told)
    this.#writer.abort(reason).catch(told)
    asapScheduler.schedule(() => this.#over(aborted as null | MqttError))
  }

  protected flow(): void {
    if (this.#waking) return
    this.#waking = true
    asapScheduler.schedule(() => {
      this.#waking = false
      this.#pull()
    })
  }

  protected hold(): void {
    // Nothing is asked for before somebody is subscribed again.
  }

  /** Gives what is there, then asks for more while somebody wants it. */
  #pull(): void {
    if (this.aborted !== undefined || (this.reader === undefined && !this.discarding)) return
    const chunk = this.#unread
    this.#unread = undefined
    if (chunk !== undefined) this.reader?.next(chunk)
    if (this.inbound !== undefined) return this.inboundOver(this.inbound)
    // The subscriber may have left, or come back, in `next`.
    if (this.#pulling || this.#waking || (this.reader === undefined && !this.discarding)) return
    this.#pulling = true
    this.#reader.read().then(
      ({ done, value }) => this.#pulled(done, value),
      (cause: unknown) => this.#broken(failure('read', cause)),
    )
  }

  #pulled(done: boolean, value: Uint8Array | undefined): void {
    this.#pulling = false
    if (this.aborted !== undefined || this.outcome !== undefined) return
    if (done) {
      if (this.#failure !== undefined) return this.#broken(this.#failure)
      this.inboundOver(null)
      return this.#settle()
    }
    if (value !== undefined && value.length > 0) this.#unread = value
    this.#pull()
  }

  /** Gives the stream what it has room for, and waits for room for the rest. */
  #push(): void {
    const writer = this.#writer
    while (this.#queue.length > 0 && (writer.desiredSize ?? 0) > 0) this.#give(takeChunk(this.#queue))
    this.#waitsForRoom = this.#queue.length > 0
    if (this.#waitsForRoom) writer.ready.then(() => this.#push(), told)
    else if (this.ended && this.aborted === undefined) writer.close().catch(told)
  }

  #give(chunk: Uint8Array): void {
    this.#writer.write(chunk).then(() => {
      this.buffered -= Math.min(chunk.length, this.buffered)
      if (!this.writable && !this.ended && this.buffered <= this.mark) this.setWritable(true)
    }, told)
  }

  #writerClosed(): void {
    this.#isClosed = true
    if (this.ended) return this.#settle()
    this.#writerFailed(new Error('it was closed by somebody else'))
  }

  #writerFailed(cause: unknown): void {
    if (this.outcome !== undefined || this.aborted !== undefined) return
    this.#failure ??= failure('written', cause)
    this.ended = true
    this.#queue.length = 0
    this.buffered = 0
    this.setWritable(false)
    const error = this.#failure
    if (this.reader === undefined || this.inbound !== undefined) return this.#broken(error)
    this.#lastWord = timer(LAST_WORD).subscribe(() => this.#broken(error))
  }

  #broken(error: MqttError): void {
    if (this.outcome !== undefined || this.aborted !== undefined) return
    const first = this.#failure ?? error
    this.#queue.length = 0
    this.#reader.cancel(first).catch(told)
    this.#writer.abort(first).catch(told)
    this.#over(first)
  }

  #settle(): void {
    if (this.#isClosed && this.inbound === null && this.#unread === undefined) this.#over(null)
  }

  #over(outcome: null | MqttError): void {
    if (this.outcome !== undefined) return
    this.#lastWord?.unsubscribe()
    this.buffered = 0
    this.allOver(outcome)
    this.#reader.releaseLock()
    this.#writer.releaseLock()
  }
}

/** Whatever a stream says: even an MqttError is the other end's, and this end's link has failed. */
function failure(verb: 'read' | 'written', cause: unknown): MqttError {
  const reason = String((cause as { message?: unknown } | null | undefined)?.message ?? cause)
  return new MqttError('transport', `The stream could not be ${verb}: ${reason}`, { cause })
}

function told(): void {
  // The writer's `closed` and the reader's `read` tell the same, and they are listened to.
}
