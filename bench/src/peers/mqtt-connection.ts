import { once } from 'node:events'
import { connect } from 'node:net'
import { performance } from 'node:perf_hooks'
import mqttConnection, { type MqttConnection } from 'mqtt-connection'
import { topic } from '../frames.js'
import type { Speed } from '../measure.js'
import { host, Meter, type Order, type Peer, publishFor, type ReceiveOrder, type Sent } from './peer.js'

interface Received {
  readonly cmd: string
  readonly payload: Uint8Array
}

/** With `notData` it doesn't take the first packet for a CONNECT, and leaves it to us to look at `cmd`. */
function dial(port: number, clientId: string, received: (packet: Received) => void): MqttConnection {
  const connection = mqttConnection(connect({ host, port, noDelay: true }), { notData: true })
  connection.on('data', received)
  connection.on('error', () => connection.destroy())
  connection.connect({ clientId, protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: 0 })
  return connection
}

async function receive(order: ReceiveOrder): Promise<Speed> {
  const meter = new Meter(order)
  const connection = dial(order.port, `feed-${order.payload}`, (packet) => {
    if (packet.cmd === 'publish') meter.count(packet.payload)
  })
  const speed = await meter.done
  connection.destroy()
  return speed
}

async function send(order: Order): Promise<Sent> {
  let accepted!: () => void
  const connack = new Promise<void>((resolve) => (accepted = resolve))
  const connection = dial(order.port, 'drain', () => accepted())
  await connack
  const payload = Buffer.alloc(order.payload, 0x78)
  const sent = await publishFor(
    order,
    () => connection.write({ cmd: 'publish', topic, payload, qos: 0, retain: false, dup: false }),
    () => once(connection, 'drain'),
  )
  // It never ends the socket by itself.
  connection.end(() => connection.stream.end())
  return sent
}

async function first(order: Order): Promise<number> {
  const began = performance.now()
  let connection: MqttConnection | undefined
  await new Promise<void>((resolve) => {
    connection = dial(order.port, `one-${order.payload}`, ({ cmd }) => {
      if (cmd === 'publish') resolve()
    })
  })
  const milliseconds = performance.now() - began
  connection?.destroy()
  return milliseconds
}

export const peer: Peer = { receive, send, first }
