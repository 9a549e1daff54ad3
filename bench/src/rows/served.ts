import type { Effort } from '../measure.js'
import type { Row } from '../row.js'
import { idleMemory, type IdleMemory } from './idle.js'

/** Seconds: none is over while it is measured. */
const keepalive = 3_600

/** What an idle client of a whole server takes, its keep-alive watched. */
export async function servedRows(effort: Effort): Promise<Row[]> {
  const alone = await measure('serve', effort)
  const withSession = await measure('serve + Session', effort)
  const aedes = await measure('aedes', effort)
  return [...rowsOf('serve', alone, aedes, effort), ...rowsOf('serve, a Session each', withSession, aedes, effort)]
}

/** The same of the whole broker. */
export async function brokerMemoryRows(effort: Effort): Promise<Row[]> {
  return rowsOf('the broker', await measure('broker', effort), await measure('aedes', effort), effort)
}

function measure(name: string, { clients }: Effort): Promise<IdleMemory> {
  return idleMemory('./served-server.js', name, { connections: clients, keepalive })
}

function rowsOf(what: string, memory: IdleMemory, aedes: IdleMemory, { clients }: Effort): Row[] {
  return (['heap', 'rss'] as const).map((key) => ({
    what: `${clients.toLocaleString('en')} idle clients of ${what}, each, ${key === 'heap' ? key : 'RSS'}`,
    against: '',
    figure: memory[key],
    unit: 'KiB',
    detail: `aedes: ${aedes[key].toFixed(2)} KiB`,
  }))
}
