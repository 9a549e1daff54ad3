/** How long and how often is measured. */
export interface Effort {
  /** Rounds after the first, which only warms up. */
  readonly rounds: number
  /** Milliseconds of one measurement. */
  readonly milliseconds: number
  /** Idle connections. */
  readonly connections: number
  /** Idle clients of a whole server. */
  readonly clients: number
  /** MB through the slow handler. */
  readonly megabytes: number
  /** Dials, one after the other, to the first packet. */
  readonly dials: number
}

export const whole: Effort = {
  rounds: 7,
  milliseconds: 1_000,
  connections: 10_000,
  clients: 10_000,
  megabytes: 100,
  dials: 400,
}
export const short: Effort = {
  rounds: 2,
  milliseconds: 200,
  connections: 10_000,
  clients: 2_000,
  megabytes: 100,
  dials: 50,
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** What each subject's measurement was in each round. */
export type Rounds<T> = Readonly<Record<string, readonly T[]>>

/** Packets by the clock, and by the processor time that the measured process used for them. */
export interface Speed {
  readonly perSecond: number
  readonly perCpuSecond: number
}

/** Measures every subject once a round, in turn: what disturbs the machine meets all of them. The first round is dropped. */
export async function interleave<T>(
  subjects: Readonly<Record<string, () => Promise<T>>>,
  { rounds }: Effort,
): Promise<Rounds<T>> {
  const results: Record<string, T[]> = {}
  for (let round = 0; round <= rounds; round++) {
    for (const [name, measure] of Object.entries(subjects)) {
      const value = await measure()
      if (round > 0) (results[name] ??= []).push(value)
    }
  }
  return results
}

/** The median over the rounds of `a` through `b` of the same round. */
export function ratio(a: readonly number[], b: readonly number[]): number {
  return median(a.map((value, round) => value / b[round]!))
}

/** Seconds of processor time that this process has used. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/** Nanoseconds on a clock that all processes of one machine share. */
export function now(): number {
  return Number(process.hrtime.bigint())
}
