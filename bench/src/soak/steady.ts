import { round } from './crowd.js'
import { Findings } from './findings.js'
import { memory, size, slope } from './process.js'

export interface SteadyOptions {
  /** Milliseconds, at least three rounds. */
  readonly time: number
  readonly peers: number
  readonly seed: number
}

/** Part of the peers that misbehaves. */
const FAULTS = 0.05
/** Rounds before the first measurement. */
const WARM_UP = 2
const TEN_MINUTES = 600_000
const LONG_ENOUGH = 120_000

/** Mixed load with five per cent of bad peers, round after round: nothing is lost, and the heap does not grow with time. */
export async function steady({ time, peers, seed }: SteadyOptions): Promise<Findings> {
  const findings = new Findings()
  const bad = Math.max(12, Math.round(peers * FAULTS))
  const start = Date.now()
  const points: [number, number][] = []
  const rss: number[] = []
  let rounds = 0
  for (; rounds < WARM_UP + 3 || Date.now() - start < time; rounds += 1) {
    const found = new Findings()
    await round({ good: peers - bad, bad, messages: 60, seed: seed + rounds }, found)
    for (const violation of found.violations) findings.violation(`round ${rounds}: ${violation}`)
    const now = await memory()
    if (rounds >= WARM_UP) points.push([Date.now() - start, now.heap])
    if (rounds >= WARM_UP) rss.push(now.rss)
  }
  const span = points.at(-1)![0] - points[0]![0]
  const growth = slope(points) * TEN_MINUTES
  findings.tell(
    'rounds',
    `${rounds} of ${peers} peers, ${bad} of them bad, in ${Math.round((Date.now() - start) / 1_000)} s`,
  )
  findings.tell('messages, each way and acknowledged', rounds * (peers - bad) * 60)
  // What a collection leaves differs by some 100 KiB from one to the next: a short run can't tell a slope from that.
  if (span < LONG_ENOUGH) findings.tell('heap, first and last', `${size(points[0]![1])} and ${size(points.at(-1)![1])}`)
  else findings.demand('heap, in ten minutes', size(growth), 'below 1 MiB', growth < 1_048_576)
  findings.tell('RSS, first and last', `${size(rss[0]!)} and ${size(rss.at(-1)!)}`)
  return findings
}
