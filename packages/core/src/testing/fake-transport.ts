import {
  asapScheduler,
  BehaviorSubject,
  Observable,
  type Observer,
  ReplaySubject,
  Subject,
  type Subscriber,
} from 'rxjs'
import type { MqttError } from '../errors.js'
import type { Transport, TransportInfo } from '../transport.js'

/** When an Observable was subscribed and unsubscribed, as `expectSubscriptions` takes it. */
export interface SubscriptionLog {
  subscribedFrame: number
  unsubscribedFrame: number
}

/**
 * One end of a link whose other end is the test: it keeps the Transport contract and notes what is done to it.
 *
 * What was sent is `sent$`, replayed: a chunk an emission, `|` for `sink.complete`, `#` for `sink.error` with its argument, or
 * with an Error 'destroyed' where that is undefined.
 */
export class FakeTransport implements Transport {
  readonly info: TransportInfo = { kind: 'fake' }
  readonly bytes$: Observable<Uint8Array>
  readonly sink: Observer<Uint8Array>
  readonly sent$: ReplaySubject<Uint8Array> = new ReplaySubject(Number.POSITIVE_INFINITY)
  readonly subscriptions: SubscriptionLog[] = []
  buffered = 0
  readonly #closed = new Subject<never>()
  readonly #writable = new BehaviorSubject(true)
  #waiting: Uint8Array[] = []
  #reader: Subscriber<Uint8Array> | undefined
  /** How the peer's side ended: undefined until it did, null for cleanly. */
  #end: MqttError | null | undefined
  #sinkEnded = false
  #aborted = false
  #over = false

  constructor(frame: () => number = () => 0) {
    this.bytes$ = new Observable((subscriber) => {
      if (this.#reader !== undefined) throw new Error('bytes$ has a subscriber')
      const log = { subscribedFrame: frame(), unsubscribedFrame: Number.POSITIVE_INFINITY }
      this.subscriptions.push(log)
      this.#reader = subscriber
      if (this.#waiting.length > 0 || this.#end !== undefined) asapScheduler.schedule(() => this.#pump())
      return () => {
        log.unsubscribedFrame = frame()
        this.#reader = undefined
      }
    })
    this.sink = {
      next: (chunk) => {
        if (!this.#sinkEnded) this.sent$.next(chunk)
      },
      complete: () => {
        if (this.#sinkEnded) return
        this.#sinkEnded = true
        this.sent$.complete()
        this.writable = false
        this.#pump()
      },
      error: (error: unknown) => {
        if (this.#over || this.#aborted) return
        this.#aborted = true
        this.#sinkEnded = true
        this.sent$.error(error instanceof Error ? error : new Error('destroyed'))
        this.writable = false
        this.#waiting = []
        const end = error === undefined ? null : (error as MqttError)
        asapScheduler.schedule(() => this.close(end))
      },
    }
  }

  get closed$(): Observable<never> {
    return this.#closed.asObservable()
  }

  get writable(): boolean {
    return this.#writable.value
  }

  get writable$(): Observable<boolean> {
    return this.#writable.asObservable()
  }

  set writable(value: boolean) {
    if (value !== this.#writable.value) this.#writable.next(value)
  }

  /** Bytes from the peer. */
  receive(chunk: Uint8Array): void {
    if (!this.#aborted) this.#waiting.push(chunk)
    this.#pump()
  }

  /** The peer's side ends, cleanly or, with an error, broken; a broken link is over. */
  receiveEnd(error?: MqttError): void {
    if (error !== undefined) return this.close(error)
    this.#end ??= null
    this.#pump()
  }

  /** The transport is over: tells the reader, then `closed$`. Bytes that nobody has read can still be read. */
  close(error: MqttError | null = null): void {
    if (this.#over) return
    this.#over = true
    this.#sinkEnded = true
    this.#end ??= error
    this.#pump()
    this.#tellClosed(error)
  }

  /** As `close`, but `closed$` tells before the reader has read the rest. */
  closeBeforeRead(): void {
    this.#over = true
    this.#sinkEnded = true
    this.#end ??= null
    this.#tellClosed(null)
    asapScheduler.schedule(() => this.#pump())
  }

  #tellClosed(error: MqttError | null): void {
    this.writable = false
    this.#writable.complete()
    if (error === null) this.#closed.complete()
    else this.#closed.error(error)
  }

  #pump(): void {
    while (this.#reader !== undefined && this.#waiting.length > 0) this.#reader.next(this.#waiting.shift()!)
    if (this.#waiting.length > 0 || this.#end === undefined) return
    if (this.#end === null) this.#reader?.complete()
    else this.#reader?.error(this.#end)
    if (this.#sinkEnded && this.buffered === 0 && !this.#aborted && !this.#over) this.close(this.#end)
  }
}
