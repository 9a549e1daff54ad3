import { Child } from '../child.js'
import type { FarEnd } from '../far-end.js'
import type { Effort } from '../measure.js'
import type { Subject } from '../subject.js'

/** What the measurements over a socket need: the far end, and a process for each library. */
export interface Scene {
  readonly effort: Effort
  readonly port: number
  readonly farEnd: Child<FarEnd>
  subject(name: SubjectName): Child<Subject>
}

export type SubjectName = 'rxmqtt' | 'bare socket' | 'bare decoder' | 'mqtt-connection' | 'MQTT.js'

/** Runs `measure` with a scene, and ends its processes. */
export async function withScene<T>(effort: Effort, measure: (scene: Scene) => Promise<T>): Promise<T> {
  const farEnd = new Child<FarEnd>('./far-end.js')
  const subjects = new Map<SubjectName, Child<Subject>>()
  const subject = (name: SubjectName): Child<Subject> => {
    let child = subjects.get(name)
    if (child === undefined) subjects.set(name, (child = new Child<Subject>('./subject.js', [name])))
    return child
  }
  try {
    return await measure({ effort, farEnd, port: await farEnd.call('listen', undefined), subject })
  } finally {
    for (const child of [farEnd, ...subjects.values()]) child.stop()
  }
}
