import { serveTasks } from './child.js'
import { cpuSeconds } from './measure.js'

/**
 * The measured server of the acknowledgements: it takes whatever comes with QoS 1 and loads one library and nothing of the
 * others.
 */
const modules: Readonly<Record<string, string>> = {
  rxmqtt: './peers/acks-rxmqtt.js',
  aedes: './peers/acks-aedes.js',
  'bare decoder': './peers/acks-decoder.js',
}

const { listen } = (await import(modules[process.argv[2]!]!)) as { listen: () => Promise<number> }

const tasks = {
  /** The port. */
  listen,
  /** Seconds of processor time so far. */
  cpu: (): number => cpuSeconds(),
}

export type AcksServer = typeof tasks
serveTasks(tasks)
