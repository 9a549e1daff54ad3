import type { AddressInfo } from 'node:net'
import { type Broker, openBroker } from '@rxmqtt/example-broker'
import { listenTcp } from '@rxmqtt/transports/tcp'
import type { Subscription } from 'rxjs'
import { type FanOutReport, MAXIMUM_QUEUED, WINDOW } from './fan-out.js'
import { HOST } from './hub.js'
import { memory } from './process.js'

/** The whole broker, which tells of itself what {@link FanOut} does. */
export class BrokerFanOut {
  readonly #dropped: Record<string, Record<string, number>> = {}
  #broker: Broker | undefined
  #listening: Subscription | undefined
  #sampling: NodeJS.Timeout | undefined
  #mostRss = 0

  /** The port. */
  async start(): Promise<number> {
    const broker = await openBroker({ maxQueued: MAXIMUM_QUEUED, receiveMaximum: WINDOW, sysInterval: 0 })
    this.#broker = broker
    this.#sampling = setInterval(() => (this.#mostRss = Math.max(this.#mostRss, process.memoryUsage.rss())), 10)
    broker.dropped$.subscribe(({ clientId, error: { code } }) => {
      const codes = (this.#dropped[clientId] ??= {})
      codes[code] = (codes[code] ?? 0) + 1
    })
    return new Promise((resolve, reject) => {
      const listening = { next: (at: AddressInfo | string) => resolve((at as AddressInfo).port) }
      this.#listening = listenTcp({ host: HOST, listening }).pipe(broker.serve()).subscribe({ error: reject })
    })
  }

  async report(): Promise<FanOutReport> {
    const mostRss = this.#mostRss
    const now = await memory()
    this.#mostRss = now.rss
    return { memory: now, mostRss, dropped: this.#dropped, clients: this.#broker!.figures.connected }
  }

  async stop(): Promise<void> {
    clearInterval(this.#sampling)
    this.#listening?.unsubscribe()
    await this.#broker?.close()
  }
}
