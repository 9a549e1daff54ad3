import {
  asapScheduler,
  asyncScheduler,
  BehaviorSubject,
  Observable,
  type Observer,
  ReplaySubject,
  Subject,
  type Subscriber,
} from 'rxjs'
import { Decoder } from '../codec/decoder.js'
import { Encoder } from '../codec/encoder.js'
import { Protocol } from '../codec/protocol.js'
import type { MqttError } from '../errors.js'
import type { PacketInput } from '../packet/fields.js'
import type { Packet, ProtocolVersion } from '../packet/packet.js'
import type { Transport, TransportInfo } from '../transport.js'
import { SentPackets } from './sent-packets.js'

/** When `bytes$` was subscribed and unsubscribed, in frames, as RxJS's `expectSubscriptions` takes it; Infinity: never. */
export interface ReadLog {
  subscribedFrame: number
  unsubscribedFrame: number
}

/**
 * One end of a link whose other end is the test: it keeps the Transport contract and notes what is done to it. Where nobody
 * reads, what `receive` is given waits.
 *
 * @example
 * ```ts
 * const transport = new FakeTransport()
 * const connection = new Connection(transport)
 * connection.connect({ clientId: 'me' })
 * transport.receive(packets.connack())
 * ```
 */
export class FakeTransport implements Transport {
  readonly info: TransportInfo = { kind: 'fake' }
  readonly bytes$: Observable<Uint8Array>
  readonly sink: Observer<Uint8Array>
  /** The version that is spoken: it follows the first CONNECT that is received or sent. */
  readonly protocol: Protocol
  /**
   * What was sent, replayed: a chunk an emission; completes at `sink.complete`, errors at `sink.error` with its argument, or
   * with an Error 'destroyed' where that is none.
   */
  readonly sent$: ReplaySubject<Uint8Array> = new ReplaySubject(Number.POSITIVE_INFINITY)
  /** What was sent, packet by packet, replayed; ends as `sent$`, or with an error where it can't be decoded. */
  readonly sentPackets$: Observable<Packet>
  /** When `bytes$` was subscribed: a gap is a pause. */
  readonly subscriptions: ReadLog[] = []
  /** What the connection is told of bytes that wait for the peer; the test sets it. */
  buffered = 0
  readonly #sentPackets: SentPackets
  readonly #encoder: Encoder
  /** Looks for the CONNECT among bytes that the test sends. */
  #connect: Decoder | undefined
  readonly #closed = new Subject<never>()
  readonly closed$: Observable<never> = this.#closed.asObservable()
  readonly #writable = new BehaviorSubject(true)
  readonly writable$: Observable<boolean> = this.#writable.asObservable()
  #waiting: Uint8Array[] = []
  #reader: Subscriber<Uint8Array> | undefined
  /** How the peer's side ended: undefined until it did, null for cleanly. */
  #end: MqttError | null | undefined
  #sinkEnded = false
  #aborted = false
  #over = false

  /**
   * @param frame - the time, for `subscriptions`; RxJS's clock by default, which in a marble test is virtual
   * @param protocolVersion - of packets before a CONNECT went by; 4, MQTT 3.1.1, by default
   */
  constructor(frame: () => number = () => asyncScheduler.now(), protocolVersion?: ProtocolVersion) {
    this.protocol = new Protocol(protocolVersion)
    this.#sentPackets = new SentPackets(this.protocol)
    this.sentPackets$ = this.#sentPackets.packets$
    this.#encoder = new Encoder({ protocol: this.protocol, maximumPacketSize: 268_435_460 })
    this.#connect = new Decoder({ protocol: this.protocol, maximumPacketSize: 1_048_576 })
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
        if (this.#sinkEnded) return
        this.#sentPackets.push(chunk)
        this.sent$.next(chunk)
      },
      complete: () => {
        if (this.#sinkEnded) return
        this.#sinkEnded = true
        this.#sentPackets.complete()
        this.sent$.complete()
        this.writable = false
        this.#pump()
      },
      error: (error: unknown) => {
        if (this.#over || this.#aborted) return
        this.#aborted = true
        this.#sinkEnded = true
        const reason = error instanceof Error ? error : new Error('destroyed')
        this.#sentPackets.error(reason)
        this.sent$.error(reason)
        this.writable = false
        this.#waiting = []
        const end = error === undefined ? null : (error as MqttError)
        asapScheduler.schedule(() => this.close(end))
      },
    }
  }

  /** False holds writers back; the test sets it. */
  get writable(): boolean {
    return this.#writable.value
  }

  set writable(value: boolean) {
    if (value !== this.#writable.value) this.#writable.next(value)
  }

  /**
   * The peer sends: a packet, which is encoded in the version that is spoken, or bytes as they are.
   *
   * @throws MqttError `'invalid-packet'` for a packet that may not be sent in that version
   */
  receive(value: PacketInput | Uint8Array): void {
    const chunks = value instanceof Uint8Array ? [value] : this.#encode(value)
    if (value instanceof Uint8Array) this.#lookForConnect(value)
    if (!this.#aborted) this.#waiting.push(...chunks)
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

  #encode(packet: PacketInput): Uint8Array[] {
    // In MQTT 5 an UNSUBACK has a code for each entry, before it none.
    const coded = packet.cmd === 'unsuback' && packet.granted === undefined && this.protocol.version === 5
    this.#encoder.write(coded ? { ...packet, granted: [0] } : packet)
    return this.#encoder.take()
  }

  #lookForConnect(chunk: Uint8Array): void {
    if (this.#connect === undefined || this.protocol.settled) return
    try {
      this.#connect.push(chunk)
      while (!this.protocol.settled && this.#connect.read() !== undefined);
    } catch {
      // The test may send what is no MQTT; what becomes of it is the connection's business.
      this.#connect = undefined
    }
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
