import { protocolError } from '../codec/violation.js'
import type { PublishPacket } from '../packet/packet.js'
import { IdMap } from './id-map.js'

/**
 * The topic aliases towards the peer of one connection [MQTT5 3.3.2.3.4]: a topic that has none gets the next number, or
 * the one that was used longest ago.
 */
export class SentAliases {
  readonly #maximum: number
  /** In the order of their last use. */
  readonly #numbers = new Map<string, number>()
  readonly #free: number[] = []

  constructor(maximum: number) {
    this.#maximum = maximum
  }

  /** The alias of a topic that the peer knows already. */
  known(topic: string): number | undefined {
    const number = this.#numbers.get(topic)
    if (number === undefined) return undefined
    this.#numbers.delete(topic)
    this.#numbers.set(topic, number)
    return number
  }

  /** A number for a topic that has none; undefined where the peer takes no aliases [MQTT-3.1.2-27] [MQTT-3.2.2-18]. */
  assign(topic: string): number | undefined {
    const free = this.#free.pop()
    if (free !== undefined || this.#numbers.size < this.#maximum) {
      this.#numbers.set(topic, free ?? this.#numbers.size + 1)
    } else {
      const oldest = this.#numbers.entries().next().value
      if (oldest === undefined) return undefined
      this.#numbers.delete(oldest[0])
      this.#numbers.set(topic, oldest[1])
    }
    return this.#numbers.get(topic)
  }

  /** Takes back an alias that did not reach the peer. */
  retract(topic: string): void {
    const number = this.#numbers.get(topic)
    this.#numbers.delete(topic)
    if (number !== undefined) this.#free.push(number)
  }
}

/** The topic aliases of the peer of one connection; none outlives it [MQTT-3.3.2-7]. */
export class ReceivedAliases {
  readonly #maximum: number
  readonly #topics = new IdMap<string>()

  constructor(maximum: number) {
    this.#maximum = maximum
  }

  /**
   * The packet with its topic, where the peer sent the alias alone.
   *
   * @throws MqttError `'protocol-error'`, reason 0x94 for an alias over the maximum
   */
  resolve(packet: PublishPacket): PublishPacket {
    const alias = packet.properties?.topicAlias
    if (alias === undefined) return packet
    if (alias > this.#maximum) {
      const text = `PUBLISH topicAlias must not be over ${this.#maximum}, the Topic Alias Maximum: ${alias}`
      throw protocolError(`${text} [MQTT-3.3.2-9] [MQTT-3.3.2-11]`, 0x94)
    }
    if (packet.topic !== '') {
      this.#topics.set(alias, packet.topic)
      return packet
    }
    const topic = this.#topics.get(alias)
    if (topic === undefined) throw protocolError(`PUBLISH topicAlias ${alias} was given no topic [MQTT-3.3.2-7]`)
    return { ...packet, topic }
  }
}
