import type { Message } from '@rxmqtt/core'
import type { Client } from './client.js'
import type { Terms } from './replay.js'
import type { Subscriptions } from './subscriptions.js'

/** Where a message went. */
export interface Routed {
  /** Clients whose session has it. */
  readonly count: number
  /** Those of them whose session has to store it. */
  readonly storing: readonly Client[]
}

const nowhere: readonly Client[] = []

/**
 * Hands a message to all whose subscriptions match its topic: once to each client [MQTT-3.3.4-2], to one member of each shared
 * group, without the retain flag but where retain-as-published is asked for [MQTT-3.3.1-12] [MQTT-3.3.1-13].
 */
export function route(subscriptions: Subscriptions<Client>, message: Message, from: Client | undefined): Routed {
  const all = subscriptions.match(message.topic, from)
  if (all.length === 0) return { count: 0, storing: nowhere }
  const own = all.length === 1 ? message : withOwnPayload(message)
  let storing: Client[] | undefined
  let count = 0
  for (const { client, qos, retainAsPublished, identifiers } of all) {
    const terms: Terms = { qos, retain: retainAsPublished && message.retain === true, identifiers }
    if (client.isAwayFor(message, terms)) continue
    client.deliver(own, terms)
    count++
    if (client.isPersistent && qos > 0 && message.qos !== 0) (storing ??= []).push(client)
  }
  return { count, storing: storing ?? nowhere }
}

/** A parsed payload is a view of its chunk: who keeps it copies it, once for all. */
function withOwnPayload(message: Message): Message {
  const { payload } = message
  const isView = payload instanceof Uint8Array && payload.byteLength < payload.buffer.byteLength
  return isView ? { ...message, payload: payload.slice() } : message
}
