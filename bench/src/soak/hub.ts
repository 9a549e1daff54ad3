import type { AddressInfo } from 'node:net'
import { Connection, type MqttError, type Transport } from '@rxmqtt/core'
import { listenTcp } from '@rxmqtt/transports/tcp'
import { listenWs } from '@rxmqtt/transports/ws'
import { merge, type Subscription } from 'rxjs'
import type { Findings } from './findings.js'
import { until } from './process.js'
import { Talker } from './talker.js'

export const HOST = '127.0.0.1'
/** Bytes that may wait for one peer. */
export const MAXIMUM_BUFFERED = 1_048_576
const options = { role: 'server', maximumBuffered: MAXIMUM_BUFFERED } as const

/** A server of Connections on TCP and WebSocket: it talks with good peers, and serves the others as they ask. */
export class Hub {
  readonly talkers: Talker[] = []
  /** The connections on the port for bad peers, by their remote port, in order: every end that each one told. */
  readonly badEnds = new Map<number, string[][]>()
  readonly #findings: Findings
  readonly #messages: number
  readonly #live = new Set<Connection>()
  #listening: Subscription | undefined
  accepted = 0
  tcp = 0
  ws = 0
  /** A port of their own, on which they can be told apart. */
  bad = 0
  mostBuffered = 0

  constructor(messages: number, findings: Findings) {
    this.#messages = messages
    this.#findings = findings
  }

  async start(): Promise<void> {
    const place = { host: HOST, backlog: 4_096 }
    this.#listening = merge(
      listenTcp({ ...place, listening: { next: (at) => (this.tcp = (at as AddressInfo).port) } }),
      listenWs({ ...place, listening: { next: (at) => (this.ws = (at as AddressInfo).port) } }),
      listenTcp({ ...place, listening: { next: (at) => (this.bad = (at as AddressInfo).port) } }),
    ).subscribe({
      next: (transport) => this.#accept(transport),
      error: (error: unknown) => this.#findings.violation(`listening failed: ${String(error)}`),
    })
    await until(() => this.tcp * this.ws * this.bad > 0, 5_000)
  }

  /** Listens no more, and waits for the end of every connection. */
  async stop(): Promise<void> {
    this.#listening?.unsubscribe()
    const isEmpty = await until(() => this.#live.size === 0, 10_000)
    this.#findings.require(isEmpty, () => `${this.#live.size} connections were still there when all peers had gone`)
    for (const connection of this.#live) connection.destroy()
  }

  #accept(transport: Transport): void {
    const connection = new Connection(transport, options)
    const ends: string[] = []
    this.accepted += 1
    this.#live.add(connection)
    const { localPort, remotePort = 0 } = transport.info
    if (localPort === this.bad) this.badEnds.set(remotePort, [...(this.badEnds.get(remotePort) ?? []), ends])
    const over = (end: string): void => {
      ends.push(end)
      this.#live.delete(connection)
      this.#findings.require(ends.length === 1, () => `a connection told its end ${ends.length} times: ${ends.join()}`)
    }
    connection.closed$.subscribe({
      complete: () => over('complete'),
      error: (e: unknown) => over((e as MqttError).code),
    })
    connection.connect$.subscribe(({ clientId }) => {
      connection.connack()
      this.#serve(connection, clientId)
    })
  }

  #serve(connection: Connection, clientId: string): void {
    const [kind] = clientId.split('-')
    if (kind === 'good') {
      const talker = new Talker(clientId, connection, this.#messages, this.#findings)
      talker.listen()
      this.talkers.push(talker)
    } else if (kind === 'slow') {
      this.#feed(connection)
    } else {
      // Answers each message with more than it had, whether the peer reads or not.
      connection.publish$.subscribe(() => {
        connection.publish({ topic: 'answer', payload: new Uint8Array(65_536) })
      })
    }
  }

  /** Sends as much as the peer takes. */
  #feed(connection: Connection): void {
    const limit = connection.transport.buffered + 65_536 + 32_768
    connection.writable$.subscribe((writable) => {
      while (writable && connection.writable) {
        connection.publish({ topic: 'feed', payload: new Uint8Array(16_384) })
        this.mostBuffered = Math.max(this.mostBuffered, connection.transport.buffered)
      }
      this.#findings.require(connection.transport.buffered <= limit, () => 'more waits for a slow reader than its mark')
    })
  }
}
