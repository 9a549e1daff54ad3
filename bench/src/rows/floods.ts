import { Child } from '../child.js'
import type { FloodSubject } from '../flood-subject.js'
import { type Effort, interleave, short, type Speed } from '../measure.js'
import type { Row } from '../row.js'
import { versus } from './receive.js'

/** Messages of each QoS. */
const amounts = [200_000, 50_000, 20_000] as const
const payload = 32
const window = 256

/** Messages from a session to another, acknowledged: against the same flow by hand over mqtt-packet. */
export async function floodRows(effort: Effort): Promise<Row[]> {
  const names = ['rxmqtt', 'mqtt-packet'] as const
  const ends = names.map((name) => [name, end(name), end(name)] as const)
  const rows: Row[] = []
  try {
    const ports = await Promise.all(ends.map(([, , far]) => far.call('listen', undefined)))
    for (const qos of [0, 1, 2] as const) {
      const messages = effort === short ? amounts[qos] / 10 : amounts[qos]
      const measure = async (index: number): Promise<Speed> => {
        const [name, near, far] = ends[index]!
        const cpu = async (): Promise<number> =>
          (await near.call('cpu', undefined)) + (await far.call('cpu', undefined))
        const [before, there] = [await cpu(), await far.call('received', undefined)]
        const seconds = await near.call('send', { port: ports[index]!, qos, messages, payload, window })
        const arrived = (await far.call('received', undefined)) - there
        if (arrived !== messages + 1) throw new Error(`${name}: ${arrived} of ${messages} + 1 messages arrived`)
        return { perSecond: messages / seconds, perCpuSecond: messages / ((await cpu()) - before) }
      }
      const rounds = await interleave({ rxmqtt: () => measure(0), 'mqtt-packet': () => measure(1) }, effort)
      const what = `QoS ${qos}, ${messages.toLocaleString('en')} messages from session to session`
      rows.push(versus(what, rounds, 'rxmqtt', 'mqtt-packet', 0.8, 'mqtt-packet by hand'))
    }
  } finally {
    for (const [, near, far] of ends) {
      near.stop()
      far.stop()
    }
  }
  return rows
}

function end(name: string): Child<FloodSubject> {
  return new Child<FloodSubject>('./flood-subject.js', [name])
}
