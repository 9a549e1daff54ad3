import { type Observable, type Subscription, timer } from 'rxjs'
import { Decoder } from '../codec/decoder.js'
import { Protocol } from '../codec/protocol.js'
import { type MqttError, toMqttError } from '../errors.js'
import type { PacketInput } from '../packet/fields.js'
import type { Packet, PacketType } from '../packet/packet.js'
import type { Transport } from '../transport.js'
import { Conversation } from './conversation.js'
import { Ending, type State } from './ending.js'
import { farewellTo } from './farewell.js'
import { Incoming } from './incoming.js'
import { type ConnectionOptions, type Role, type Settings, settingsOf } from './options.js'
import { Outgoing } from './outgoing.js'
import { PacketMethods } from './packet-methods.js'
import { PacketStreams } from './packet-streams.js'

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
  readonly #incoming: Incoming
  readonly #outgoing: Outgoing
  readonly #streams: PacketStreams
  readonly #ending = new Ending()
  #state: State = 'open'
  #transportClosed: Subscription | undefined
  /** How the transport ended, while its last bytes are still being read. */
  #transportEnd: { readonly error: MqttError | undefined } | undefined
  #reason: MqttError | undefined
  #goodbye: Subscription | undefined

  /** @throws MqttError `'invalid-option'` */
  constructor(transport: Transport, options: ConnectionOptions = {}) {
    super()
    const settings = settingsOf(options)
    const { role, maximumPacketSize, maximumConnectSize, pauseTimeout } = settings
    const protocol = new Protocol(settings.protocolVersion)
    this.transport = transport
    this.protocol = protocol
    this.#settings = settings
    this.#conversation = new Conversation(role, protocol)
    this.#decoder = new Decoder({
      protocol,
      maximumPacketSize: role === 'server' ? maximumConnectSize : maximumPacketSize,
      expect: role === undefined ? undefined : (cmd) => this.#conversation.expect(cmd),
    })
    this.#streams = new PacketStreams((change) => {
      this.#incoming.demand(change)
      this.#noticeEnd()
    })
    this.#outgoing = new Outgoing(transport, protocol, settings, (error) => this.destroy(error))
    this.#incoming = new Incoming(transport, this.#decoder, pauseTimeout, {
      packet: (packet) => this.#receive(packet),
      failed: (error) => this.#fail(error),
      ended: () => this.#close(undefined),
      heldTooLong: (error) => this.destroy(error),
    })
    this.#transportClosed = transport.closed$.subscribe({
      complete: () => this.#transportOver(undefined),
      error: (error: unknown) => this.#transportOver(toMqttError(error)),
    })
    this.#incoming.update()
  }

  /** Every packet from the peer that is read; a passive tap, which creates no demand. */
  get received$(): Observable<Packet> {
    return this.#streams.get('received')
  }

  /** Every packet written, when it leaves, as the peer reads it; a passive tap. */
  get sent$(): Observable<Packet> {
    return this.#outgoing.sent$
  }

  /** How the connection ended, told once and replayed: completes, or errors with the MqttError. */
  get closed$(): Observable<never> {
    return this.#ending.closed$
  }

  /** Which end this connection is: its `role` option, otherwise told by the direction of the CONNECT. */
  get role(): Role | undefined {
    return this.#conversation.end
  }

  /** True while the peer is read: something is subscribed to a packet stream, and nothing pauses. */
  get reading(): boolean {
    return this.#incoming.isReading
  }

  /** Packets from the peer that were read so far. */
  get packetsReceived(): number {
    return this.#streams.packets
  }

  /** Packets that were written so far. */
  get packetsSent(): number {
    return this.#outgoing.packets
  }

  /** Bytes of the largest packet that may be written: the option's, or what the peer takes where that is less. */
  get maximumPacketSize(): number {
    return this.#outgoing.maximumPacketSize
  }

  /** False while more than the transport's high-water mark is queued, and after the end. */
  get writable(): boolean {
    return this.#state === 'open' && this.#outgoing.writable
  }

  /** Replays `writable`, tells changes, completes at the close. */
  get writable$(): Observable<boolean> {
    return this.#outgoing.writable$
  }

  override write(packet: PacketInput): boolean {
    if (this.#state !== 'open') return false
    this.#conversation.check(packet)
    this.#send(packet)
    return this.writable
  }

  /** Holds reading, for all subscribers; each call needs a `resume` of its own. */
  pause(): void {
    this.#incoming.pause()
    this.#noticeEnd()
  }

  /** Takes one `pause` back. */
  resume(): void {
    this.#incoming.resume()
  }

  /** Says what was written, then ends: what the peer still sends is discarded until its end or `drainTimeout`. */
  end(): void {
    if (this.#state === 'open') this.#close(undefined)
  }

  /**
   * Ends at once: what is queued or unread is dropped. `closed$` errors with `error`, where it is no MqttError as the
   * `cause` of one with code `'transport'`; without it completes.
   */
  destroy(error?: unknown): void {
    if (this.#state !== 'over') this.#hangUp(error === undefined ? undefined : toMqttError(error))
  }

  protected override stream(key: PacketType | 'packets'): Observable<Packet> {
    return this.#streams.get(key)
  }

  #receive(packet: Packet): void {
    try {
      this.#conversation.received(packet)
    } catch (error) {
      this.#fail(toMqttError(error))
      return
    }
    if (packet.cmd === 'connect' || packet.cmd === 'connack') this.#outgoing.limit(this.#conversation.peerMaximum)
    this.#streams.next(packet)
    this.#endAfterLastPacket()
  }

  #send(packet: PacketInput): void {
    this.#outgoing.write(packet)
    this.#conversation.sent(packet)
    if (this.#conversation.phase === 'accepted') this.#decoder.maximumPacketSize = this.#settings.maximumPacketSize
    this.#endAfterLastPacket()
  }

  #endAfterLastPacket(): void {
    if (this.#settings.role !== undefined && this.#conversation.phase === 'over') this.end()
  }

  #fail(error: MqttError): void {
    if (this.#state !== 'open') return this.#close(error)
    const farewell = farewellTo(error, this.#decoder.rejected, this.#conversation, this.protocol.version)
    if (farewell === undefined) return this.destroy(error)
    this.protocol.settle(farewell.version)
    this.#outgoing.write(farewell.packet)
    this.#close(error)
  }

  /** The goodbye: everything written leaves, then the end; what still comes is dropped until the peer's end. */
  #close(reason: MqttError | undefined): void {
    if (this.#state === 'told') return this.#over(undefined)
    if (this.#state === 'closing') {
      // The peer has ended too: a reason is told to the transport, and with it to whoever dialled.
      if (this.#reason !== undefined && this.transport.buffered === 0) this.#hangUp(this.#reason)
      return
    }
    if (this.#state === 'over') return
    if (this.#transportEnd !== undefined) return this.#over(reason ?? this.#transportEnd.error)
    this.#state = 'closing'
    this.#reason = reason
    this.#goodbye = timer(this.#settings.drainTimeout).subscribe(() => this.#hangUp(this.#reason))
    this.#outgoing.complete()
    this.#incoming.discard()
  }

  #hangUp(reason: MqttError | undefined): void {
    this.#over(reason)
    this.transport.sink.error(reason)
  }

  #transportOver(error: MqttError | undefined): void {
    if (this.#state === 'closing') return this.#over(this.#reason ?? error)
    this.#transportEnd = { error }
    this.#noticeEnd()
  }

  /** Tells the transport's end once nobody is reading: its last bytes come before it. */
  #noticeEnd(): void {
    if (this.#transportEnd === undefined || this.#state !== 'open' || this.#incoming.isReading) return
    this.#tell(this.#transportEnd.error)
    this.#incoming.unbind()
  }

  #tell(error: MqttError | undefined): void {
    this.#state = 'told'
    this.#goodbye?.unsubscribe()
    this.#outgoing.stop()
    this.#ending.tell(error)
  }

  #over(reason: MqttError | undefined): void {
    if (this.#state !== 'told') this.#tell(reason)
    this.#state = 'over'
    this.#incoming.stop()
    this.#transportClosed?.unsubscribe()
    this.#streams.complete()
  }
}
