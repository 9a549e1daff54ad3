import { type Observer, type Subscriber, type Subscription } from 'rxjs'
import { protocolError } from '../codec/violation.js'
import type { Connection } from '../connection/connection.js'
import { leave } from '../connection/leave.js'
import type { Role } from '../connection/options.js'
import { MqttError, toMqttError } from '../errors.js'
import type { ConnackFields, ConnectFields } from '../packet/fields.js'
import type {
  ConnackPacket,
  ConnectPacket,
  DisconnectPacket,
  Packet,
  ProtocolVersion,
  PublishPacket,
  QoS,
} from '../packet/packet.js'
import type { ConnackProperties } from '../packet/properties.js'
import type { SessionSettings } from './options.js'

/** What a connection was accepted with: what `accept` emits, and on a client the fields of CONNECT and the CONNACK. */
export interface Accepted {
  readonly connect: ConnectPacket | ConnectFields
  readonly connack: ConnackPacket | ConnackFields
}

/**
 * One connection of a session: what both ends may do on it, and how it ends. One object, which observes its packets and
 * its end.
 */
export class Attachment implements Observer<Packet> {
  readonly connection: Connection
  readonly role: Role
  readonly version: ProtocolVersion
  readonly clientId: string
  /** Both ends go on with the session: it is no clean one, and the server has it, which MQTT 3.1 doesn't say. */
  readonly resumed: boolean
  /** Messages of QoS 1 and 2 that may be on their way to the peer [MQTT-3.3.4-7] [MQTT-3.3.4-9]. */
  readonly window: number
  /** The largest QoS that the peer takes [MQTT-3.2.2-11]. */
  readonly maximumQoS: QoS
  /** Whether the peer takes retained messages [MQTT-3.2.2-14]. */
  readonly retainAvailable: boolean
  /** Bytes of the largest packet that the peer takes. */
  readonly maximumPacketSize: number | undefined
  /** Aliases that may be used towards the peer. */
  readonly aliasesOut: number
  /** Aliases that the peer may use [MQTT-3.3.2-10] [MQTT-3.3.2-12]. */
  readonly aliasesIn: number
  /** Messages of QoS 1 and 2 that the peer may have on their way to us; undefined before MQTT 5. */
  readonly receiveMaximum: number | undefined
  /** What this end, an MQTT 5 server, said that it takes. */
  readonly #terms: ConnackProperties
  readonly #subscriber: Subscriber<never>
  #receive: ((packet: Packet) => void) | undefined
  #onOver: (() => void) | undefined
  #reading: Subscription | undefined
  #ending: Subscription | undefined
  #isOver = false
  #farewell: DisconnectPacket | undefined
  #waking: Subscription | undefined
  #isPausing = false

  /** @throws MqttError `'invalid-option'` for a connection on which no CONNECT went by */
  constructor(
    connection: Connection,
    { connect, connack }: Accepted,
    settings: SessionSettings,
    subscriber: Subscriber<never>,
  ) {
    const { role } = connection
    if (role === undefined) throw new MqttError('invalid-option', 'attach wants a connection on which CONNECT went by')
    const version = connection.protocol.version
    const peer = role === 'client' ? connack.properties : connect.properties
    const own = role === 'client' ? connect.properties : connack.properties
    this.connection = connection
    this.role = role
    this.version = version
    this.clientId = connack.properties?.assignedClientIdentifier ?? connect.clientId ?? ''
    this.resumed = connect.clean === false && (version === 3 || connack.sessionPresent === true)
    this.window = Math.min(settings.receiveMaximum, peer?.receiveMaximum ?? 65_535)
    this.maximumQoS = role === 'client' ? (connack.properties?.maximumQoS ?? 2) : 2
    this.retainAvailable = role === 'server' || connack.properties?.retainAvailable !== false
    this.#terms = role === 'server' && version === 5 ? (connack.properties ?? {}) : {}
    this.maximumPacketSize = peer?.maximumPacketSize
    this.aliasesOut = version === 5 ? Math.min(settings.topicAliasMaximum, peer?.topicAliasMaximum ?? 0) : 0
    this.aliasesIn = version === 5 ? (own?.topicAliasMaximum ?? 0) : 0
    this.receiveMaximum = version === 5 ? (own?.receiveMaximum ?? 65_535) : undefined
    this.#subscriber = subscriber
  }

  /** Nothing of it goes on. */
  get isOver(): boolean {
    return this.#subscriber.closed || this.#isOver
  }

  /**
   * Hands over the peer's packets, until the connection or the subscription ends.
   *
   * @param receive - what it throws is what the peer did wrong
   * @param onOver - called once, before anybody hears how it ended
   */
  run(receive: (packet: Packet) => void, onOver: () => void): void {
    this.#receive = receive
    this.#onOver = onOver
    this.#subscriber.add(() => this.#stop())
    this.#ending = this.connection.closed$.subscribe(this)
    if (!this.isOver) this.#reading = this.connection.packets$.subscribe(this)
  }

  next(packet: Packet): void {
    if (packet.cmd === 'disconnect') this.#farewell = packet
    try {
      this.#receive!(packet)
    } catch (error) {
      this.fail(toMqttError(error))
    }
  }

  /** The connection is over: `closed$` tells before the packets end. */
  error(error: unknown): void {
    this.#over(toMqttError(error))
  }

  complete(): void {
    this.#over(farewellError(this.#farewell))
  }

  /** @throws MqttError `'protocol-error'` for a message that this end's CONNACK rules out [MQTT-3.2.2-9] */
  checkTaken({ qos, retain }: PublishPacket): void {
    const { maximumQoS = 2, retainAvailable } = this.#terms
    if (qos > maximumQoS) throw protocolError(`PUBLISH qos is over ${maximumQoS}, the Maximum QoS: ${qos}`, 0x9b)
    if (retain && retainAvailable === false) throw protocolError('PUBLISH retain: this server keeps no message', 0x9a)
  }

  /** Calls `pump` each time that the transport takes more again. */
  whenWritable(pump: () => void): void {
    this.#waking ??= this.connection.writable$.subscribe((writable) => {
      if (writable) pump()
    })
  }

  /** Holds reading, until `resume`. */
  pause(): void {
    this.#isPausing = true
    this.connection.pause()
  }

  resume(): void {
    if (this.#isPausing) this.connection.resume()
    this.#isPausing = false
  }

  /** Ends the connection; an MQTT 5 peer is told, but a server of a client that has a later connection knows. */
  fail(error: MqttError): void {
    if (this.isOver) return
    this.#stop()
    if (error.reasonCode === 0x8e && this.role === 'client') this.connection.end()
    else leave(this.connection, error)
    this.#subscriber.error(error)
  }

  #stop(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#onOver?.()
    this.resume()
    this.#ending?.unsubscribe()
    this.#waking?.unsubscribe()
    this.#reading?.unsubscribe()
  }

  #over(error: MqttError | undefined): void {
    this.#stop()
    if (error === undefined) this.#subscriber.complete()
    else this.#subscriber.error(error)
  }
}

/** A DISCONNECT that names a failure is no clean end. */
function farewellError(packet: DisconnectPacket | undefined): MqttError | undefined {
  const { reasonCode = 0, properties } = packet ?? {}
  if (reasonCode < 0x80) return undefined
  const reason = properties?.reasonString === undefined ? '' : `: ${properties.reasonString}`
  const text = `the peer disconnected, 0x${reasonCode.toString(16)}${reason}`
  return new MqttError('disconnected', text, { reasonCode, cause: packet })
}
