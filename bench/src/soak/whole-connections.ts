import { Connection, Decoder, MqttError, type ProtocolVersion, type Role, type Transport } from '@rxmqtt/core'
import { memoryPair } from '@rxmqtt/transports/memory'
import type { Subscription } from 'rxjs'
import { Findings } from './findings.js'
import { stream } from './frames.js'
import { handles, memory, size, turn } from './process.js'
import { type Random, seeded } from './random.js'

export interface WholeConnectionsOptions {
  readonly cases: number
  readonly seed: number
  /** Milliseconds after which it stops early. */
  readonly atMost?: number | undefined
  /** Whether to stop early is a violation. */
  readonly wantsAll?: boolean | undefined
  /** Bytes that the process may have, where it has nothing else to do. */
  readonly maximumRss?: number | undefined
}

const codes = ['malformed-packet', 'protocol-error', 'packet-too-large', 'unsupported-version', 'refused', 'timeout']
const ends = [...codes, 'overflow', 'transport']

/**
 * Whole connections of both roles against a peer that sends anything, while the application does anything: whatever
 * happens, an end is told once, nothing comes after it, nothing throws, and what was written is legal.
 */
export async function wholeConnections(options: WholeConnectionsOptions): Promise<Findings> {
  const { cases, seed, atMost, wantsAll = false, maximumRss } = options
  const findings = new Findings()
  const before = await memory()
  const timersBefore = handles()['Timeout'] ?? 0
  const limit = Date.now() + (atMost ?? 3_600_000)
  const counts = new Map<string, number>()
  let longest = 0
  let longestSeed = seed
  let rss = 0
  let done = 0
  for (; done < cases && Date.now() < limit; done += 1) {
    const one = new OneCase(seeded(seed + done))
    const busy = await repeated(await one.run(), seed + done)
    const problems = one.problems()
    for (const problem of problems) findings.violation(`seed ${seed + done}: ${problem}`)
    if (busy > longest) [longest, longestSeed] = [busy, seed + done]
    if (done % RSS_EVERY === 0) rss = Math.max(rss, process.memoryUsage.rss())
    counts.set(one.end, (counts.get(one.end) ?? 0) + 1)
  }
  const timers = (handles()['Timeout'] ?? 0) - timersBefore
  if (wantsAll) findings.demand('whole connections', done, `${cases}`, done === cases)
  else findings.tell('whole connections', done)
  findings.tell('their ends', [...counts].map(([end, count]) => `${end} ${count}`).join(', '))
  const turns = `${longest.toFixed(1)} ms (seed ${longestSeed})`
  findings.target('longest turn of the processor, best of 4 where slow', turns, `below ${SLOW} ms`, longest < SLOW)
  findings.demand('timers left', timers, '0', timers === 0)
  const growth = (await memory()).heap - before.heap
  findings.demand('heap grown by', size(growth), 'below 8 MiB', growth < 8_388_608)
  if (maximumRss !== undefined) findings.demand('RSS at most', size(rss), `below ${size(maximumRss)}`, rss < maximumRss)
  return findings
}

/** The longest turn of a case; one that is slow is played again, since a collection of garbage may fall into any. */
async function repeated(busy: number, seed: number): Promise<number> {
  let best = busy
  for (let i = 0; i < ATTEMPTS && best >= SLOW; i += 1) best = Math.min(best, await new OneCase(seeded(seed)).run())
  return best
}

/** Milliseconds that no turn should take. */
const SLOW = 20
/** How often a slow case is played again. */
const ATTEMPTS = 3
const RSS_EVERY = 1_024

/** How many of the acts write nothing. */
const READING = 5

class OneCase {
  end = 'none'
  readonly #random: Random
  readonly #connection: Connection
  readonly #peer: Transport
  readonly #subscriptions: Subscription[] = []
  readonly #problems: string[] = []
  readonly #outgoing: Decoder
  readonly #input: Buffer
  readonly #mayWrite: boolean
  #ends = 0
  #completions = 0
  #subscribed = 0
  #over = false

