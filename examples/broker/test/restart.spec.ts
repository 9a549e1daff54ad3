import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { BareClient } from './bare-client.js'
import { BrokerProcess } from './broker-process.js'

const sessions = 1_000
/** Each has ten of the sessions. */
const topics = 100
/** Messages that wait for each session, when others are published and the process is killed. */
const waiting = 10
/** Messages on their way at a time. */
const window = 50
/** Sessions that have what is published when the process is killed: many, so that storing it takes its time. */
const flooded = 100
/** Messages of it that are acknowledged before. */
const untilKill = 200
const retained = 20
/** Seconds after which delayed wills are due. */
const willDelay = 2

const together = 100
const limit = 150_000

const topicOf = (n: number): string => `to/${n % topics}`
const flood = 'flood'
const will = (text: string, seconds: number): object => ({
  will: { topic: `wills/${text}`, payload: text, qos: 1, retain: false, properties: { willDelayInterval: seconds } },
})

let folder: string
let brokers: BrokerProcess[]
let clients: BareClient[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rxmqtt-restart-'))
  brokers = []
  clients = []
})
afterEach(async () => {
  for (const client of clients) client.vanish()
  for (const broker of brokers) await broker.end('SIGKILL')
  await rm(folder, { recursive: true })
})

async function start(): Promise<BrokerProcess> {
  const broker = await BrokerProcess.start('--store', folder)
  brokers.push(broker)
  return broker
}

function client(...args: ConstructorParameters<typeof BareClient>): BareClient {
  const made = new BareClient(...args)
  clients.push(made)
  return made
}

async function until(isTrue: () => boolean, what: () => string): Promise<void> {
  for (const end = Date.now() + limit / 3; !isTrue(); await delay(5)) if (Date.now() > end) throw new Error(what())
}

/** Some at a time. */
async function each<T>(items: readonly T[], run: (item: T, index: number) => Promise<void>): Promise<void> {
  for (let i = 0; i < items.length; i += together) {
    await Promise.all(items.slice(i, i + together).map((item, j) => run(item, i + j)))
  }
}

/**
 * Publishes messages with the numbers from here on, every other one with QoS 2, until the time has come.
 *
 * @returns the next number
 */
async function publish(
  publisher: BareClient,
  from: number,
  topic: (n: number) => string,
  isOver: (next: number) => boolean,
): Promise<number> {
  let next = from
  while (!isOver(next)) {
    if (publisher.pending < window) {
      publisher.publish(topic(next), String(next), next % 2 === 0 ? 1 : 2)
      next++
    } else await delay(1)
  }
  return next
}

const allTaken = (publisher: BareClient): Promise<void> =>
  until(
    () => publisher.pending === 0,
    () => `${publisher.pending} messages were not taken`,
  )

/** How often each number came to a subscriber, in the order in which they came first. */
function countsOf({ heard }: BareClient): Map<number, number> {
  const counts = new Map<number, number>()
  for (const { topic, text } of heard) {
    if (topic === flood || topic.startsWith('to/')) counts.set(Number(text), (counts.get(Number(text)) ?? 0) + 1)
  }
  return counts
}

test(
  'SIGKILL and restart: nothing of QoS 1 or 2 is lost, and what was acknowledged comes once',
  async () => {
    const first = await start()
    const subscribers = Array.from({ length: sessions }, (_, i) => client(`session-${i}`))
    await each(subscribers, async (subscriber, i) => {
      expect(await subscriber.connect(first.port)).toBe(false)
      await subscriber.subscribe(topicOf(i), ...(i < flooded ? [flood] : []), ...(i === 0 ? ['wills/#'] : []))
      subscriber.vanish()
    })
    const publisher = client('publisher')
    await publisher.connect(first.port)
    for (let i = 0; i < retained; i++) publisher.publish(`kept/${i}`, `kept ${i}`, 1, true)
    publisher.publish('kept/0', '', 1, true)
    publisher.publish('kept/1', 'kept anew', 2, true)
    const queued = await publish(publisher, 0, topicOf, (next) => next === topics * waiting)
    await allTaken(publisher)
    const dying = [client('at once', will('at once', 0)), client('later', will('later', willDelay))]
    for (const each of dying) await each.connect(first.port)
    const dead = client('before', will('before', willDelay))
    await dead.connect(first.port)
    dead.vanish()

    // What is acknowledged in the last moment is what a store could still lose.
    const killAt = publisher.taken.size + untilKill
    let ended: Promise<string> | undefined
    publisher.onTaken = () => {
      if (publisher.taken.size >= killAt) ended ??= first.end('SIGKILL')
    }
    const last = await publish(
      publisher,
      queued,
      () => flood,
      () => ended !== undefined,
    )
    expect(await ended).toBe('SIGKILL')
    await publisher.closed()
    const acknowledged = [...publisher.taken].map(Number).filter((n) => !Number.isNaN(n))
    expect(publisher.pending).toBeGreaterThan(0)
    for (const each of clients) each.vanish()

    const second = await start()
    expect(await publisher.connect(second.port)).toBe(true)
    await allTaken(publisher)
    const total = await publish(publisher, last, topicOf, (next) => next === last + topics)
    await allTaken(publisher)
    const problems: string[] = []
    await each(subscribers, async (subscriber, i) => {
      const isOwn = (n: number): boolean => (n >= queued && n < last ? i < flooded : topicOf(n) === topicOf(i))
      const own = Array.from({ length: total }, (_, n) => n).filter(isOwn)
      expect(await subscriber.connect(second.port)).toBe(true)
      const isThere = (): boolean => subscriber.heard.some(({ text }) => text === String(own.at(-1)))
      await until(isThere, () => `session ${i}: the last message did not come`)
      const counts = countsOf(subscriber)
      const certain = new Set(acknowledged.filter(isOwn))
      const missing = own.filter((n) => !counts.has(n))
      const again = [...certain].filter((n) => counts.get(n) !== 1)
      const order = [...counts.keys()].filter((n) => certain.has(n))
      const isOrdered = order.every((n, at) => at === 0 || order[at - 1]! < n)
      if (missing.length > 0) problems.push(`session ${i} misses ${missing.join()}`)
      if (again.length > 0) problems.push(`session ${i} has more or less than once ${again.join()}`)
      if (!isOrdered) problems.push(`session ${i} has in another order ${order.join()}`)
    })
    expect(problems).toEqual([])

    const newcomer = client('newcomer')
    await newcomer.connect(second.port)
    await newcomer.subscribe('kept/#')
    await until(
      () => newcomer.heard.length >= retained - 1,
      () => `${newcomer.heard.length} retained messages`,
    )
    const kept = Array.from({ length: retained - 1 }, (_, i) => [
      `kept/${i + 1}`,
      i === 0 ? 'kept anew' : `kept ${i + 1}`,
    ])
    expect(newcomer.heard.map(({ topic, text }) => [topic, text]).sort()).toEqual(kept.sort())
    expect(newcomer.heard.every(({ retain }) => retain)).toBe(true)

    const wills = (): string[] =>
      subscribers[0]!.heard.flatMap(({ topic, text }) => (topic.startsWith('wills/') ? [text] : []))
    await until(
      () => wills().length >= 3,
      () => `wills: ${wills().join()}`,
    )
    expect(wills().sort()).toEqual(['at once', 'before', 'later'])
    expect(second.complaints).toEqual([])
    expect(await second.end('SIGTERM')).toBe('0')
  },
  limit,
)
