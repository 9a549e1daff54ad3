import { Child } from '../child.js'
import { BareClient } from './bare-client.js'
import { BrokerFanOut } from './broker-fan-out.js'
import { FanOut, type FanOutReport, MAXIMUM_QUEUED, WINDOW } from './fan-out.js'
import type { FanOutChild } from './fan-out-child.js'
import { Findings } from './findings.js'
import { leftOpen, open, pause, size, until } from './process.js'

export interface SlowReadersOptions {
  /** Messages of 8 KiB in one flood. */
  readonly messages: number
  /** How often each kind of time is measured, in turn. */
  readonly rounds: number
  /** `serve` with a session a client, or the whole broker. @default 'sessions' */
  readonly server?: 'sessions' | 'broker' | undefined
  /** Whether the server has a process of its own: only then its size and others' latency tell anything. */
  readonly apart: boolean
}

const PAYLOAD = 8_192
/** What may wait for one subscriber: its queue, its window, and what its transport takes. */
const CAP = (MAXIMUM_QUEUED + WINDOW) * PAYLOAD + 4 * 65_536
const SPARE = 16_777_216
/** Milliseconds between two messages of who publishes on another topic. */
const TICK = 2
/** Messages of a flood that leaves the server time: twenty each so many milliseconds, 16 MiB a second. */
const PACED = 2_000
const REST = 10

/** Milliseconds that messages on another topic took: while nothing is flooded, and by floods of each kind. */
type Times = Record<'quiet' | 'paced' | 'read' | 'unread', number[]>

interface Server {
  readonly port: number
  report(): Promise<FanOutReport>
  stop(): Promise<void> | void
}

/**
 * A server of sessions, or the whole broker, under a flood at full speed to a subscriber that reads nothing, and to one that acknowledges nothing:
 * their policy drops and tells, what waits for them is bounded, and others lose nothing and keep their latency.
 */
export async function slowReaders({
  messages,
  rounds,
  server: kind = 'sessions',
  apart,
}: SlowReadersOptions): Promise<Findings> {
  const findings = new Findings()
  const opened = await open()
  const server = await start(kind, apart)
  const flooder = await BareClient.dial(server.port, 'flooder')
  const probe = await Probe.start(server.port, findings)
  await flooded(flooder, 'nobody', messages, 0)

  const times: Times = { quiet: [], paced: [], read: [], unread: [] }
  for (let round = 0; round < rounds; round += 1) {
    for (const qos of [0, 1] as const) {
      times.quiet.push(...(await probe.during(() => pause(1_000))))
      const reader = await subscriber(server.port, 'reader', qos)
      times.read.push(...(await probe.during(() => flooded(flooder, 'flood', messages, qos))))
      reader.close()
      await gone(server, 3)

      const who = `unread-${qos}-${round}`
      const slow = await subscriber(server.port, who, qos)
      slow.socket.pause()
      const before = await server.report()
      times.unread.push(...(await probe.during(() => flooded(flooder, 'flood', messages, qos))))
      judge(findings, `QoS ${qos}, nothing read`, who, before, await server.report(), apart)
      if (apart) times.paced.push(...(await probe.during(() => flooder.flood('flood', PAYLOAD, PACED, qos, REST))))
      slow.close()
      await gone(server, 3)
    }
  }
  await unacknowledged(findings, server, flooder, messages, apart)
  await probe.stop()
  if (apart) latencies(findings, times)
  findings.demand('messages on another topic', probe.received, `${probe.sent}`, probe.received === probe.sent)
  flooder.close()
  await server.stop()
  const left = await leftOpen(opened)
  findings.demand('handles and file descriptors', left ?? 'as before', 'as before', left === undefined)
  return findings
}

/** It reads, and acknowledges nothing: it gets what the window takes, the rest waits or is dropped. */
async function unacknowledged(
  findings: Findings,
  server: Server,
  flooder: BareClient,
  messages: number,
  apart: boolean,
): Promise<void> {
  const who = 'unacknowledging'
  const client = await subscriber(server.port, who, 1)
  client.isAcknowledging = false
  const before = await server.report()
  await flooded(flooder, 'flood', messages, 1)
  await pause(100)
  const got = client.received
  findings.demand('sent to who acknowledges nothing', got, `${WINDOW}`, got === WINDOW)
  judge(findings, 'QoS 1, nothing acknowledged', who, before, await server.report(), apart)
  client.close()
  await gone(server, 3)
}

