import { Subject, type Observable, type Subscription, timer } from 'rxjs'
import { Decoder } from '../codec/decoder.js'
import { Encoder } from '../codec/encoder.js'
import { Protocol } from '../codec/protocol.js'
import { MqttError } from '../errors.js'
import { generate } from '../operators/generate.js'
import { parse } from '../operators/parse.js'
import type { PacketInput } from '../packet/fields.js'
import type { Packet, PacketType } from '../packet/packet.js'
import type { Transport } from '../transport.js'
import { Conversation } from './conversation.js'
import { farewellTo } from './farewell.js'
import { type ConnectionOptions, type Settings, settingsOf } from './options.js'
import { PacketMethods } from './packet-methods.js'
import { PacketStreams } from './packet-streams.js'

/**
 * Closing: the goodbye is on its way. Told: the transport is over and `closed$` has told, but packets that nobody has
 * read yet are still there for who subscribes.
 */
type State = 'open' | 'closing' | 'told' | 'over'

/** What the subscription to the peer's bytes is for; probing waits for the first chunk while nobody reads. */
type Mode = 'idle' | 'reading' | 'probing' | 'discarding'

const defaults: ConnectionOptions = {}

/**
 * One MQTT connection over a transport, as either end: `transport.bytes$` → `parse` → `packets$` and a stream a packet
 * type; writer methods → `generate` → `transport.sink`.
 *
 * It reads while something is subscribed to one of its packet streams and it is not paused; otherwise unread packets wait
 * and nothing is lost. Packet streams complete when it is over; how it ended is told once, by `closed$`.
 *
 * @example
 * ```ts
 * const connection = new Connection(transport)
 * connection.publish$.subscribe(({ topic, payload }) => console.log(topic, payload))
 * connection.closed$.subscribe({ error: error => console.error(error.code, error.message) })
 * connection.connect({ clientId: 'me' })
 * ```
 */
export class Connection extends PacketMethods {
  readonly transport: Transport
  /** The version follows the first CONNECT that passes, in either direction. */
  readonly protocol: Protocol
  readonly #settings: Settings
  readonly #conversation: Conversation
  readonly #decoder: Decoder
  readonly #streams: PacketStreams
  readonly #closed = new Subject<never>()
  #transportClosed: Subscription | undefined
  #encoder: Encoder | undefined
  #outgoing: Subject<PacketInput> | undefined
  #writing: Subscription | undefined
  #received: Subject<Packet> | undefined
  #sentBytes: Subject<Uint8Array> | undefined
  #sent: Subject<Packet> | undefined
  #state: State = 'open'
  #mode: Mode = 'idle'
  #reading: Subscription | undefined
  /** Runs out `pauseTimeout`, or `drainTimeout` when closing. */
  #timer: Subscription | undefined
  #demand = 0
  #pauses = 0
  /** How the transport ended, while its last bytes are still being read. */
  #transportEnd: { readonly error: MqttError | undefined } | undefined
  #reason: MqttError | undefined
  #invalid: MqttError | undefined

