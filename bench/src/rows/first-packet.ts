import { interleave, median, ratio } from '../measure.js'
import type { Row } from '../row.js'
import type { Scene, SubjectName } from './scene.js'

/** From the dial over CONNACK to the first PUBLISH. */
export async function firstPacketRows(scene: Scene): Promise<Row[]> {
  const { effort, port } = scene
  const by = (name: SubjectName) => async (): Promise<number> => {
    const times: number[] = []
    for (let i = 0; i < effort.dials; i++) {
      times.push(await scene.subject(name).call('first', { port, payload: 32, milliseconds: 0 }))
    }
    return median(times)
  }
  const rounds = await interleave(
    { rxmqtt: by('rxmqtt'), 'mqtt-connection': by('mqtt-connection'), 'MQTT.js': by('MQTT.js') },
    { ...effort, rounds: Math.min(effort.rounds, 3) },
  )
  const shown = (name: string): string => `${median(rounds[name]!).toFixed(2)} ms`
  return ['mqtt-connection', 'MQTT.js'].map((name) => ({
    what: 'time to the first packet',
    against: name,
    figure: ratio(rounds['rxmqtt']!, rounds[name]!),
    unit: '×',
    detail: `${shown('rxmqtt')} : ${shown(name)}`,
  }))
}
