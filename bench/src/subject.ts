import { serveTasks } from './child.js'
import type { Speed } from './measure.js'
import type { Order, Peer, ReceiveOrder, Sent } from './peers/peer.js'

/** The measured process: it loads one library and nothing of the others. */
const modules: Readonly<Record<string, string>> = {
  rxmqtt: './peers/rxmqtt.js',
  'bare socket': './peers/socket.js',
  'bare decoder': './peers/decoder.js',
  'mqtt-connection': './peers/mqtt-connection.js',
  'MQTT.js': './peers/mqtt-js.js',
}

const { peer } = (await import(modules[process.argv[2]!]!)) as { peer: Peer }

const tasks = {
  receive: (order: ReceiveOrder): Promise<Speed> => peer.receive(order),
  send: (order: Order): Promise<Sent> => peer.send(order),
  first: (order: Order): Promise<number> => peer.first(order),
}

export type Subject = typeof tasks
serveTasks(tasks)
