import { serveTasks } from '../child.js'
import { BrokerFanOut } from './broker-fan-out.js'
import { FanOut, type FanOutReport } from './fan-out.js'

/** A server in a process of its own, whose memory is its own: the whole broker where its argument says so. */
const server = process.argv[2] === 'broker' ? new BrokerFanOut() : new FanOut()
const tasks = {
  start: (): Promise<number> => server.start(),
  report: (): Promise<FanOutReport> => server.report(),
}

export type FanOutChild = typeof tasks
serveTasks(tasks)
