import { parseArgs } from 'node:util'
import { churn } from './soak/churn.js'
import { closes } from './soak/closes.js'
import { connectionsAlone } from './soak/connections-alone.js'
import { crowd } from './soak/crowd.js'
import type { Figure, Findings } from './soak/findings.js'
import { idle } from './soak/idle.js'
import { parties } from './soak/parties.js'
import { publishes } from './soak/publishes.js'
import { slowReaders } from './soak/slow-readers.js'
import { stalls } from './soak/stalls.js'
import { steady } from './soak/steady.js'
import { storm } from './soak/storm.js'
import { takeovers } from './soak/takeovers.js'
import { writers } from './soak/writers.js'

const usage = `npm run soak -- [--short | --strict] [--minutes N] [--seed N] [--only NAME]

  --short     every scenario, smaller: some two minutes
  --strict    a target of speed that is missed fails the run too: for a quiet machine, and the whole soak alone
  --minutes   bounds the whole run (default 25): a million whole connections have to be done in it, and
              steady load takes what the others leave of it
  --seed      to have the random choices of an earlier run again
  --only      one scenario: stalls, closes, writers, connections, idle, churn, storm, publishes, slow,
              broker, takeovers, parties, crowd or steady`

interface Scenario {
  readonly name: string
  readonly about: string
  /** Takes the milliseconds that are left of the whole run. */
  readonly run: (time: number) => Promise<Findings>
}

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '25' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
const { short, strict, only } = values
const [minutes, seed] = [Number(values.minutes), Number(values.seed)]

/** Milliseconds of mixed load over sessions, where the whole run is long enough. */
const PARTIES = 600_000

const scenarios: readonly Scenario[] = [
  { name: 'stalls', about: 'big packets in small pieces', run: () => stalls() },
  { name: 'closes', about: 'how soon what ends is gone', run: () => closes() },
  {
    name: 'writers',
    about: 'random objects given to every writer',
    run: () => writers({ objects: short ? 20_000 : 200_000, seed }),
  },
  {
    name: 'connections',
    about: 'whole connections of both roles, any bytes and any acts',
    run: (time) =>
      connectionsAlone({
        seed,
        maximumRss: 209_715_200,
        ...(short ? { cases: 10_000, atMost: 10_000 } : { cases: 1_000_000, atMost: time, wantsAll: true }),
      }),
  },
  {
    name: 'idle',
    about: 'idle connections, clients in another process',
    run: () => idle({ connections: short ? 2_000 : 10_000, twoProcesses: true }),
  },
  {
    name: 'churn',
    about: 'connections that come and go, half of them abruptly',
    run: () =>
      churn(
        short
          ? { connections: 5_000, warmUp: 2_000, maximumSlope: 300 }
          : { connections: 50_000, warmUp: 10_000, maximumSlope: 50 },
      ),
  },
  {
    name: 'storm',
    about: 'a server that goes down with all its clients, and comes back',
    run: () => storm(short ? { clients: 200, seed } : { clients: 1_000, down: 60_000, seed }),
  },
  {
    name: 'publishes',
    about: 'a storm of messages from one session to another',
    run: () => publishes({ version: 5, amounts: short ? [20_000, 5_000, 2_000] : [200_000, 50_000, 20_000] }),
  },
  {
    name: 'slow',
    about: 'a flood to who reads nothing, and to who acknowledges nothing',
    run: () => slowReaders({ messages: short ? 4_000 : 20_000, rounds: short ? 1 : 3, apart: true }),
  },
  {
    name: 'broker',
    about: 'the same floods to the whole broker',
    run: () => slowReaders({ messages: short ? 4_000 : 20_000, rounds: short ? 1 : 3, server: 'broker', apart: true }),
  },
  {
    name: 'takeovers',
    about: 'one client identifier of the broker, taken over again and again',
    run: () => takeovers({ times: short ? 300 : 1_000 }),
  },
  {
    name: 'parties',
    about: 'sessions on both ends, mixed load with faults',
    run: (time) =>
      short
        ? parties({ time: 0, clients: 20, round: 1_000, seed })
        : parties({ time: Math.min((time * 2) / 3, PARTIES), clients: 40, round: 3_000, seed }),
  },
  {
    name: 'crowd',
    about: 'one server, good peers and bad ones',
    run: () =>
      short
        ? crowd({ good: 450, bad: 50, messages: 30, seed })
        : crowd({ good: 1_800, bad: 200, messages: 120, seed, atMost: 120_000 }),
  },
  {
    name: 'steady',
    about: 'mixed load with 5 % of bad peers, until the time is over',
    run: (time) => steady({ time: short ? 5_000 : time, peers: short ? 100 : 400, seed }),
  },
]

function markOf({ demand, met, isTarget }: Figure): string {
  if (demand === undefined) return ' '
  return met ? '✓' : isTarget === true ? '!' : '✗'
}

function print({ figures, violations, dropped }: Findings): void {
  const width = Math.max(...figures.map(({ what }) => what.length))
  for (const figure of figures) {
    const { what, value, demand, met, isTarget } = figure
    const target = demand === undefined ? '' : `  (${demand})${!met && isTarget === true ? '  MISSED' : ''}`
    console.log(`  ${markOf(figure)} ${what.padEnd(width)}  ${value}${target}`)
  }
  for (const violation of violations) console.log(`  ✗ ${violation}`)
  if (dropped > 0) console.log(`  ✗ and ${dropped} more`)
}

async function main(): Promise<number> {
  const start = Date.now()
  const limit = start + minutes * 60_000
  let violations = 0
  let missed = 0
  let uncaught = 0
  const surprise = (error: unknown): void => {
    uncaught += 1
    console.log(`  ✗ uncaught: ${error instanceof Error ? error.stack : String(error)}`)
  }
  process.on('uncaughtException', surprise).on('unhandledRejection', surprise)
  console.log(`soak, ${short ? 'short' : `at most ${minutes} minutes`}, seed ${seed}\n`)
  for (const scenario of scenarios) {
    const { name, about } = scenario
    if (only !== undefined && only !== name) continue
    const since = Date.now()
    console.log(`${name}: ${about}`)
    const findings = await scenario.run(Math.max(0, limit - since))
    print(findings)
    violations += findings.violations.length + findings.dropped
    missed += findings.missed
    console.log(`  ${((Date.now() - since) / 1_000).toFixed(1)} s\n`)
  }
  const sum = violations + uncaught
  const seconds = Math.round((Date.now() - start) / 1_000)
  const targets = `${missed === 0 ? 'no target' : `${missed} targets`} missed`
  console.log(`${sum === 0 ? 'No violation' : `${sum} violations`}, ${targets}, in ${seconds} s.`)
  return sum + (strict ? missed : 0)
}

const isSound = minutes > 0 && Number.isSafeInteger(seed) && !(short && strict)
if (values.help || !isSound || !(only === undefined || isScenario(only))) {
  console.log(usage)
  process.exitCode = values.help ? 0 : 2
} else {
  process.exitCode = (await main()) === 0 ? 0 : 1
}

function isScenario(name: string): boolean {
  return scenarios.some((scenario) => scenario.name === name)
}
