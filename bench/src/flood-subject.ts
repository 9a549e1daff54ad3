import { serveTasks } from './child.js'
import { cpuSeconds } from './measure.js'
import type { Flood, FloodOrder } from './peers/flood.js'

/** One end of a flood: it loads one codec, and is a process of its own. */
const modules: Readonly<Record<string, string>> = {
  rxmqtt: './peers/flood-rxmqtt.js',
  'mqtt-packet': './peers/flood-mqtt-packet.js',
}

const { flood } = (await import(modules[process.argv[2]!]!)) as { flood: Flood }

const tasks = {
  listen: (): Promise<number> => flood.listen(),
  /** Seconds from the first message to the last acknowledgement. */
  send: (order: FloodOrder): Promise<number> => flood.send(order),
  /** Messages that arrived. */
  received: (): number => flood.received(),
  cpu: (): number => cpuSeconds(),
}

export type FloodSubject = typeof tasks
serveTasks(tasks)
