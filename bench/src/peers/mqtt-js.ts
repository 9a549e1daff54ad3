import { performance } from 'node:perf_hooks'
import { connect, type MqttClient } from 'mqtt'
import { topic } from '../frames.js'
import type { Speed } from '../measure.js'
import { host, Meter, type Order, type Peer, publishFor, type ReceiveOrder, type Sent } from './peer.js'

function dial(port: number, clientId: string): MqttClient {
  return connect({ host, port, clientId, protocol: 'mqtt', reconnectPeriod: 0, keepalive: 0, queueQoSZero: false })
}

async function receive(order: ReceiveOrder): Promise<Speed> {
  const meter = new Meter(order)
  const client = dial(order.port, `feed-${order.payload}`)
  client.on('message', (_topic, payload) => meter.count(payload))
  const speed = await meter.done
  client.end(true)
  return speed
}

async function send(order: Order): Promise<Sent> {
  const client = dial(order.port, 'drain')
  await new Promise<void>((resolve) => client.once('connect', () => resolve()))
  const payload = Buffer.alloc(order.payload, 0x78)
  // It holds back by calling back later.
  let waiting = 0
  let resume: (() => void) | undefined
  const onSent = (): void => {
    if (--waiting === 0) resume?.()
  }
  const sent = await publishFor(
    order,
    () => {
      waiting++
      client.publish(topic, payload, { qos: 0 }, onSent)
      return waiting === 0
    },
    () =>
      new Promise<void>((resolve) => {
        resume = resolve
        if (waiting === 0) resolve()
      }),
  )
  client.end()
  return sent
}

async function first(order: Order): Promise<number> {
  const began = performance.now()
  const client = dial(order.port, `one-${order.payload}`)
  await new Promise<void>((resolve) => client.once('message', () => resolve()))
  const milliseconds = performance.now() - began
  client.end(true)
  return milliseconds
}

export const peer: Peer = { receive, send, first }
