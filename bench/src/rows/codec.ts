import { Child } from '../child.js'
import type { CodecSubject } from '../codec-subject.js'
import { type Effort, interleave, type Speed } from '../measure.js'
import type { Row } from '../row.js'
import { versus } from './receive.js'

/** An MQTT 5 PUBLISH with three properties, to and from bytes in memory. */
export async function codecRows(effort: Effort): Promise<Row[]> {
  const rows: Row[] = []
  const { milliseconds } = effort
  for (const work of ['parse', 'generate'] as const) {
    const libraries = ['rxmqtt', 'mqtt-packet'] as const
    const children = libraries.map(() => new Child<CodecSubject>('./codec-subject.js'))
    const subjects = libraries.map((library, i) => [
      library,
      () => children[i]!.call('measure', { library, work, milliseconds }),
    ])
    try {
      const rounds = await interleave(Object.fromEntries(subjects) as Record<string, () => Promise<Speed>>, effort)
      rows.push(versus(`MQTT 5 PUBLISH, three properties, ${work}`, rounds, 'rxmqtt', 'mqtt-packet', 8))
    } finally {
      for (const child of children) child.stop()
    }
  }
  return rows
}
