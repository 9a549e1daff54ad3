import { serveTasks } from '../child.js'
import { FanOut, type FanOutReport } from './fan-out.js'

/** A server in a process of its own, whose memory is its own. */
const server = new FanOut()
const tasks = {
  start: (): Promise<number> => server.start(),
  report: (): Promise<FanOutReport> => server.report(),
}

export type FanOutChild = typeof tasks
serveTasks(tasks)
