import { Child } from '../child.js'
import type { IdleClients } from '../idle-clients.js'
import type { IdleServer } from '../idle-server.js'
import type { Effort } from '../measure.js'
import type { Row } from '../row.js'

/** Connections that are there before the count begins, for what the first ones load and compile. */
const before = 100

/** What an idle connection takes in the server's process. */
export async function idleRows({ connections }: Effort): Promise<Row[]> {
  const ours = await measure('rxmqtt', connections)
  const theirs = await measure('mqtt-connection', connections)
  const what = `${connections.toLocaleString('en')} idle connections, each`
  const detail = (key: 'heap' | 'rss'): string => `mqtt-connection: ${theirs[key].toFixed(2)} KiB`
  return [
    { what: `${what}, heap`, against: '', figure: ours.heap, unit: 'KiB', floor: { most: 8 }, detail: detail('heap') },
    { what: `${what}, RSS`, against: '', figure: ours.rss, unit: 'KiB', floor: { most: 16 }, detail: detail('rss') },
  ]
}

async function measure(
  library: 'rxmqtt' | 'mqtt-connection',
  connections: number,
): Promise<{ readonly heap: number; readonly rss: number }> {
  const server = new Child<IdleServer>('./idle-server.js', [library], ['--expose-gc'])
  const clients = new Child<IdleClients>('./idle-clients.js')
  try {
    const port = await server.call('listen', library)
    await clients.call('open', { port, connections: before })
    const start = await server.call('memory', undefined)
    await clients.call('open', { port, connections })
    const end = await server.call('memory', undefined)
    if (end.open !== before + connections) throw new Error(`${library} has ${end.open} connections`)
    const each = (bytes: number): number => bytes / connections / 1_024
    return { heap: each(end.heapUsed - start.heapUsed), rss: each(end.rss - start.rss) }
  } finally {
    clients.stop()
    server.stop()
  }
}
