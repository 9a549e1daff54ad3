import { asapScheduler, from, type ObservableInput, type Observer, Subscription, timer } from 'rxjs'
import { protocolError } from '../codec/violation.js'
import { Connection } from '../connection/connection.js'
import type { ConnectPacket, DisconnectPacket, Packet } from '../packet/packet.js'
import { MqttError } from '../errors.js'
import type { Transport } from '../transport.js'
import { acceptance, type AcceptedClient, refuse } from './accept.js'
import { keepAliveOf } from './keep-alive-of.js'
import { leave } from '../connection/leave.js'
import type { ServeEvent } from './serve-event.js'
import type { ServeSettings } from './serve-options.js'
import { KeepAliveClock } from './watch-keep-alive.js'
import { watchReauthentication } from './watch-reauthentication.js'

/** What the application does with a client that was let in. */
export type ServeHandler = (connection: Connection, accepted: AcceptedClient) => ObservableInput<unknown>

/** What a peer tells its server. */
export interface PeerHost {
  readonly settings: ServeSettings
  readonly handler: ServeHandler
  emit(event: ServeEvent): void
  /** It was let in or refused. */
  decided(): void
  /** Its connection is over, and everything of it was told. */
  gone(peer: ServePeer): void
}

/**
 * One peer of `serve`, from its transport to its end. A server has them ten thousand times: one object, which is the
 * observer of the packets and of the end too.
 */
export class ServePeer implements Observer<Packet> {
  readonly connection: Connection
  readonly #host: PeerHost
  /** Everything that runs until the connection is over, the handler apart. */
  readonly #work = new Subscription()
  #handling: Subscription | undefined
  #keepAlive: KeepAliveClock | undefined
  #connect: ConnectPacket | undefined
  #disconnect: DisconnectPacket | undefined
  #error: unknown
  #state: 'half-open' | 'open' | 'refused' | 'over' = 'half-open'
  /** The connection has told how it ended. */
  #told = false

  constructor(transport: Transport, host: PeerHost) {
    this.#host = host
    this.connection = new Connection(transport, host.settings.connection)
  }

  start(): void {
    const { connection } = this
    const { authorize, accept } = this.#host.settings
    this.#work.add(connection.closed$.subscribe(this))
    const accepted$ = acceptance(connection, authorize, accept, (connect) => (this.#connect = connect))
    this.#work.add(
      accepted$.subscribe({
        next: (accepted) => this.#open(accepted),
        error: (error: unknown) => this.#refused(error),
      }),
    )
  }

  /** The server stops: says so to the client, and ends. @throws what the handler's teardown throws */
  stop(): void {
    const { connection } = this
    const state = this.#state
    this.#state = 'over'
    this.#work.unsubscribe()
    try {
      this.#handling?.unsubscribe()
    } finally {
      const stopping = new MqttError('disconnected', 'the server stops', { reasonCode: state === 'open' ? 0x8b : 0x88 })
      if (state === 'open') leave(connection, stopping)
      else if (this.#connect !== undefined) refuse(connection, this.#connect, stopping)
      else connection.destroy()
    }
  }

  next(packet: Packet): void {
    this.#keepAlive?.heard()
    if (packet.cmd === 'pingreq') this.connection.pingresp()
    else if (packet.cmd === 'disconnect') this.#disconnect = packet
    else if (packet.cmd === 'auth' && !this.#mayReauthenticate) {
      this.#leave(protocolError('AUTH must not be sent where CONNECT has no authenticationMethod [MQTT-4.12.0-7]'))
    }
  }

  /** `closed$` tells; packet streams don't error. */
  error(error: unknown): void {
    this.#ended(error)
  }

  /** `closed$` tells before packet streams complete. */
  complete(): void {
    if (!this.#told) return this.#ended(undefined)
    // What the handler makes of the end of its streams comes first.
    asapScheduler.schedule(() => this.#over())
  }

  get #mayReauthenticate(): boolean {
    return (
      this.#host.settings.accept.authenticate !== undefined &&
      this.#connect?.properties?.authenticationMethod !== undefined
    )
  }

  #open(accepted: AcceptedClient): void {
    const { connection } = this
    const { connect, connack } = accepted
    this.#connect = connect
    this.#state = 'open'
    this.#host.decided()
    this.#host.emit({ type: 'opened', connection, connect, connack })
    if (this.#state !== 'open') return
    this.#work.add(connection.packets$.subscribe(this))
    const unwanted = (error: unknown): void => this.#leave(error)
    const seconds = keepAliveOf(accepted)
    if (seconds > 0) {
      this.#keepAlive = new KeepAliveClock(connection, seconds, unwanted)
      this.#work.add(this.#keepAlive)
    }
    const { authenticate, timeout } = this.#host.settings.accept
    if (authenticate !== undefined && this.#mayReauthenticate) {
      this.#work.add(
        watchReauthentication(connection, connect, authenticate, { timeout }).subscribe({ error: unwanted }),
      )
    }
    this.#handle(accepted)
  }

  #handle(accepted: AcceptedClient): void {
    try {
      const handling = from(this.#host.handler(this.connection, accepted)).subscribe({
        error: (error: unknown) => this.#failed(error),
      })
      // It may have stopped the server while it was subscribed to.
      if (this.#state === 'open') this.#handling = handling
      else handling.unsubscribe()
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    // How the connection ended is no failure of who passes it on, nor is that it was taken over.
    if (this.#state !== 'open' || (this.#told && error === this.#error)) return
    if (error instanceof MqttError && error.code === 'disconnected') return this.#leave(error)
    if (!this.#told) this.#error ??= error
    this.#host.emit({ type: 'failed', connection: this.connection, connect: this.#connect!, error })
    leave(this.connection, error)
  }

  /** Ends the connection of a client that broke a rule. */
  #leave(error: unknown): void {
    this.#error ??= error
    leave(this.connection, error)
  }

  #refused(error: unknown): void {
    const { connection } = this
    this.#state = 'refused'
    this.#host.decided()
    this.#host.emit({ type: 'refused', transport: connection.transport, connection, connect: this.#connect, error })
    if (this.#told) this.#over()
  }

  #ended(error: unknown): void {
    this.#told = true
    this.#error ??= error
    if (this.#state === 'refused') this.#over()
    if (this.#state !== 'open') return
    this.#keepAlive?.unsubscribe()
    // Packets that nobody has read yet are still there, for a handler that has paused; not for ever.
    const { leftoverTimeout } = this.#host.settings
    this.#work.add(timer(leftoverTimeout).subscribe(() => this.connection.destroy()))
  }

  #over(): void {
    const { connection } = this
    const wasOpen = this.#state === 'open'
    if (this.#state === 'over') return
    this.#work.unsubscribe()
    try {
      this.#handling?.unsubscribe()
    } catch (error) {
      this.#failed(error)
    }
    this.#state = 'over'
    const disconnect = this.#disconnect
    const error = this.#error
    if (wasOpen) {
      this.#host.emit({
        type: 'closed',
        connection,
        connect: this.#connect!,
        ...(disconnect === undefined ? {} : { disconnect }),
        ...(error === undefined ? {} : { error }),
      })
    }
    this.#host.gone(this)
  }
}
