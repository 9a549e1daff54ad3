import { parseArgs } from 'node:util'
import { type Outcome, oneCase } from './fuzz/one-case.js'

const usage = `Fuzzes the codec: packets, changed packets and anything, whole and in chunks.

  npm run fuzz -- [--cases N] [--seed N] [--short]

  --cases   how many; 1,000,000 unless given, 20,000 with --short
  --seed    of the first case, the next have the next seeds; so --seed N --cases 1 shows case N again`

const { values } = parseArgs({
  options: {
    cases: { type: 'string' },
    seed: { type: 'string' },
    short: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

function integer(name: string, given: string | undefined, fallback: number): number {
  const value = given === undefined ? fallback : Number(given)
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new Error(`--${name} must be a whole number, not ${given}`)
}

const mebibytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`

/** Milliseconds above which a case counts as hung, when it takes as long again and again. */
const slow = 20
const attempts = 3

interface Totals {
  packets: number
  longest: number
  longestSeed: number
  readonly codes: Map<string, number>
  readonly violations: string[]
  rss: number
}

/** Runs a case; the duration is of the processor, since others may use the machine. */
function milliseconds(run: () => Outcome): [outcome: Outcome, duration: number] {
  const start = process.cpuUsage()
  const outcome = run()
  const { user, system } = process.cpuUsage(start)
  return [outcome, (user + system) / 1_000]
}

function count(totals: Totals, seed: number): void {
  let [outcome, duration] = milliseconds(() => oneCase(seed))
  for (let i = 1; i < attempts && duration > slow; i++) {
    const [again, shorter] = milliseconds(() => oneCase(seed))
    outcome = again
    duration = Math.min(duration, shorter)
  }
  const { packets, code = 'none', problems, bytes } = outcome
  totals.packets += packets
  totals.codes.set(code, (totals.codes.get(code) ?? 0) + 1)
  if (duration > totals.longest) {
    totals.longest = duration
    totals.longestSeed = seed
  }
  if (duration > slow) totals.violations.push(`seed ${seed}: took ${duration.toFixed(1)} ms`)
  for (const problem of problems) {
    totals.violations.push(`seed ${seed}: ${problem}\n  bytes ${Buffer.from(bytes).toString('hex')}`)
  }
}

function fuzz(cases: number, seed: number): Totals {
  const totals: Totals = { packets: 0, longest: 0, longestSeed: seed, codes: new Map(), violations: [], rss: 0 }
  for (let i = 0; i < cases && totals.violations.length < 20; i++) {
    count(totals, seed + i)
    if (i % 4_096 === 0) totals.rss = Math.max(totals.rss, process.memoryUsage.rss())
  }
  return totals
}

function main(): void {
  if (values.help) return console.log(usage)
  const cases = integer('cases', values.cases, values.short ? 20_000 : 1_000_000)
  const seed = integer('seed', values.seed, Date.now() % 1_000_000_000)
  console.log(`fuzzing the codec: ${cases} cases from --seed ${seed}`)
  const start = performance.now()
  const { packets, longest, longestSeed, codes, violations, rss } = fuzz(cases, seed)
  const seconds = (performance.now() - start) / 1_000
  const total = [...codes.values()].reduce((sum, each) => sum + each, 0)
  console.log(`cases     ${total} in ${seconds.toFixed(1)} s`)
  console.log(`packets   ${packets}`)
  for (const [code, number] of [...codes].sort()) console.log(`errors    ${code.padEnd(20)} ${number}`)
  console.log(`longest   ${longest.toFixed(2)} ms of the processor (seed ${longestSeed}), below ${slow} ms demanded`)
  console.log(`memory    ${mebibytes(rss)} resident at most, below 200 MiB demanded`)
  if (rss > 209_715_200) violations.push(`${mebibytes(rss)} resident`)
  for (const violation of violations) console.log(`VIOLATION ${violation}`)
  console.log(`${violations.length} violations`)
  if (violations.length > 0) process.exitCode = 1
}

main()
