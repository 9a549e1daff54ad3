import { memoryPair } from '@rxmqtt/transports/memory'
import { switchMap } from 'rxjs'
import { Connection } from '../connection/connection.js'
import type { Packet, ProtocolVersion } from '../packet/packet.js'
import type { SessionOptions } from '../session/options.js'
import { Session } from '../session/session.js'
import { wired, type WireHooks } from './session-wire.js'

export type End = 'client' | 'server'
export const otherEnd = (end: End): End => (end === 'client' ? 'server' : 'client')

/** What happens at a moment: nothing, the connection is cut in it, or from then on nothing arrives any more. */
export type Fate = 'cut' | 'hush' | undefined

/** A packet on the wire, when it was sent and again when it had arrived. */
export interface WireEvent {
  readonly kind: 'sends' | 'gets'
  readonly end: End
  readonly connection: number
  readonly packet: Packet
}

export interface JoinOptions {
  readonly sessionPresent?: boolean
  /** Receive Maximum of an end, MQTT 5. */
  readonly receiveMaximum?: Partial<Record<End, number>>
  /** Whether packets are watched: not, for speed. @default true */
  readonly isWatched?: boolean
}

/**
 * A client's and a server's session, joined in memory as often as it is asked for. Each step of each end is a moment, such as
 * `client sends publish`, `server gets publish`, `server takes`, `server stores`: whoever drives it may cut the connection there.
 */
export class SessionLink {
  readonly sessions: Record<End, Session>
  readonly events: WireEvent[] = []
  /** How attachments ended: `client transport`. */
  readonly ends: string[] = []
  fateOf: (moment: string) => Fate = () => undefined
  /** Told of each packet that leaves. */
  onSent: (end: End, packet: Packet) => void = () => undefined
  moments = 0
  connection = 0
  isJoined = false
  readonly version: ProtocolVersion
  #connections: Connection[] = []
  readonly #isAttached: Record<End, boolean> = { client: false, server: false }
  #isHushed = false

  constructor(version: ProtocolVersion, options: Record<End, SessionOptions>) {
    this.version = version
    this.sessions = { client: new Session(options.client), server: new Session(options.server) }
  }

  /** Something happens; true where the connection is cut in it. */
  moment(name: string): boolean {
    this.moments++
    const fate = this.fateOf(name)
    if (fate === 'cut') this.cut()
    if (fate === 'hush') this.#isHushed = true
    return fate === 'cut'
  }

  join({ sessionPresent = true, receiveMaximum = {}, isWatched = true }: JoinOptions = {}): void {
    const { version } = this
    this.connection++
    this.isJoined = true
    this.#isHushed = false
    const bare = memoryPair()
    const pair = isWatched ? wired(bare, version, this.#hooks('client'), this.#hooks('server')) : bare
    const [client, server] = [new Connection(pair[0], { role: 'client' }), new Connection(pair[1], { role: 'server' })]
    this.#connections = [client, server]
    const properties = (end: End): object => {
      const topicAliasMaximum = 3
      return version === 5 ? { properties: { topicAliasMaximum, receiveMaximum: receiveMaximum[end] } } : {}
    }
    const connect = { clientId: 'me', clean: !sessionPresent, protocolVersion: version, ...properties('client') }
    const connack = { ...(version === 3 ? {} : { sessionPresent }), ...properties('server') }
    const { connection } = this
    const hear = (end: End): object => {
      const over = (how: string): void => {
        this.ends.push(`${end} ${how}`)
        this.#isAttached[end] = false
        if (this.connection === connection) this.isJoined = false
      }
      return { error: (error: { code: string }) => over(error.code), complete: () => over('complete') }
    }
    server.connect$
      .pipe(
        switchMap(() => {
          server.connack(connack)
          this.#isAttached.server = true
          return this.sessions.server.attach(server, { connect, connack })
        }),
      )
      .subscribe(hear('server'))
    client.connack$
      .pipe(
        switchMap(() => {
          this.#isAttached.client = true
          return this.sessions.client.attach(client, { connect, connack })
        }),
      )
      .subscribe(hear('client'))
    client.connect(connect)
  }

  /** Both ends lose the connection, now. */
  cut(): void {
    this.isJoined = false
    for (const connection of this.#connections) connection.destroy()
  }

  /** Resolves when nothing happens any more; a wire that was hushed is cut then. */
  async settle(isBusy: () => boolean = () => false): Promise<void> {
    for (let quiet = 0, last = -1; quiet < 2; ) {
      await new Promise((resolve) => setImmediate(resolve))
      quiet = last === this.moments && !isBusy() ? quiet + 1 : 0
      last = this.moments
    }
    if (!this.#isHushed) return
    this.cut()
    this.#isHushed = false
    await this.settle(isBusy)
  }

  #hooks(end: End): WireHooks {
    const { connection } = this
    const isQuiet = (packet: Packet): boolean => packet.cmd === 'connect' || packet.cmd === 'connack'
    const isOver = (): boolean => this.connection !== connection
    return {
      leaving: (packet) => {
        if (isQuiet(packet)) return true
        if (isOver() || this.#isHushed) return false
        this.events.push({ kind: 'sends', end, connection, packet })
        this.onSent(end, packet)
        return !this.moment(`${end} sends ${packet.cmd}`)
      },
      isHeard: () => this.#isAttached[otherEnd(end)],
      arrived: (packet) => {
        if (isQuiet(packet) || isOver()) return
        this.events.push({ kind: 'gets', end: otherEnd(end), connection, packet })
        this.moment(`${otherEnd(end)} gets ${packet.cmd}`)
      },
    }
  }
}