function judge(
  findings: Findings,
  what: string,
  who: string,
  before: FanOutReport,
  after: FanOutReport,
  apart: boolean,
): void {
  const codes = after.dropped[who] ?? {}
  const { overflow = 0, ...others } = codes
  findings.demand(`${what}: told as dropped`, overflow, 'some', overflow > 0)
  findings.require(Object.keys(others).length === 0, () => `${what}: dropped for ${JSON.stringify(others)}`)
  const heap = after.memory.heap - before.memory.heap
  findings.demand(`${what}: heap kept`, size(heap), `below ${size(CAP + SPARE / 8)}`, heap < CAP + SPARE / 8)
  if (!apart) return
  const rss = after.mostRss - before.memory.rss
  findings.target(`${what}: RSS grown at most`, size(rss), `below ${size(CAP + SPARE)}`, rss < CAP + SPARE)
}

function latencies(findings: Findings, times: Times): void {
  const [quiet, paced, read, unread] = [p99(times.quiet), p99(times.paced), p99(times.read), p99(times.unread)]
  findings.tell("others' p99 latency, quiet", ms(quiet))
  const slower = (what: string, time: number, than: number, whom: string): void => {
    const ratio = time / than
    findings.target(`${what}, ${ms(time)}, to ${whom}`, `${ratio.toFixed(2)} ×`, 'at most 2 ×', ratio <= 2)
  }
  slower('16 MiB/s that are not read', paced, quiet, 'quiet')
  slower('full speed, not read', unread, read, `one that is read, ${ms(read)}`)
}

/** One who publishes on a topic of its own, at a steady rate, and one who subscribed to it. */
class Probe {
  sent = 0
  received = 0
  readonly #publisher: BareClient
  readonly #subscriber: BareClient
  readonly #ticking: NodeJS.Timeout
  #times: number[] = []

  private constructor(publisher: BareClient, subscriber: BareClient, findings: Findings) {
    this.#publisher = publisher
    this.#subscriber = subscriber
    subscriber.onMessage = ({ payload }) => {
      const view = new DataView(payload.buffer, payload.byteOffset)
      const n = view.getUint32(8)
      findings.require(n === this.received, () => `message ${n} on another topic came in place of ${this.received}`)
      this.received = n + 1
      this.#times.push(performance.now() - view.getFloat64(0))
    }
    this.#ticking = setInterval(() => this.#tick(), TICK)
  }

  static async start(port: number, findings: Findings): Promise<Probe> {
    const publisher = await BareClient.dial(port, 'prober')
    const subscriber = await BareClient.dial(port, 'probed')
    await subscriber.subscribe('probe', 0)
    return new Probe(publisher, subscriber, findings)
  }

  /** The milliseconds that each message took in the meantime. */
  async during(work: () => Promise<unknown>): Promise<readonly number[]> {
    this.#times = []
    await work()
    return this.#times
  }

  async stop(): Promise<void> {
    clearInterval(this.#ticking)
    await until(() => this.received === this.sent, 10_000)
    this.#publisher.close()
    this.#subscriber.close()
  }

  #tick(): void {
    const payload = Buffer.alloc(12)
    payload.writeDoubleBE(performance.now())
    payload.writeUInt32BE(this.sent++, 8)
    this.#publisher.publish('probe', payload)
  }
}

async function subscriber(port: number, clientId: string, qos: 0 | 1): Promise<BareClient> {
  const client = await BareClient.dial(port, clientId)
  await client.subscribe('flood', qos)
  return client
}

async function flooded(flooder: BareClient, topic: string, messages: number, qos: 0 | 1): Promise<void> {
  await flooder.flood(topic, PAYLOAD, messages, qos)
  // What the sockets between still hold.
  if (qos === 0) await flooder.flood('nobody', 0, 20, 1)
}

/** Waits until only so many clients are there. */
async function gone(server: Server, clients: number): Promise<void> {
  for (let i = 0; i < 100 && (await server.report()).clients > clients; i += 1) await pause(20)
}

async function start(kind: 'sessions' | 'broker', apart: boolean): Promise<Server> {
  if (apart) {
    const child = new Child<FanOutChild>('./soak/fan-out-child.js', [kind])
    const port = await child.call('start', undefined)
    return { port, report: () => child.call('report', undefined), stop: () => child.stop() }
  }
  const server = kind === 'broker' ? new BrokerFanOut() : new FanOut()
  return { port: await server.start(), report: () => server.report(), stop: () => server.stop() }
}

function p99(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? Number.NaN
}

function ms(value: number): string {
  return `${value.toFixed(2)} ms`
}
