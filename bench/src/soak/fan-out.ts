import type { AddressInfo } from 'node:net'
import { answerSubscribe, type MqttError, type QoS, serve, Session } from '@rxmqtt/core'
import { listenTcp } from '@rxmqtt/transports/tcp'
import { finalize, merge, of, type Subscription, tap } from 'rxjs'
import { HOST } from './hub.js'
import { type Memory, memory } from './process.js'

/** Messages that may wait for one subscriber; the oldest are dropped for later ones. */
export const MAXIMUM_QUEUED = 1_000
/** Messages of QoS 1 that one subscriber may have without acknowledging. */
export const WINDOW = 256

/** What a server tells of itself. */
export interface FanOutReport {
  readonly memory: Memory
  /** The largest size of the process since the report before. */
  readonly mostRss: number
  /** Messages that were dropped, by client identifier and code. */
  readonly dropped: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly clients: number
}

/** A server of exact topics: `serve`, and a session a client. What somebody publishes goes to whoever subscribed to it. */
export class FanOut {
  readonly #subscribers = new Map<string, Map<Session, QoS>>()
  readonly #dropped: Record<string, Record<string, number>> = {}
  #listening: Subscription | undefined
  #sampling: NodeJS.Timeout | undefined
  #mostRss = 0
  #clients = 0

  /** The port. */
  start(): Promise<number> {
    this.#sampling = setInterval(() => (this.#mostRss = Math.max(this.#mostRss, process.memoryUsage.rss())), 10)
    return new Promise((resolve, reject) => {
      const listening = { next: (at: AddressInfo | string) => resolve((at as AddressInfo).port) }
      this.#listening = listenTcp({ host: HOST, listening })
        .pipe(
          serve(
            (connection, accepted) => {
              const session = new Session({
                maxQueued: MAXIMUM_QUEUED,
                overflow: 'drop-oldest',
                receiveMaximum: WINDOW,
              })
              const { clientId = '' } = accepted.connect
              this.#clients += 1
              return merge(
                session.messages$.pipe(tap(({ packet: { topic, payload, qos } }) => this.#pass(topic, payload, qos))),
                session.dropped$.pipe(tap(({ error }) => this.#count(clientId, error))),
                answerSubscribe(connection, ({ topic, qos }) => this.#subscribe(session, topic, qos)),
                session.attach(connection, accepted),
              ).pipe(finalize(() => this.#gone(session)))
            },
            { authorize: () => of({}) },
          ),
        )
        .subscribe({ error: reject })
    })
  }

  async report(): Promise<FanOutReport> {
    const mostRss = this.#mostRss
    const now = await memory()
    this.#mostRss = now.rss
    return { memory: now, mostRss, dropped: this.#dropped, clients: this.#clients }
  }

  stop(): void {
    clearInterval(this.#sampling)
    this.#listening?.unsubscribe()
  }

  #subscribe(session: Session, topic: string, qos: QoS): QoS {
    const sessions = this.#subscribers.get(topic) ?? new Map<Session, QoS>()
    this.#subscribers.set(topic, sessions.set(session, qos))
    return qos
  }

  #gone(session: Session): void {
    this.#clients -= 1
    for (const sessions of this.#subscribers.values()) sessions.delete(session)
  }

  #pass(topic: string, payload: Uint8Array, qos: QoS): void {
    for (const [session, granted] of this.#subscribers.get(topic) ?? []) {
      const message = { topic, payload, qos: Math.min(qos, granted) as QoS }
      // What is dropped, `dropped$` tells.
      session.publish(message).subscribe({ error: () => undefined })
    }
  }

  #count(clientId: string, { code }: MqttError): void {
    const codes = (this.#dropped[clientId] ??= {})
    codes[code] = (codes[code] ?? 0) + 1
  }
}
