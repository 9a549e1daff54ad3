import { MqttError, type Transport, type TransportInfo } from '@rxmqtt/core'
import { BehaviorSubject, defer, Observable, type Observer, of, Subject, type Subscriber } from 'rxjs'

/** How something ended: not yet, cleanly, or broken by this error. */
export type Outcome = undefined | null | MqttError

/** The error as the contract tells it: an MqttError stays as it is, anything else becomes the cause of one. */
export function toMqttError(error: unknown, message?: string): MqttError {
  if (error instanceof MqttError) return error
  const reason = String((error as { message?: unknown } | null)?.message ?? error)
  return new MqttError('transport', message === undefined ? reason : `${message}: ${reason}`, { cause: error })
}

/** Tells the observer how it ended. */
export function settle(observer: Observer<never>, outcome: null | MqttError): void {
  if (outcome === null) observer.complete()
  else observer.error(outcome)
}

class Sink implements Observer<Uint8Array> {
  readonly #transport: TransportState

  constructor(transport: TransportState) {
    this.#transport = transport
  }

  next(chunk: Uint8Array): void {
    this.#transport.put(chunk)
  }

  error(error: unknown): void {
    this.#transport.abort(error)
  }

  complete(): void {
    this.#transport.end()
  }
}

/**
 * What every transport here shares: who reads, whether more may be written, and how it ended, told once.
 *
 * One object and no closure until something is used: ten thousand idle peers are ten thousand of these. Subclasses move
 * the bytes (`write`, `finish`, `destroy`, `flow`, `hold`) and report by `inboundOver` and `allOver`.
 */
export abstract class TransportState implements Transport {
  abstract readonly buffered: number
  abstract readonly info: TransportInfo
  readonly sink: Observer<Uint8Array> = new Sink(this)
  writable = true
  protected readonly mark: number
  protected reader: Subscriber<Uint8Array> | undefined = undefined
  protected inbound: Outcome = undefined
  protected outcome: Outcome = undefined
  /** What `sink.error` said. */
  protected aborted: Outcome = undefined
  protected ended = false
  /** Whether bytes that nobody reads are dropped. */
  protected discarding = false
  #telling = false
  #bytes$: Observable<Uint8Array> | undefined = undefined
  #closed$: Observable<never> | undefined = undefined
  #closing: Subject<never> | undefined = undefined
  #writable$: Observable<boolean> | undefined = undefined
  #changes: BehaviorSubject<boolean> | undefined = undefined

  constructor(mark: number) {
    this.mark = mark
  }

  get bytes$(): Observable<Uint8Array> {
    this.#bytes$ ??= new Observable((subscriber) => this.#read(subscriber))
    return this.#bytes$
  }

  get closed$(): Observable<never> {
    this.#closed$ ??= new Observable((subscriber) => {
      if (this.outcome !== undefined) return settle(subscriber, this.outcome)
      this.#closing ??= new Subject()
      return this.#closing.subscribe(subscriber)
    })
    return this.#closed$
  }

  get writable$(): Observable<boolean> {
    this.#writable$ ??= defer(() => {
      if (this.outcome !== undefined) return of(false)
      this.#changes ??= new BehaviorSubject(this.writable)
      return this.#changes
    })
    return this.#writable$
  }

  /** Whether `closed$` was told. */
  get isOver(): boolean {
    return this.outcome !== undefined
  }

  put(chunk: Uint8Array): void {
    if (this.ended || chunk.length === 0) return
    this.write(chunk)
    if (this.writable && this.buffered > this.mark) this.setWritable(false)
  }

  end(): void {
    if (this.ended) return
    this.ended = true
    this.setWritable(false)
    this.finish()
  }

  abort(error: unknown): void {
    if (this.aborted !== undefined) return
    this.aborted = error === undefined ? null : toMqttError(error)
    this.ended = true
    this.setWritable(false)
    if (this.outcome === undefined) this.destroy()
  }

  /** From now on drops what nobody reads, so that the peer's end is seen. */
  discard(): void {
    this.discarding = true
    if (this.reader === undefined && this.inbound === undefined) this.flow()
  }

  /** Queues bytes for the peer. */
  protected abstract write(chunk: Uint8Array): void
  /** Sends what is queued, then ends. */
  protected abstract finish(): void
  /** Drops everything; `allOver` follows. */
  protected abstract destroy(): void
  /** Starts giving bytes, or the end, to the reader, in a later turn. */
  protected abstract flow(): void
  /** Stops giving bytes, at once. */
  protected abstract hold(): void

  protected setWritable(writable: boolean): void {
    this.writable = writable
    const changes = this.#changes
    if (changes === undefined || this.#telling) return
    // An observer that writes may change it again: the others hear of one change before the next.
    this.#telling = true
    while (changes.value !== this.writable) changes.next(this.writable)
    this.#telling = false
  }

  /** Tells the reader, if there is one, that there is nothing more to read. */
  protected inboundOver(outcome: null | MqttError): void {
    if (this.inbound === undefined) this.inbound = outcome
    if (this.reader !== undefined) settle(this.reader, this.inbound)
  }

  /** Tells everybody, once, that the transport is over. */
  protected allOver(outcome: null | MqttError): void {
    if (this.outcome !== undefined) return
    this.ended = true
    this.inboundOver(outcome)
    // A reader may answer the end by `sink.error`: then that is how it ended.
    if (this.outcome !== undefined) return
    this.outcome = this.aborted === undefined ? outcome : this.aborted
    this.setWritable(false)
    this.#changes?.complete()
    this.#changes = undefined
    const closing = this.#closing
    this.#closing = undefined
    if (closing !== undefined) settle(closing, this.outcome)
  }

  #read(subscriber: Subscriber<Uint8Array>): (() => void) | undefined {
    if (this.reader !== undefined) {
      subscriber.error(new MqttError('transport', 'bytes$ takes one subscriber at a time, and has one'))
      return undefined
    }
    this.reader = subscriber
    this.flow()
    return () => {
      this.reader = undefined
      if (this.inbound === undefined && !this.discarding) this.hold()
    }
  }
}
