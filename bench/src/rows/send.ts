import { publishFrame } from '../frames.js'
import { interleave, type Speed } from '../measure.js'
import type { Row } from '../row.js'
import { versus } from './receive.js'
import type { Scene, SubjectName } from './scene.js'

const payloads = [32, 1_024]

/** Sending PUBLISH: from the first call until its last byte has arrived. */
export async function sendRows(scene: Scene): Promise<Row[]> {
  const rows: Row[] = []
  for (const payload of payloads) {
    const by = (name: SubjectName) => (): Promise<Speed> => send(scene, name, payload)
    const rounds = await interleave(
      {
        rxmqtt: by('rxmqtt'),
        'mqtt-connection': by('mqtt-connection'),
        'MQTT.js': by('MQTT.js'),
        'bare socket': by('bare socket'),
      },
      scene.effort,
    )
    const what = `send, ${payload} B`
    rows.push(versus(what, rounds, 'rxmqtt', 'mqtt-connection', 4), versus(what, rounds, 'rxmqtt', 'MQTT.js', 4))
    // With small packets the socket is no limit.
    if (payload > 100) {
      rows.push(versus(what, rounds, 'rxmqtt', 'bare socket', undefined, 'bare socket, nothing encoded'))
    }
  }
  return rows
}

/** Packets a second, every one of which has arrived. */
export async function send(scene: Scene, name: SubjectName, payload: number): Promise<Speed> {
  const { effort, port, farEnd } = scene
  const { packets, began, cpu } = await scene
    .subject(name)
    .call('send', { port, payload, milliseconds: effort.milliseconds })
  const { bytes, last } = await farEnd.call('drained', undefined)
  const least = packets * publishFrame(payload).length
  // A goodbye may follow.
  if (bytes < least || bytes > least + 2) throw new Error(`${name} sent ${bytes} bytes, not ${least}`)
  return { perSecond: packets / ((last - began) / 1e9), perCpuSecond: packets / cpu }
}
