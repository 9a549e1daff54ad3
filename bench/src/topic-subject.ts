import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { serveTasks } from './child.js'
import { cpuSeconds, type Speed } from './measure.js'
import { filters, topics } from './topics.js'

/** The measured process of topic matching: `rxmqtt` or `qlobber`, which it loads alone. */
interface Matcher {
  add(filter: string, value: number): unknown
  match(topic: string): readonly number[]
}

const matchers: Readonly<Record<string, () => Promise<Matcher>>> = {
  rxmqtt: async () => {
    const { TopicTree } = await import('@rxmqtt/core')
    return new TopicTree<number>()
  },
  qlobber: async () => {
    const { Qlobber } = await import('qlobber')
    return new Qlobber<number>({ separator: '/', wildcard_one: '+', wildcard_some: '#', match_empty_levels: true })
  },
}

const matcher = await matchers[process.argv[2]!]!()

/** The topics as a parser makes them anew from bytes: nothing is known of a string that just came. */
const bytes = topics.map((topic) => Buffer.from(topic))

const tasks = {
  /** Adds all filters; bytes of heap that each takes, its own text not counted, and how long adding took. */
  async fill(): Promise<{ readonly heap: number; readonly perSecond: number }> {
    const before = await heap()
    const began = performance.now()
    for (let i = 0; i < filters.length; i++) matcher.add(filters[i]!, i)
    const seconds = (performance.now() - began) / 1_000
    return { heap: ((await heap()) - before) / filters.length, perSecond: filters.length / seconds }
  },

  /** What each topic finds: the number of values, and their sum. */
  found: (): (readonly [number, number])[] =>
    topics.map((topic) => {
      const values = matcher.match(topic)
      return [values.length, values.reduce((sum, value) => sum + value, 0)]
    }),

  match({ milliseconds }: { readonly milliseconds: number }): Speed {
    let matched = 0
    let found = 0
    let elapsed = 0
    let cpu = 0
    while (elapsed < milliseconds) {
      const fresh = bytes.map((topic) => topic.toString('latin1'))
      const began = performance.now()
      const cpuBegan = cpuSeconds()
      for (const topic of fresh) found += matcher.match(topic).length
      elapsed += performance.now() - began
      cpu += cpuSeconds() - cpuBegan
      matched += fresh.length
    }
    if (found < matched) throw new Error(`${matched} topics found ${found} values`)
    return { perSecond: (matched * 1_000) / elapsed, perCpuSecond: matched / cpu }
  },
}

async function heap(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    global.gc!()
    await delay(50)
  }
  return process.memoryUsage().heapUsed
}

export type TopicSubject = typeof tasks
serveTasks(tasks)