  constructor(random: Random) {
    this.#random = random
    const role: Role | undefined = random.of(['server', 'client', undefined])
    const version: ProtocolVersion = random.of([3, 4, 5])
    this.#mayWrite = role !== undefined
    const sender =
      role === 'client' ? 'server' : role === 'server' ? 'client' : random.of(['client', 'server'] as const)
    this.#input = stream(random, sender, version)
    const chunkSize = random.of([1, 2, 7, 100, 100_000])
    const [near, far] = memoryPair({ chunkSize, highWaterMark: random.of([0, 100, 65_536]) })
    this.#peer = far
    this.#connection = new Connection(near, {
      role,
      protocolVersion: version,
      maximumPacketSize: random.of([200, 16_777_216]),
      maximumConnectSize: random.of([20, 65_536]),
      maximumBuffered: random.of([100, 16_777_216]),
      drainTimeout: random.of([0, 1, 2_000]),
    })
    this.#outgoing = new Decoder({ protocol: this.#connection.protocol })
    this.#connection.closed$.subscribe({
      complete: () => this.#closed('complete'),
      error: (error: unknown) => {
        const isKnown = error instanceof MqttError && ends.includes(error.code)
        this.#closed(isKnown ? error.code : `unknown error ${String(error)}`)
        if (!isKnown) this.#problems.push(`closed$ told ${String(error)}`)
      },
    })
    far.bytes$.subscribe({ next: (chunk) => this.#written(chunk), error: () => undefined })
    if (role === 'client') this.#try(() => this.#connection.connect({ protocolVersion: version, clientId: 'c' }))
  }

  /** Plays it, and returns the milliseconds of the longest turn. */
  async run(): Promise<number> {
    const random = this.#random
    let longest = 0
    if (random.chance(0.9)) this.#listen()
    for (let at = 0; at < this.#input.length; ) {
      const start = performance.now()
      const cpu = process.cpuUsage()
      const length = random.of([1, 3, 20, 5_000, 100_000])
      this.#peer.sink.next(this.#input.subarray(at, at + length))
      at += length
      if (random.chance(0.5)) this.#act()
      await turn()
      const { user, system } = process.cpuUsage(cpu)
      // Time of the processor where that is less: others use the machine as well.
      longest = Math.max(longest, Math.min(performance.now() - start, (user + system) / 1_000))
    }
    const finish = random.below(4)
    if (finish === 0) this.#peer.sink.error(undefined)
    else if (finish < 3) this.#peer.sink.complete()
    await turn()
    this.#try(() => (random.chance(0.5) ? this.#connection.end() : this.#connection.destroy()))
    await turn()
    this.#try(() => this.#connection.destroy())
    await turn()
    this.#over = true
    this.#try(() => this.#connection.publish({ topic: 'too late' }))
    this.#listen()
    await turn()
    for (const subscription of this.#subscriptions) subscription.unsubscribe()
    this.#peer.sink.error(undefined)
    await turn()
    return longest
  }

  problems(): readonly string[] {
    if (this.#ends !== 1) this.#problems.push(`closed$ told ${this.#ends} ends`)
    if (this.#completions > this.#subscribed) this.#problems.push('a stream completed twice')
    if (!this.#subscriptions.every(({ closed }) => closed)) this.#problems.push('a stream did not complete')
    return this.#problems
  }

  #closed(end: string): void {
    this.end = end
    this.#ends += 1
  }

  /** Subscribes to a stream; some handlers act themselves. */
  #listen(): void {
    const connection = this.#connection
    const streams = [connection.packets$, connection.publish$, connection.connect$, connection.received$]
    const reenter = this.#random.chance(0.3)
    this.#subscribed += 1
    this.#subscriptions.push(
      this.#random.of(streams).subscribe({
        next: ({ cmd }) => {
          if (this.#over) this.#problems.push(`${cmd} came after the end`)
          if (cmd === 'connect' && this.#random.chance(0.8)) this.#try(() => connection.connack())
          if (reenter) this.#act()
        },
        error: (error: unknown) => this.#problems.push(`a packet stream told an error: ${String(error)}`),
        complete: () => (this.#completions += 1),
      }),
    )
  }

  /**
   * Something that an application may do at any time; but without a role it writes once the version is known, which until
   * then is its own guess.
   */
  #act(): void {
    const random = this.#random
    const connection = this.#connection
    const acts: (() => unknown)[] = [
      () => connection.pause(),
      () => connection.resume(),
      () => connection.resume(),
      () => this.#listen(),
      () => random.of([...this.#subscriptions, undefined])?.unsubscribe(),
      () => connection.publish({ topic: 'a', payload: random.bytes(random.of([0, 10, 300])) }),
      () => connection.publish({ topic: 'a', qos: 1, messageId: 1 }),
      () => connection.connack(),
      () => connection.pingresp(),
      () => connection.pingreq(),
      () => random.chance(0.2) && connection.disconnect(),
      () => random.chance(0.1) && connection.end(),
      () => random.chance(0.1) && connection.destroy(random.of([undefined, new Error('no')])),
    ]
    this.#try(random.of(this.#mayWrite || connection.protocol.settled ? acts : acts.slice(0, READING)))
  }

  #try(act: () => unknown): void {
    try {
      act()
    } catch (error) {
      if (!(error instanceof MqttError) || error.code !== 'invalid-packet')
        this.#problems.push(`threw ${String(error)}`)
    }
  }

  /** What the connection writes must be legal, packet by packet. */
  #written(chunk: Uint8Array): void {
    try {
      this.#outgoing.push(chunk)
      while (this.#outgoing.read() !== undefined);
    } catch (error) {
      this.#problems.push(`wrote what cannot be read: ${String(error)}`)
    }
  }
}
