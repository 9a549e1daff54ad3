import { serveTasks } from '../child.js'
import { type Exchanged, type ExchangeOrder, exchange } from './exchanges.js'
import { type Crowd, FanOut, type FanOutOrder, type FannedOut, type Latency, type LatencyOrder } from './fan-out.js'

/** The load of one broker: bare sockets, so that it is not what is measured. */
let crowd: FanOut | undefined

const tasks = {
  /** Connects the subscribers, the idle clients and the publisher, for all that follows. */
  async gather(order: Crowd): Promise<void> {
    crowd = await FanOut.open(order)
  },
  fanOut: (order: FanOutOrder): Promise<FannedOut> => crowd!.run(order),
  latency: (order: LatencyOrder): Promise<Latency> => crowd!.latency(order),
  exchange: (order: ExchangeOrder): Promise<Exchanged> => exchange(order),
}

export type BrokerLoad = typeof tasks
serveTasks(tasks)
