import { interleave, median, ratio, type Rounds, type Speed } from '../measure.js'
import { rate, type Row } from '../row.js'
import type { Scene, SubjectName } from './scene.js'

const payloads = [32, 1_024]

/** Receiving PUBLISH: against the peers, against the decoder alone, and with four streams subscribed. */
export async function receiveRows(scene: Scene): Promise<Row[]> {
  const rows: Row[] = []
  for (const payload of payloads) {
    const { effort, port } = scene
    const by = (name: SubjectName, streams?: number) => (): Promise<Speed> =>
      scene.subject(name).call('receive', { port, payload, milliseconds: effort.milliseconds, streams })
    const rounds = await interleave(
      {
        rxmqtt: by('rxmqtt'),
        'mqtt-connection': by('mqtt-connection'),
        'MQTT.js': by('MQTT.js'),
        'bare decoder': by('bare decoder'),
        'bare socket': by('bare socket'),
        'four streams': by('rxmqtt', 4),
      },
      effort,
    )
    const what = `receive, ${payload} B`
    rows.push(
      versus(what, rounds, 'rxmqtt', 'mqtt-connection', 5),
      versus(what, rounds, 'rxmqtt', 'MQTT.js', 5),
      versus(what, rounds, 'rxmqtt', 'bare decoder', 0.8),
      versus(`${what}, four streams subscribed`, rounds, 'four streams', 'rxmqtt', 0.85, 'one stream'),
    )
    // With small packets the socket is no limit.
    if (payload > 100)
      rows.push(versus(what, rounds, 'rxmqtt', 'bare socket', undefined, 'bare socket, nothing decoded'))
  }
  return rows
}

/** A row that says how many times as fast `a` is as `b`. */
export function versus(what: string, rounds: Rounds<Speed>, a: string, b: string, least?: number, against = b): Row {
  const by = (name: string, key: keyof Speed): number[] => rounds[name]!.map((speed) => speed[key])
  const [ours, theirs] = [by(a, 'perSecond'), by(b, 'perSecond')]
  return {
    what,
    against,
    figure: ratio(ours, theirs),
    byCpu: ratio(by(a, 'perCpuSecond'), by(b, 'perCpuSecond')),
    unit: '×',
    floor: least === undefined ? undefined : { least },
    detail: `${rate(median(ours))} : ${rate(median(theirs))}`,
  }
}