  /** @throws MqttError `'invalid-option'` */
  constructor(transport: Transport, options: ConnectionOptions = defaults) {
    super()
    const settings = settingsOf(options)
    const protocol = new Protocol(settings.protocolVersion)
    this.transport = transport
    this.protocol = protocol
    this.#settings = settings
    this.#conversation = new Conversation(settings.role, protocol)
    this.#decoder = new Decoder({
      protocol,
      maximumPacketSize: settings.role === 'server' ? settings.maximumConnectSize : settings.maximumPacketSize,
      expect: settings.role === undefined ? undefined : (cmd) => this.#conversation.expect(cmd),
    })
    this.#streams = new PacketStreams((change) => {
      this.#demand += change
      this.#update()
    })
    this.#transportClosed = transport.closed$.subscribe({
      complete: () => this.#transportOver(undefined),
      error: (error: MqttError) => this.#transportOver(error),
    })
    this.#update()
  }

  /** Every packet from the peer that is read; a passive tap, which creates no demand. */
  get received$(): Observable<Packet> {
    this.#received ??= subjectOf(this.#state)
    return this.#received.asObservable()
  }

  /** Every packet written, when it leaves, as the peer reads it; a passive tap. */
  get sent$(): Observable<Packet> {
    if (this.#sent === undefined) {
      const { protocol } = this
      this.#sent = subjectOf(this.#state)
      this.#sentBytes = new Subject()
      const decoder = new Decoder({ protocol, maximumPacketSize: this.#settings.maximumPacketSize })
      this.#sentBytes.pipe(parse({ decoder })).subscribe(this.#sent)
    }
    return this.#sent.asObservable()
  }

  /**
   * How the connection ended, told once and replayed: completes, or errors with the MqttError.
   */
  get closed$(): Observable<never> {
    return this.#closed.asObservable()
  }

  /** False while more than the transport's high-water mark is queued, and after the end. */
  get writable(): boolean {
    return this.#state === 'open' && this.transport.writable
  }

  /** Replays `writable`, tells changes, completes at the close. */
  get writable$(): Observable<boolean> {
    return this.transport.writable$
  }

  write(packet: PacketInput): boolean {
    if (this.#state !== 'open') return false
    this.#conversation.check(packet)
    this.#send(packet)
    return this.writable
  }

  /** Holds reading, for all subscribers; each call needs a `resume` of its own. */
  pause(): void {
    this.#pauses++
    this.#update()
  }

  /** Takes one `pause` back. */
  resume(): void {
    if (this.#pauses === 0) return
    this.#pauses--
    this.#update()
  }

  /** Says what was written, then ends: what the peer still sends is discarded until its end or `drainTimeout`. */
  end(): void {
    this.#close(undefined)
  }

  /**
   * Ends at once: what is queued or unread is dropped. `closed$` errors with `error`, where it is no MqttError as the
   * `cause` of one with code `'transport'`; without it completes.
   */
  destroy(error?: unknown): void {
    if (this.#state === 'told' || this.#state === 'over') return
    const reason = error === undefined || error instanceof MqttError ? error : wrapped(error)
    this.#over(reason)
    this.transport.sink.error(reason)
  }

  protected override stream(key: PacketType | 'packets'): Observable<Packet> {
    return this.#streams.get(key)
  }

  /** Brings reading in line with demand and pauses. Nothing is handed over in here: handlers call it. */
  #update(): void {
    if (this.#state === 'closing' || this.#state === 'over') return
    if (this.#demand > 0 && this.#pauses === 0) {
      if (this.#mode === 'reading') return
      this.#stopTimer()
      this.#subscribe('reading', this.transport.bytes$.pipe(parse({ decoder: this.#decoder })), (packet) => {
        this.#receive(packet)
      })
      return
    }
    if (this.#mode === 'reading') this.#stopReading()
    if (this.#state !== 'open') return
    if (this.#transportEnd !== undefined) this.#tell(this.#transportEnd.error)
    else if (this.#settings.pauseTimeout > 0) this.#holdBack()
  }

  /** Bounds the time for which the peer is held back; while nothing of it waits, waits for its next chunk. */
  #holdBack(): void {
    if (this.#pauses > 0 || this.#decoder.buffered > 0) {
      this.#stopReading()
      this.#timer ??= timer(this.#settings.pauseTimeout).subscribe(() => {
        const { pauseTimeout } = this.#settings
        this.destroy(new MqttError('timeout', `the peer was held back for more than pauseTimeout, ${pauseTimeout} ms`))
      })
      return
    }
    this.#stopTimer()
    if (this.#mode === 'probing') return
    this.#subscribe('probing', this.transport.bytes$, (chunk) => {
      this.#decoder.push(chunk)
      this.#holdBack()
    })
  }

  #subscribe<T>(mode: Mode, source: Observable<T>, next: (value: T) => void): void {
    this.#stopReading()
    this.#mode = mode
    const reading = source.subscribe({
      next,
      error: (error: MqttError) => this.#fail(error),
      complete: () => this.#close(undefined),
    })
    if (this.#mode === mode) this.#reading = reading
  }

  #stopReading(): void {
    const reading = this.#reading
    this.#reading = undefined
    this.#mode = 'idle'
    reading?.unsubscribe()
  }

  #stopTimer(): void {
    this.#timer?.unsubscribe()
    this.#timer = undefined
  }

  #receive(packet: Packet): void {
    try {
      this.#conversation.received(packet)
    } catch (error) {
      this.#fail(error as MqttError)
      return
    }
    this.#received?.next(packet)
    this.#streams.next(packet)
    this.#endAfterLastPacket()
  }

  #send(packet: PacketInput): void {
    this.#outgoing ??= this.#startWriting()
    this.#outgoing.next(packet)
    const invalid = this.#invalid
    if (invalid !== undefined) {
      this.#invalid = undefined
      throw invalid
    }
    this.#conversation.sent(packet)
    if (this.#conversation.phase === 'accepted') this.#decoder.maximumPacketSize = this.#settings.maximumPacketSize
    const { maximumBuffered } = this.#settings
    if (this.transport.buffered + this.#encoder!.pending > maximumBuffered) {
      this.destroy(new MqttError('overflow', `more than maximumBuffered, ${maximumBuffered} bytes, wait for the peer`))
    }
    this.#endAfterLastPacket()
  }

  #startWriting(): Subject<PacketInput> {
    const { maximumPacketSize } = this.#settings
    const encoder = new Encoder({ protocol: this.protocol, maximumPacketSize })
    const onInvalid = (error: MqttError): void => {
      this.#invalid = error
    }
    const outgoing = new Subject<PacketInput>()
    this.#encoder = encoder
    this.#writing = outgoing.pipe(generate({ encoder, onInvalid })).subscribe({
      next: (chunk) => this.#toSink(chunk),
      complete: () => this.transport.sink.complete(),
    })
    return outgoing
  }

  #toSink(chunk: Uint8Array): void {
    try {
      this.#sentBytes?.next(chunk)
      this.transport.sink.next(chunk)
    } catch (error) {
      this.destroy(error)
    }
  }

  #endAfterLastPacket(): void {
    if (this.#settings.role !== undefined && this.#conversation.phase === 'over') this.end()
  }

  /** A bad packet, or a broken transport. */
  #fail(error: MqttError): void {
    if (this.#state !== 'open') return this.#close(error)
    if (error.reasonCode === undefined) return this.destroy(error)
    const farewell = farewellTo(error, this.#decoder.rejected, this.#conversation, this.protocol.version)
    if (farewell === undefined) return this.destroy(error)
    this.protocol.settle(farewell.version)
    this.#send(farewell.packet)
    this.#close(error)
  }

  #close(reason: MqttError | undefined): void {
    if (this.#state === 'told') this.#over(undefined)
    if (this.#state === 'closing') this.#peerEnded()
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.#reason = reason
    this.#stopTimer()
    this.#timer = timer(this.#settings.drainTimeout).subscribe(() => this.#endGoodbye())
    if (this.#outgoing === undefined) this.transport.sink.complete()
    else this.#outgoing.complete()
    this.#subscribe('discarding', this.transport.bytes$, () => undefined)
  }

  /** The peer has ended too: where the end has a reason, the transport is told, and with it whoever dialled. */
  #peerEnded(): void {
    if (this.#reason !== undefined && this.transport.buffered === 0) this.#endGoodbye()
  }

  #endGoodbye(): void {
    const reason = this.#reason
    this.#over(reason)
    this.transport.sink.error(reason)
  }

  #transportOver(error: MqttError | undefined): void {
    if (this.#state === 'closing') this.#over(this.#reason ?? error)
    else if (this.#mode === 'reading') this.#transportEnd = { error }
    else this.#tell(error)
  }

  #tell(error: MqttError | undefined): void {
    this.#state = 'told'
    this.#stopReading()
    this.#stopTimer()
    this.#writing?.unsubscribe()
    if (error === undefined) this.#closed.complete()
    else this.#closed.error(error)
  }

  #over(reason: MqttError | undefined): void {
    if (this.#state !== 'told') this.#tell(reason)
    this.#state = 'over'
    this.#transportClosed?.unsubscribe()
    this.#streams.complete()
    this.#received?.complete()
    this.#sentBytes?.complete()
  }
}

function subjectOf(state: State): Subject<Packet> {
  const subject = new Subject<Packet>()
  if (state === 'told' || state === 'over') subject.complete()
  return subject
}

function wrapped(error: unknown): MqttError {
  return new MqttError('transport', `destroyed: ${String(error)}`, { cause: error })
}
