import type { ProtocolVersion, QoS } from '../packet/packet.js'
import { deliver, type Run } from '../spec-support/delivery-run.js'
import { random } from '../spec-support/random.js'
import { type End, type Fate, otherEnd } from '../spec-support/session-link.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'

expectNoUnhandled()

const runs = 200

/** Where a connection is cut, as the sender's end or the receiver's sees it. */
const points: readonly (readonly [string, 'sender' | 'receiver', string])[] = [
  ['before PUBLISH leaves', 'sender', 'publishes'],
  ['when PUBLISH leaves', 'sender', 'sends publish'],
  ['when PUBLISH arrived', 'receiver', 'gets publish'],
  ['while the consumer takes it', 'receiver', 'takes'],
  ['when the consumer acknowledges', 'receiver', 'acknowledges'],
  ['before the receiver stores', 'receiver', 'stores'],
  ['after the receiver stored', 'receiver', 'stored'],
  ['before the sender stores', 'sender', 'stores'],
  ['after the sender stored', 'sender', 'stored'],
  ['when PUBREC leaves', 'receiver', 'sends pubrec'],
  ['when PUBREC arrived', 'sender', 'gets pubrec'],
  ['when PUBREL leaves', 'sender', 'sends pubrel'],
  ['when PUBREL arrived', 'receiver', 'gets pubrel'],
  ['when PUBCOMP leaves', 'receiver', 'sends pubcomp'],
  ['when PUBCOMP arrived', 'sender', 'gets pubcomp'],
  ['when PUBACK leaves', 'receiver', 'sends puback'],
  ['when PUBACK arrived', 'sender', 'gets puback'],
]

function runOf(point: (typeof points)[number], seed: number): Run {
  const next = random(seed)
  for (let i = 0; i < 5; i++) next(2)
  const pick = <T>(values: readonly T[]): T => values[next(values.length)]!
  const from = pick<End>(['client', 'server'])
  const [, side, step] = point
  const moment = `${side === 'sender' ? from : otherEnd(from)} ${step}`
  const isOfStore = step.startsWith('store')
  const level: readonly QoS[] = step.endsWith('puback') ? [1] : [2]
  let wait = next(3)
  let cuts = 1 + next(4)
  const fateOf = (now: string): Fate => {
    const isHere = now === moment && wait-- === 0
    if (cuts === 0 || !(isHere || (wait < 0 && next(15) === 0))) return undefined
    cuts--
    return pick<Fate>(['cut', 'cut', 'hush'])
  }
  return {
    version: pick<ProtocolVersion>([3, 4, 5]),
    from: pick<readonly End[]>([[from], [from], ['client', 'server']]),
    qos: pick<readonly QoS[]>([level, level, [2, 1], [1, 2, 0]]),
    messages: 2 + next(6),
    ack: step === 'acknowledges' ? pick(['late', 'shuffled']) : pick(['auto', 'late', 'shuffled']),
    store: isOfStore ? pick(['void', 'later', 'failing']) : pick([undefined, undefined, 'void', 'later', 'failing']),
    receiveMaximum: 1 + next(4),
    seed: next(1_000_000),
    fateOf,
  }
}

async function broken(runs: number, make: (seed: number) => Run): Promise<string[]> {
  const all: string[] = []
  for (let seed = 1; seed <= runs && all.length < 10; seed++) {
    const run = make(seed)
    const { version, from, qos, ack, store } = run
    const result = await deliver(run)
    const what = `seed ${seed}: version ${version}, from ${from.join()}, QoS ${qos.join()}, ${ack}, store ${store}`
    all.push(...result.broken.map((text) => `${what}: ${text}`))
  }
  return all
}

describe(`a connection that is cut, ${runs} random runs each`, () => {
  it.each(points)('%s', async (...point) => {
    expect(await broken(runs, (seed) => runOf(point, seed))).toEqual([])
  })
})

describe(`a process that is killed, ${runs / 4} random runs each`, () => {
  describe.each(['sender', 'receiver'] as const)('the %s', (side) => {
    it.each(points)('%s', async (...point) => {
      const make = (seed: number): Run => {
        const run = runOf(point, seed)
        const from = run.from[0]!
        const store = run.store === 'later' ? 'later' : 'void'
        return { ...run, from: [from], store, killed: side === 'sender' ? from : otherEnd(from) }
      }
      expect(await broken(runs / 4, make)).toEqual([])
    })
  })
})
