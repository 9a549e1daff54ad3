import { Connection, type Transport } from '@rxmqtt/core'
import { connectTcp } from '@rxmqtt/transports/tcp'
import { connectWs } from '@rxmqtt/transports/ws'
import { BadPeers, ways } from './bad-peers.js'
import { Findings } from './findings.js'
import { HOST, Hub } from './hub.js'
import { leftOpen, memory, open, size, until } from './process.js'
import { Talker } from './talker.js'

export interface CrowdOptions {
  /** Peers that behave, and that must lose nothing. */
  readonly good: number
  readonly bad: number
  /** Messages that each good peer sends, and receives. */
  readonly messages: number
  readonly seed: number
  /** Milliseconds that they may take. @default 60000 */
  readonly atMost?: number | undefined
}

/** Milliseconds between two messages of a peer. */
const TICK = 20
/** Peers that dial at a time. */
const DIALS = 200

/**
 * One server, good peers on TCP and WebSocket that exchange numbered messages with it, and bad peers of every kind beside
 * them: the good ones lose nothing, and afterwards everything is as it was.
 */
export async function crowd(options: CrowdOptions): Promise<Findings> {
  const findings = new Findings()
  // What a first crowd loads and compiles is not the second one's.
  await round({ ...options, messages: 5 }, findings)
  const before = await memory()
  const { good, bad, messages } = options
  findings.figures.length = 0
  const seconds = await round(options, findings)
  const growth = (await memory()).heap - before.heap
  findings.tell('good and bad peers', `${good} and ${bad}`)
  findings.tell('messages, each way and acknowledged', `${good * messages} in ${seconds.toFixed(1)} s`)
  const each = growth / (good + bad)
  findings.demand('heap kept, each connection', size(each), 'below 2 KiB', each < 2_048)
  return findings
}

/** Plays once, and returns the seconds that the talk took. */
export async function round(options: CrowdOptions, findings: Findings): Promise<number> {
  const { good, bad, messages, seed } = options
  const opened = await open()
  const hub = new Hub(messages, findings)
  await hub.start()
  const clients = new Clients(hub, messages, findings)
  const badPeers = new BadPeers(hub.bad, seed)
  badPeers.start(bad)
  await clients.dial(good)
  const start = Date.now()
  const isDone = (): boolean => [...clients.talkers, ...hub.talkers].every((talker) => talker.isDone)
  const ticking = setInterval(() => {
    for (const talker of clients.talkers) talker.talk()
    for (const talker of hub.talkers) talker.talk()
  }, TICK)
  const isInTime = await until(isDone, options.atMost ?? 60_000)
  clearInterval(ticking)
  const seconds = (Date.now() - start) / 1_000
  if (!isInTime) {
    const late = [...clients.talkers, ...hub.talkers].filter((talker) => !talker.isDone)
    findings.violation(`${late.length} were not done in time, such as ${late[0]?.progress}`)
  }
  // Some ends need their time, such as that of who never reads until the system's own buffers are full.
  await until(() => unended(badPeers, hub).length === 0, 10_000)
  await clients.end()
  const missing = unended(badPeers, hub)
  const ends = endsOf(badPeers, hub)
  await badPeers.stop()
  await hub.stop()
  findings.require(missing.length === 0, () => `nobody was ended of those who ${missing.join(', or ')}`)
  judge(ends, findings)
  const left = await leftOpen(opened)
  findings.require(left === undefined, () => `left open: ${left}`)
  return seconds
}

/** Each bad peer's way, and how the server ended it, if it did. */
function endsOf(badPeers: BadPeers, hub: Hub): (readonly [way: string, end: string | undefined])[] {
  return [...badPeers.ports].flatMap(([port, names]) =>
    names.map((way, i) => [way, hub.badEnds.get(port)?.[i]?.[0]] as const),
  )
}

/** The ways that deserve an end and of which none had one yet. */
function unended(badPeers: BadPeers, hub: Hub): string[] {
  const all = endsOf(badPeers, hub)
  const isWaiting = (way: string): boolean => all.some(([name]) => name === way) && ways[way]!.ends.length > 0
  return Object.keys(ways).filter(
    (way) => isWaiting(way) && !all.some(([name, end]) => name === way && end !== undefined),
  )
}

/** Whether each had the end that it deserved, and those that are to be borne none. */
function judge(all: readonly (readonly [way: string, end: string | undefined])[], findings: Findings): void {
  const counts = new Map<string, Map<string, number>>()
  for (const [way, end = 'still there'] of all) {
    const known = counts.get(way) ?? new Map<string, number>()
    counts.set(way, known.set(end, (known.get(end) ?? 0) + 1))
    const isRight = end === 'still there' || ways[way]!.ends.includes(end)
    findings.require(isRight, () => `a peer that ${way} ended with ${end}`)
  }
  for (const [way, ends] of counts) {
    findings.tell(`who ${way}`, [...ends].map(([end, count]) => `${end} ${count}`).join(', '))
  }
}

/** The good peers. */
class Clients {
  readonly talkers: Talker[] = []
  readonly #hub: Hub
  readonly #messages: number
  readonly #findings: Findings
  #dialled = 0
  #over = 0

  constructor(hub: Hub, messages: number, findings: Findings) {
    this.#hub = hub
    this.#messages = messages
    this.#findings = findings
  }

  async dial(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      const url = `ws://${HOST}:${this.#hub.ws}`
      const dial$ = i % 4 === 0 ? connectWs(url) : connectTcp({ host: HOST, port: this.#hub.tcp })
      this.#dialled += 1
      const over = (): unknown => (this.#over += 1)
      dial$.subscribe({
        next: (transport) => this.#join(transport, i),
        complete: over,
        error: (error: unknown) => {
          over()
          this.#findings.violation(`good peer ${i} was cut off: ${String(error)}`)
        },
      })
      if (i % DIALS === DIALS - 1) await until(() => this.talkers.length + this.#over > i, 10_000)
    }
    const areThere = await until(() => this.talkers.length === count && this.#hub.talkers.length === count, 10_000)
    this.#findings.require(areThere, () => `${this.talkers.length} of ${count} good peers were accepted`)
  }

  /** All say goodbye; their dials must complete. */
  async end(): Promise<void> {
    for (const { connection } of this.talkers) connection.disconnect()
    const isOver = await until(() => this.#over === this.#dialled, 10_000)
    this.#findings.require(isOver, () => `${this.#dialled - this.#over} goodbyes of good peers did not end`)
  }

  #join(transport: Transport, i: number): void {
    const connection = new Connection(transport, { role: 'client' })
    const talker = new Talker(`good-${i}`, connection, this.#messages, this.#findings)
    connection.connack$.subscribe(() => {
      talker.listen()
      this.talkers.push(talker)
    })
    connection.connect({ protocolVersion: i % 2 === 0 ? 5 : 4, clientId: talker.name })
  }
}
