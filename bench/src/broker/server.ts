import { serveTasks } from '../child.js'
import { cpuSeconds } from '../measure.js'

/** The measured broker: it loads one library and nothing of the others. */
const modules: Readonly<Record<string, string>> = {
  rxmqtt: './rxmqtt.js',
  aedes: './aedes.js',
}

const { listen } = (await import(modules[process.argv[2]!]!)) as { listen: () => Promise<number> }

const tasks = {
  /** The port. */
  listen,
  /** Seconds of processor time so far. */
  cpu: (): number => cpuSeconds(),
}

export type BrokerServer = typeof tasks
serveTasks(tasks)
