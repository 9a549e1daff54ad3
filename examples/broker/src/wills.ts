import type { Message, PublishPacket, Will } from '@rxmqtt/core'

/** A will with bytes of its own: CONNECT's are views of its chunk. */
export function keptWill(will: Will): Will {
  const { payload, properties } = will
  const { correlationData } = properties ?? {}
  const own =
    correlationData === undefined ? {} : { properties: { ...properties, correlationData: correlationData.slice() } }
  return { ...will, payload: payload.slice(), ...own }
}

/** Milliseconds that a will waits after the end of its connection [MQTT-3.1.3-9]. */
export function delayOf({ properties }: Will): number {
  return (properties?.willDelayInterval ?? 0) * 1_000
}

/** The message of a will: all its properties but the delay. */
export function messageOf(will: Will): Message {
  const { willDelayInterval: _, ...properties } = will.properties ?? {}
  return will.properties === undefined ? will : { ...will, properties }
}

/** The PUBLISH that a will becomes, for who has to decide about it. */
export function packetOf(will: Will): PublishPacket {
  const { topic, payload, qos, retain, properties } = messageOf(will)
  return {
    cmd: 'publish',
    length: 0,
    topic,
    payload,
    qos,
    retain,
    dup: false,
    ...(properties && { properties }),
  } as PublishPacket
}
