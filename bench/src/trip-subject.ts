import { serveTasks } from './child.js'
import type { Speed } from './measure.js'
import { type TripClient, type TripOrder, trips } from './peers/trips.js'

/** The measured process of the round trips: it loads one library and nothing of the others. */
const modules: Readonly<Record<string, string>> = {
  rxmqtt: './peers/trips-rxmqtt.js',
  'MQTT.js': './peers/trips-mqtt-js.js',
}

const { dial } = (await import(modules[process.argv[2]!]!)) as { dial: (order: TripOrder) => Promise<TripClient> }

const tasks = {
  trips: async (order: TripOrder): Promise<Speed> => trips(await dial(order), order),
}

export type TripSubject = typeof tasks
serveTasks(tasks)
