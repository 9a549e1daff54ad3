import { Encoder } from '../codec/encoder.js'
import { Protocol } from '../codec/protocol.js'
import { invalidPacket } from '../codec/violation.js'
import { MqttError } from '../errors.js'
import type { PacketInput } from '../packet/fields.js'
import type { Attachment } from './attachment.js'
import type { Entry } from './entry.js'
import type { Journal } from './journal.js'
import { secondsLeft, withAlias } from './message.js'
import { noteSent } from './notes.js'
import { SentAliases } from './topic-aliases.js'

/** Makes the PUBLISH of an entry, as the peer of one connection takes it. */
export class PublishPackets {
  readonly #attachment: Attachment
  readonly #aliases: SentAliases
  readonly #trial: Encoder

  constructor(attachment: Attachment) {
    const { version, connection, maximumPacketSize = 268_435_460, aliasesOut } = attachment
    const maximum = Math.max(2, Math.min(maximumPacketSize, connection.maximumPacketSize))
    this.#attachment = attachment
    this.#aliases = new SentAliases(aliasesOut)
    this.#trial = new Encoder({ protocol: new Protocol(version), maximumPacketSize: maximum })
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
    const topic = entry.message!.topic
    const isAliased = this.#attachment.aliasesOut > 0 && topic !== ''
    const known = isAliased ? this.#aliases.known(topic) : undefined
    const alias = known ?? (isAliased ? this.#aliases.assign(topic) : undefined)
    try {
      this.#leave(this.#packet(entry, isAgain, known === undefined ? topic : '', alias), entry, isAgain, journal)
    } catch (error) {
      if (known === undefined) this.#aliases.retract(topic)
      if (alias === undefined || !isTooLarge(error)) throw named(error)
      this.#sendPlain(entry, isAgain, journal)
    }
  }

  /** An alias has its bytes too: without it the packet may be small enough. */
  #sendPlain(entry: Entry, isAgain: boolean, journal: Journal): void {
    try {
      this.#leave(this.#packet(entry, isAgain, entry.message!.topic, undefined), entry, isAgain, journal)
    } catch (error) {
      throw named(error)
    }
  }

  #leave(packet: PacketInput<'publish'>, entry: Entry, isAgain: boolean, journal: Journal): void {
    if (entry.qos === 0) {
      // There is nothing to store.
      this.#attachment.connection.write(packet)
      return
    }
    // A packet that leaves later must not be found wrong then.
    if (journal.isStoring) this.#try(packet)
    if (!isAgain) noteSent(journal, entry)
    journal.send(packet)
  }

  #packet(entry: Entry, dup: boolean, topic: string, topicAlias: number | undefined): PacketInput<'publish'> {
    const { payload, retain } = entry.message!
    const { qos, expiresAt } = entry
    const messageId = qos === 0 ? undefined : entry.messageId
    let properties = this.#attachment.version === 5 ? withAlias(entry.message!.properties, topicAlias) : undefined
    if (expiresAt !== undefined && properties !== undefined) {
      properties = { ...properties, messageExpiryInterval: secondsLeft(expiresAt) }
    }
    return { cmd: 'publish', topic, payload, qos, retain, dup, messageId, properties }
  }

  #checkTaken({ qos, message }: Entry): void {
    const { maximumQoS, retainAvailable } = this.#attachment
    if (qos > maximumQoS && qos < 3) {
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
    if (this.#attachment.role === 'client' && packet.properties?.subscriptionIdentifier !== undefined) {
      throw invalidPacket('PUBLISH to a server must not have a subscriptionIdentifier [MQTT-3.3.4-6]')
    }
    this.#trial.check(packet)
  }
}

/** What has begun to be delivered goes on, however late. */
function checkExpiry({ expiresAt, hasWaited }: Entry, isAgain: boolean): void {
  if (isAgain || !hasWaited || expiresAt === undefined || secondsLeft(expiresAt) > 0) return
  throw new MqttError('timeout', 'the message expired before it could be sent [MQTT-3.3.2-5]')
}

/** A message over the peer's limit has an error of its own [MQTT-3.1.2-25]. */
function named(error: unknown): unknown {
  return isTooLarge(error) ? new MqttError('packet-too-large', error.message, { reasonCode: 0x95 }) : error
}

function isTooLarge(error: unknown): error is MqttError {
  return error instanceof MqttError && error.reasonCode === 0x95
}
