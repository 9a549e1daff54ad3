import { Child } from '../child.js'
import { startMosquitto } from '../mosquitto.js'
import type { BrokerLoad } from './load.js'
import type { BrokerServer } from './server.js'

export const brokerNames = ['rxmqtt', 'aedes', 'mosquitto'] as const
export type BrokerName = (typeof brokerNames)[number]

/** A broker in a process of its own, and the load of it in another. */
export interface MeasuredBroker {
  readonly name: BrokerName
  readonly port: number
  readonly load: Child<BrokerLoad>
  /** Seconds of processor time that the broker has used. */
  readonly cpu: () => Promise<number>
}

/** Runs `measure` with all brokers, and ends their processes. */
export async function withBrokers<T>(measure: (brokers: readonly MeasuredBroker[]) => Promise<T>): Promise<T> {
  const stops: (() => Promise<void> | void)[] = []
  const child = (name: 'rxmqtt' | 'aedes'): Child<BrokerServer> => {
    const server = new Child<BrokerServer>('./broker/server.js', [name])
    stops.push(() => server.stop())
    return server
  }
  try {
    const [ours, aedes] = [child('rxmqtt'), child('aedes')]
    const mosquitto = await startMosquitto()
    stops.push(() => mosquitto.stop())
    const parts = [
      { port: await ours.call('listen', undefined), cpu: () => ours.call('cpu', undefined) },
      { port: await aedes.call('listen', undefined), cpu: () => aedes.call('cpu', undefined) },
      { port: mosquitto.port, cpu: () => Promise.resolve(mosquitto.cpu()) },
    ]
    const brokers = brokerNames.map((name, i) => {
      const load = new Child<BrokerLoad>('./broker/load.js')
      stops.unshift(() => load.stop())
      return { name, load, ...parts[i]! }
    })
    return await measure(brokers)
  } finally {
    for (const stop of stops) await stop()
  }
}
