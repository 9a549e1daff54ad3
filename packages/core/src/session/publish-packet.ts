import { Encoder } from '../codec/encoder.js'
import { Protocol } from '../codec/protocol.js'
import { MqttError } from '../errors.js'
import type { PacketInput } from '../packet/fields.js'
import type { Attachment } from './attachment.js'
import type { Entry } from './entry.js'
import type { Journal } from './journal.js'
import { secondsLeft } from './message.js'
import { noteSent } from './notes.js'
import { SentAliases } from './topic-aliases.js'

/** Makes the PUBLISH of an entry, as the peer of one connection takes it. */
export class PublishPackets {
  readonly #attachment: Attachment
  readonly #aliases: SentAliases
  readonly #trial: Encoder

  constructor(attachment: Attachment) {
    const { version, maximumPacketSize = 268_435_460, aliasesOut } = attachment
    this.#attachment = attachment
    this.#aliases = new SentAliases(aliasesOut)
    this.#trial = new Encoder({ protocol: new Protocol(version), maximumPacketSize: Math.max(2, maximumPacketSize) })
  }

  /**
   * Sends an entry, and notes that it is on its way.
   *
   * @param isAgain - it was sent before [MQTT-3.3.1-1]
   * @throws MqttError `'refused'` for what the peer said that it doesn't take, `'packet-too-large'`,
   * `'invalid-packet'`, `'timeout'` where it expired
   */
  send(entry: Entry, isAgain: boolean, journal: Journal): void {
    checkExpiry(entry, isAgain)
    this.#checkTaken(entry)
    const { aliasesOut } = this.#attachment
    const topic = entry.message!.topic
    const known = aliasesOut > 0 ? this.#aliases.known(topic) : undefined
    const alias = known ?? (aliasesOut > 0 ? this.#aliases.assign(topic) : undefined)
    const packet = this.#packet(entry, isAgain, known === undefined ? topic : '', alias)
    try {
      // A packet that leaves later must not be found wrong then.
      if (journal.isStoring) this.#try(packet)
      if (!isAgain) noteSent(journal, entry)
      journal.send(packet)
    } catch (error) {
      if (known === undefined) this.#aliases.retract(topic)
      throw tooLarge(error)
    }
  }

  #packet(entry: Entry, dup: boolean, topic: string, topicAlias: number | undefined): PacketInput<'publish'> {
    const { payload, retain } = entry.message!
    const { qos, expiresAt } = entry
    const messageId = qos === 0 ? undefined : entry.messageId
    let properties = this.#attachment.version === 5 ? entry.message!.properties : undefined
    if (topicAlias !== properties?.topicAlias) properties = { ...properties, topicAlias }
    if (expiresAt !== undefined && properties !== undefined) {
      properties = { ...properties, messageExpiryInterval: secondsLeft(expiresAt) }
    }
    return { cmd: 'publish', topic, payload, qos, retain, dup, messageId, properties }
  }

  #checkTaken({ qos, message }: Entry): void {
    const { maximumQoS, retainAvailable } = this.#attachment
    if (qos > maximumQoS) {
      const text = `PUBLISH qos must not be over ${maximumQoS}, the peer's Maximum QoS: ${qos} [MQTT-3.2.2-11]`
      throw new MqttError('refused', text, { reasonCode: 0x9b })
    }
    if (message!.retain === true && !retainAvailable) {
      throw new MqttError('refused', 'PUBLISH retain must be false: the peer keeps no message [MQTT-3.2.2-14]', {
        reasonCode: 0x9a,
      })
    }
  }

  #try(packet: PacketInput<'publish'>): void {
    this.#trial.write(packet)
    this.#trial.take()
  }
}

/** What has begun to be delivered goes on, however late. */
function checkExpiry({ expiresAt, hasWaited }: Entry, isAgain: boolean): void {
  if (isAgain || !hasWaited || expiresAt === undefined || secondsLeft(expiresAt) > 0) return
  throw new MqttError('timeout', 'the message expired before it could be sent [MQTT-3.3.2-5]')
}

/** A message over the peer's limit has an error of its own [MQTT-3.1.2-25]. */
function tooLarge(error: unknown): unknown {
  if (!(error instanceof MqttError) || error.reasonCode !== 0x95) return error
  return new MqttError('packet-too-large', error.message, { reasonCode: 0x95 })
}
