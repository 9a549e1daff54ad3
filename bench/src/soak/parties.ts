import { Findings } from './findings.js'
import type { Party } from './party.js'
import { faults, PartyClient } from './party-client.js'
import { PartyServer } from './party-server.js'
import { leftOpen, memory, open, size, slope, until } from './process.js'
import { type Random, seeded } from './random.js'

export interface PartiesOptions {
  /** Milliseconds, at least three rounds. */
  readonly time: number
  readonly clients: number
  /** Milliseconds of talk in one round. */
  readonly round: number
  readonly seed: number
}

/** Part of the clients to which something happens, each tick. */
const FAULTS = 0.05
/** Milliseconds. */
const TICK = 20
/** Rounds before the first measurement, and the part of the time: code that gets hot keeps some hundred KiB more. */
const WARM_UP = 2
const WARM_UP_TIME = 1 / 3
const TEN_MINUTES = 600_000
const LONG_ENOUGH = 120_000

interface Sums {
  messages: number
  connections: number
  again: number
  readonly faults: Record<string, number>
}

/**
 * Mixed load of all three QoS, MQTT 3.1.1 and 5, over serve and sessions on both ends, while five per cent of the clients have
 * something happen to their connection each tick: no promise is broken, and the heap does not grow with time.
 */
export async function parties({ time, clients, round, seed }: PartiesOptions): Promise<Findings> {
  const findings = new Findings()
  const start = Date.now()
  const points: [number, number][] = []
  const sums: Sums = { messages: 0, connections: 0, again: 0, faults: {} }
  const random = seeded(seed)
  let rounds = 0
  for (; points.length < 3 || Date.now() - start < time; rounds += 1) {
    const opened = await open()
    const found = new Findings()
    await one(clients, round, random, found, sums)
    const left = await leftOpen(opened)
    found.require(left === undefined, () => `left open: ${left}`)
    for (const violation of found.violations) findings.violation(`round ${rounds}: ${violation}`)
    const { heap } = await memory()
    const since = Date.now() - start
    if (rounds >= WARM_UP && since > time * WARM_UP_TIME) points.push([since, heap])
  }
  findings.tell('rounds', `${rounds} of ${clients} clients, in ${Math.round((Date.now() - start) / 1_000)} s`)
  findings.tell('connections', sums.connections)
  findings.tell('messages that arrived', `${sums.messages}, and ${sums.again} of QoS 1 once more`)
  for (const name of Object.keys(faults)) {
    const count = sums.faults[name] ?? 0
    findings.demand(name, count, 'some', count > 0)
  }
  const span = points.at(-1)![0] - points[0]![0]
  const growth = slope(points) * TEN_MINUTES
  // What a collection leaves differs from one to the next: a short run can't tell a slope from that.
  if (span < LONG_ENOUGH) findings.tell('heap, first and last', `${size(points[0]![1])} and ${size(points.at(-1)![1])}`)
  else findings.demand('heap, in ten minutes', size(growth), 'below 1 MiB', growth < 1_048_576)
  return findings
}

async function one(
  amount: number,
  milliseconds: number,
  random: Random,
  findings: Findings,
  sums: Sums,
): Promise<void> {
  const server = new PartyServer(random, findings)
  const port = await server.start()
  const clients = Array.from({ length: amount }, (_, i) => {
    return new PartyClient(port, `client-${i}`, i % 2 === 0 ? 4 : 5, random, findings)
  })
  const talking = setInterval(() => {
    for (const { party } of clients) party.talk()
    for (const party of server.parties.values()) party.talk()
  }, TICK)
  const failing = setInterval(() => {
    for (const client of clients) if (random.chance(FAULTS)) fail(client, random, sums)
    for (const connection of server.connections) if (random.chance(FAULTS / 10)) connection.destroy()
  }, TICK)
  await new Promise((resolve) => setTimeout(resolve, milliseconds))
  clearInterval(talking)
  clearInterval(failing)
  const pairs = (): (readonly [Party, Party | undefined])[] => {
    return clients.map(({ party }) => [party, server.parties.get(party.name)] as const)
  }
  const isDone = (): boolean => {
    return pairs().every(([a, b]) => b !== undefined && a.isHeardBy(b) && b.isHeardBy(a))
  }
  if (!(await until(isDone, 20_000))) {
    for (const [a, b] of pairs()) {
      if (b === undefined) findings.violation(`${a.name} never came in`)
      else if (!a.isHeardBy(b)) findings.violation(a.missing(b))
      else if (!b.isHeardBy(a)) findings.violation(b.missing(a))
    }
  }
  for (const party of pairs().flat()) {
    sums.messages += party?.done ?? 0
    sums.again += party?.again ?? 0
  }
  sums.connections += server.opened
  for (const client of clients) client.stop()
  await until(() => server.connections.size === 0, 5_000)
  findings.require(server.connections.size === 0, () => `${server.connections.size} connections were still there`)
  server.stop()
}

function fail(client: PartyClient, random: Random, { faults: counts }: Sums): void {
  const name = random.of(Object.keys(faults))
  counts[name] = (counts[name] ?? 0) + 1
  faults[name]!(client, random)
}
