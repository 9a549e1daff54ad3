import { Child } from '../child.js'
import { type Effort, interleave } from '../measure.js'
import { startMosquitto } from '../mosquitto.js'
import type { Row } from '../row.js'
import type { TripSubject } from '../trip-subject.js'
import { versus } from './receive.js'

/** Messages on their way at a time. */
const window = 100
const payload = 32

/** QoS 1 and 2 from publish to acknowledgement, over mosquitto. */
export async function roundTripRows(effort: Effort): Promise<Row[]> {
  const broker = await startMosquitto()
  const subjects = {
    rxmqtt: new Child<TripSubject>('./trip-subject.js', ['rxmqtt']),
    'MQTT.js': new Child<TripSubject>('./trip-subject.js', ['MQTT.js']),
  }
  const { port } = broker
  const { milliseconds } = effort
  const rows: Row[] = []
  try {
    for (const version of [4, 5] as const) {
      for (const qos of [1, 2] as const) {
        const order = { port, version, qos, payload, window, milliseconds }
        const rounds = await interleave(
          {
            rxmqtt: () => subjects.rxmqtt.call('trips', order),
            'MQTT.js': () => subjects['MQTT.js'].call('trips', order),
          },
          effort,
        )
        const what = `QoS ${qos} round trips, MQTT ${version === 4 ? '3.1.1' : '5'}, ${window} at a time, mosquitto`
        rows.push(versus(what, rounds, 'rxmqtt', 'MQTT.js', 2))
      }
    }
  } finally {
    for (const child of Object.values(subjects)) child.stop()
    await broker.stop()
  }
  return rows
}
