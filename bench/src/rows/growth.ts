import { interleave, median, ratio, type Speed } from '../measure.js'
import type { Row } from '../row.js'
import type { Scene } from './scene.js'
import { send } from './send.js'

const sizes = [1_024, 4_096, 16_384, 65_536]

/** How the cost of a packet grows with its payload: linear, 64 times the payload costs at most 64 times as much. */
export async function growthRows(scene: Scene): Promise<Row[]> {
  const { effort, port } = scene
  const { milliseconds } = effort
  const each = (measure: (payload: number) => Promise<Speed>): Record<string, () => Promise<Speed>> =>
    Object.fromEntries(sizes.map((size) => [`${size}`, () => measure(size)]))
  const received = await interleave(
    each((payload) => scene.subject('rxmqtt').call('receive', { port, payload, milliseconds })),
    effort,
  )
  const sent = await interleave(
    each((payload) => send(scene, 'rxmqtt', payload)),
    effort,
  )
  return Object.entries({ receive: received, send: sent }).map(([what, rounds]) => {
    const by = (size: number, key: keyof Speed): number[] => rounds[size]!.map((speed) => speed[key])
    const [small, large] = [sizes[0]!, sizes.at(-1)!]
    const throughput = sizes.map((size) => Math.round((median(by(size, 'perSecond')) * size) / 1e6))
    return {
      what: `${what}, cost of a packet with 64 KiB`,
      against: 'with 1 KiB',
      figure: ratio(by(small, 'perSecond'), by(large, 'perSecond')),
      byCpu: ratio(by(small, 'perCpuSecond'), by(large, 'perCpuSecond')),
      unit: '×',
      floor: { most: 64 },
      detail: `1, 4, 16, 64 KiB: ${throughput.join(', ')} MB/s`,
    }
  })
}
