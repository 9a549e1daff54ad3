import type { Effort } from '../measure.js'
import type { Row } from '../row.js'
import { idleMemory, type IdleMemory } from './idle.js'

/** Seconds: none is over while it is measured. */
const keepalive = 3_600

/** What an idle client of a whole server takes, its keep-alive watched. */
export async function servedRows({ clients }: Effort): Promise<Row[]> {
  const measure = (name: string): Promise<IdleMemory> =>
    idleMemory('./served-server.js', name, { connections: clients, keepalive })
  const alone = await measure('serve')
  const withSession = await measure('serve + Session')
  const aedes = await measure('aedes')
  const rows = (what: string, memory: IdleMemory): Row[] =>
    (['heap', 'rss'] as const).map((key) => ({
      what: `${clients.toLocaleString('en')} idle clients of ${what}, each, ${key === 'heap' ? key : 'RSS'}`,
      against: '',
      figure: memory[key],
      unit: 'KiB',
      detail: `aedes: ${aedes[key].toFixed(2)} KiB`,
    }))
  return [...rows('serve', alone), ...rows('serve, a Session each', withSession)]
}
