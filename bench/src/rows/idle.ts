import { Child } from '../child.js'
import type { IdleClients, IdleOrder } from '../idle-clients.js'
import type { Effort } from '../measure.js'
import type { IdleServer } from '../memory.js'
import type { Row } from '../row.js'

/** Connections that are there before the count begins, for what the first ones load and compile. */
const before = 100

/** What an idle connection takes in the server's process. */
export async function idleRows({ connections }: Effort): Promise<Row[]> {
  const ours = await idleMemory('./idle-server.js', 'rxmqtt', { connections })
  const theirs = await idleMemory('./idle-server.js', 'mqtt-connection', { connections })
  const what = `${connections.toLocaleString('en')} idle connections, each`
  const detail = (key: 'heap' | 'rss'): string => `mqtt-connection: ${theirs[key].toFixed(2)} KiB`
  return [
    { what: `${what}, heap`, against: '', figure: ours.heap, unit: 'KiB', floor: { most: 8 }, detail: detail('heap') },
    { what: `${what}, RSS`, against: '', figure: ours.rss, unit: 'KiB', floor: { most: 16 }, detail: detail('rss') },
  ]
}

/** KiB. */
export interface IdleMemory {
  readonly heap: number
  readonly rss: number
}

/** What one idle connection takes in a server of its own process, whose `listen` is given the name. */
export async function idleMemory(module: string, name: string, order: Omit<IdleOrder, 'port'>): Promise<IdleMemory> {
  const server = new Child<IdleServer>(module, [name], ['--expose-gc'])
  const clients = new Child<IdleClients>('./idle-clients.js')
  const { connections } = order
  try {
    const port = await server.call('listen', name)
    await clients.call('open', { ...order, port, connections: before })
    const start = await server.call('memory', before)
    await clients.call('open', { ...order, port })
    const expected = before + connections
    const end = await server.call('memory', expected)
    if (end.open !== expected) throw new Error(`${name} has ${end.open} connections of ${expected}`)
    const each = (bytes: number): number => bytes / connections / 1_024
    return { heap: each(end.heapUsed - start.heapUsed), rss: each(end.rss - start.rss) }
  } finally {
    clients.stop()
    server.stop()
  }
}
