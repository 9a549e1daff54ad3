import type { AddressInfo } from 'node:net'
import { openBroker } from '@rxmqtt/example-broker'
import { listenTcp } from '@rxmqtt/transports/tcp'
import { host } from '../peers/peer.js'

/** The broker of `examples/broker`, in memory. */
export async function listen(): Promise<number> {
  const broker = await openBroker()
  return new Promise((resolve, reject) => {
    const listening = { next: (address: AddressInfo | string) => resolve((address as AddressInfo).port) }
    listenTcp({ host, backlog: 4_096, listening }).pipe(broker.serve()).subscribe({ error: reject })
  })
}
