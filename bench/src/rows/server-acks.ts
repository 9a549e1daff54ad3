import type { AcksLoad } from '../acks-load.js'
import type { AcksServer } from '../acks-server.js'
import { Child } from '../child.js'
import { type Effort, interleave, type Speed } from '../measure.js'
import type { Row } from '../row.js'
import { versus } from './receive.js'

const payloads = [32, 1_024]
const clients = 8
/** Messages of one client on their way at a time. */
const window = 500

/** QoS 1 that a server takes: acknowledgements a second, counted at the load and by the server's processor time. */
export async function serverAckRows(effort: Effort): Promise<Row[]> {
  const load = new Child<AcksLoad>('./acks-load.js')
  const names = ['rxmqtt', 'aedes', 'bare decoder'] as const
  const servers = names.map((name) => [name, new Child<AcksServer>('./acks-server.js', [name])] as const)
  const rows: Row[] = []
  try {
    const ports = new Map<string, number>()
    for (const [name, server] of servers) ports.set(name, await server.call('listen', undefined))
    for (const payload of payloads) {
      const { milliseconds } = effort
      const measure = (name: string, server: Child<AcksServer>) => async (): Promise<Speed> => {
        const before = await server.call('cpu', undefined)
        const port = ports.get(name)!
        const { acknowledged, seconds } = await load.call('acks', { port, clients, window, payload, milliseconds })
        const cpu = (await server.call('cpu', undefined)) - before
        return { perSecond: acknowledged / seconds, perCpuSecond: acknowledged / cpu }
      }
      const rounds = await interleave(
        Object.fromEntries(servers.map(([name, server]) => [name, measure(name, server)])),
        effort,
      )
      const what = `QoS 1 acknowledged by a server, ${payload} B, ${clients} clients`
      rows.push(
        versus(what, rounds, 'rxmqtt', 'aedes', 3),
        versus(what, rounds, 'rxmqtt', 'bare decoder', undefined, 'bare decoder, no session'),
      )
    }
  } finally {
    for (const child of [load, ...servers.map(([, server]) => server)]) child.stop()
  }
  return rows
}
