import { type MeasuredBroker, withBrokers } from '../broker/brokers.js'
import { type Effort, interleave, median, ratio, type Rounds, short, type Speed } from '../measure.js'
import { rate, type Row } from '../row.js'
import { brokerMemoryRows } from './served.js'
import { versus } from './receive.js'

const subscribers = 100
const payloads = [32, 1_024]
/** Messages that not all subscribers have. */
const window = 200
/** Pairs of a publisher and a subscriber, and the messages of one on their way at a time. */
const [pairs, pairWindow] = [8, 50]

/** A whole broker against others: fan-out, round trips, latency, and the memory of idle clients. */
export async function brokerRows(effort: Effort): Promise<Row[]> {
  const idle = effort === short ? 200 : 1_000
  const rows = await withBrokers(async (brokers) => {
    for (const { load, port } of brokers) await load.call('gather', { port, subscribers, idle })
    const fanOuts = await fanOutRows(effort, brokers, idle)
    return [...fanOuts, ...(await exchangeRows(effort, brokers))]
  })
  return [...rows, ...(await brokerMemoryRows(effort))]
}

async function fanOutRows(effort: Effort, brokers: readonly MeasuredBroker[], idle: number): Promise<Row[]> {
  const rows: Row[] = []
  const { milliseconds } = effort
  let slowest: Rounds<Speed> | undefined
  for (const payload of payloads) {
    const rounds = await interleave(
      each(brokers, (broker) =>
        speedOf(broker, async () => {
          const { deliveries, seconds } = await broker.load.call('fanOut', { payload, window, milliseconds })
          return { amount: deliveries, seconds }
        }),
      ),
      effort,
    )
    slowest ??= rounds
    const what = `fan-out to ${subscribers}, ${idle.toLocaleString('en')} idle clients beside, ${payload} B`
    rows.push(versus(what, rounds, 'rxmqtt', 'aedes', 2), versus(what, rounds, 'rxmqtt', 'mosquitto'))
  }
  return [...rows, ...(await latencyRows(effort, brokers, slowest!))]
}

/** Half load is half of what the slowest broker did, for all: the same work; and half of what each did itself. */
async function latencyRows(effort: Effort, brokers: readonly MeasuredBroker[], fanOut: Rounds<Speed>): Promise<Row[]> {
  const milliseconds = effort.milliseconds * 2
  const mostOf = (name: string): number => median(fanOut[name]!.map(({ perSecond }) => perSecond)) / subscribers
  const slowest = Math.min(...brokers.map(({ name }) => mostOf(name)))
  const rows: Row[] = []
  for (const [half, most] of [
    ["the slowest's", () => slowest],
    ['its own', mostOf],
  ] as const) {
    const rounds = await interleave(
      each(brokers, ({ name, load }) => {
        const perSecond = most(name) / 2
        return () => load.call('latency', { payload: 32, perSecond, milliseconds })
      }),
      effort,
    )
    const p99 = (name: string): number[] => rounds[name]!.map((latency) => latency.p99)
    const shown = (name: string): string =>
      `${median(p99(name)).toFixed(2)} ms at ${rate((most(name) / 2) * subscribers)}`
    for (const against of ['aedes', 'mosquitto']) {
      rows.push({
        what: `fan-out, p99 latency at half of ${half} most`,
        against,
        figure: ratio(p99('rxmqtt'), p99(against)),
        unit: '×',
        detail: `${shown('rxmqtt')} : ${shown(against)}`,
      })
    }
  }
  return rows
}

async function exchangeRows(effort: Effort, brokers: readonly MeasuredBroker[]): Promise<Row[]> {
  const rows: Row[] = []
  const { milliseconds } = effort
  for (const qos of [1, 2] as const) {
    const rounds = await interleave(
      each(brokers, (broker) =>
        speedOf(broker, async () => {
          const order = { port: broker.port, qos, pairs, window: pairWindow, payload: 32, milliseconds }
          const { messages, seconds } = await broker.load.call('exchange', order)
          return { amount: messages, seconds }
        }),
      ),
      effort,
    )
    const what = `QoS ${qos}, publisher to subscriber, ${pairs} pairs, ${pairWindow} at a time, 32 B`
    rows.push(versus(what, rounds, 'rxmqtt', 'aedes'), versus(what, rounds, 'rxmqtt', 'mosquitto'))
  }
  return rows
}

function each<T>(
  brokers: readonly MeasuredBroker[],
  measure: (broker: MeasuredBroker) => () => Promise<T>,
): Record<string, () => Promise<T>> {
  return Object.fromEntries(brokers.map((broker) => [broker.name, measure(broker)]))
}

/** By the clock of the load, and by the processor time of the broker. */
function speedOf(
  { cpu }: MeasuredBroker,
  work: () => Promise<{ readonly amount: number; readonly seconds: number }>,
): () => Promise<Speed> {
  return async () => {
    const before = await cpu()
    const { amount, seconds } = await work()
    return { perSecond: amount / seconds, perCpuSecond: amount / ((await cpu()) - before) }
  }
}
