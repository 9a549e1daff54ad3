import { invalidPacket, protocolError, refusal } from '../codec/violation.js'
import type { PacketInput } from '../packet/fields.js'
import type { Packet, PacketType } from '../packet/packet.js'
import type { ReasonProperties } from '../packet/properties.js'
import type { Protocol } from '../codec/protocol.js'
import type { Role } from './options.js'

const toServer: readonly PacketType[] = ['connect', 'subscribe', 'unsubscribe', 'pingreq']
const toClient: readonly PacketType[] = ['connack', 'suback', 'unsuback', 'pingresp']

const longerExpiry = 'DISCONNECT must not make a session last whose CONNECT said 0 [MQTT5 3.14.2.2.2]'
const expiryFromServer = 'DISCONNECT from a server must not have a sessionExpiryInterval [MQTT-3.14.2-2]'

function hasExpiry(packet: PacketInput): boolean {
  return packet.cmd === 'disconnect' && packet.properties?.sessionExpiryInterval !== undefined
}

function asksToLast(packet: PacketInput): boolean {
  return packet.cmd === 'disconnect' && (packet.properties?.sessionExpiryInterval ?? 0) > 0
}

function hasProblem({ properties }: PacketInput & { readonly properties?: ReasonProperties | undefined }): boolean {
  return properties?.reasonString !== undefined || properties?.userProperties !== undefined
}

/** How far a conversation has come: before CONNECT, between CONNECT and CONNACK, after it, after the last packet. */
type Phase = 'new' | 'connecting' | 'accepted' | 'over'

/**
 * Follows the conversation on a connection, whichever end it is, and with a role enforces it: a peer's packet out of place
 * is a protocol error, one of our own an invalid packet.
 */
export class Conversation {
  readonly #role: Role | undefined
  readonly #protocol: Protocol
  #phase: Phase = 'new'
  /** Which end this connection turned out to be, by the direction of the CONNECT. */
  #end: Role | undefined
  #enhanced = false
  /** CONNECT asks for a session that outlives the connection. */
  #lasts = false
  #peerMaximum = Number.POSITIVE_INFINITY
  /** What an MQTT 5 client's CONNECT asks its server for; false: that must not be sent. */
  #responseInformation = true
  #problemInformation = true

  constructor(role: Role | undefined, protocol: Protocol) {
    this.#role = role
    this.#protocol = protocol
    this.#end = role
  }

  get phase(): Phase {
    return this.#phase
  }

  get end(): Role | undefined {
    return this.#end
  }

  /** Bytes, the peer's Maximum Packet Size; Infinity until a role is enforced and the peer said one. */
  get peerMaximum(): number {
    return this.#peerMaximum
  }

  /**
   * Looks at the type of a packet from the peer, before its body.
   *
   * @throws MqttError `'protocol-error'` [MQTT-3.1.0-1] [MQTT-3.1.0-2] [MQTT-3.2.0-1] [MQTT-3.2.0-2]
   */
  expect(cmd: PacketType): void {
    if (this.#role === undefined) return
    const problem = this.#problem(cmd, this.#role === 'server' ? 'client' : 'server')
    if (problem !== undefined) throw protocolError(problem)
  }

  /** Notes a packet from the peer. @throws MqttError `'protocol-error'` [MQTT-3.3.4-6] [MQTT-3.14.2-2] */
  received(packet: Packet): void {
    if (packet.cmd === 'publish') {
      if (this.#role === 'server' && packet.properties?.subscriptionIdentifier !== undefined) {
        throw protocolError('PUBLISH to a server must not have a subscriptionIdentifier [MQTT-3.3.4-6]')
      }
    } else {
      if (this.#role === 'client' && hasExpiry(packet)) throw protocolError(expiryFromServer)
      if (this.#role === 'server' && !this.#lasts && asksToLast(packet)) throw protocolError(longerExpiry)
      this.#note(packet, 'server')
    }
  }

  /**
   * Looks at a packet of our own.
   *
   * @throws MqttError `'invalid-packet'`
   */
  check(packet: PacketInput): void {
    if (this.#role === undefined) return
    try {
      this.#check(packet)
    } catch (error) {
      throw refusal(error)
    }
  }

  #check(packet: PacketInput): void {
    const role = this.#role as Role
    const problem = this.#problem(packet.cmd, role)
    if (problem !== undefined) throw invalidPacket(problem)
    if (packet.cmd === 'publish') {
      if (role === 'client' && packet.properties?.subscriptionIdentifier !== undefined) {
        throw invalidPacket('PUBLISH to a server must not have a subscriptionIdentifier [MQTT-3.3.4-6]')
      }
    }
    if (role === 'client' && !this.#lasts && asksToLast(packet)) throw invalidPacket(longerExpiry)
    if (role === 'server' && packet.cmd !== 'publish') this.#checkWanted(packet)
  }

  /** What a server must not say to this client. */
  #checkWanted(packet: PacketInput): void {
    if (hasExpiry(packet)) throw invalidPacket(expiryFromServer)
    if (packet.cmd === 'connack') {
      if (!this.#responseInformation && packet.properties?.responseInformation !== undefined) {
        throw invalidPacket('CONNACK responseInformation must not be sent unasked [MQTT-3.1.2-28]')
      }
    } else if (!this.#problemInformation && packet.cmd !== 'disconnect' && hasProblem(packet)) {
      const name = nameOf(packet.cmd)
      throw invalidPacket(
        `${name} must not have a reasonString or userProperties for who asked for none [MQTT-3.1.2-29]`,
      )
    }
  }

  /** Notes a packet of our own. */
  sent(packet: PacketInput): void {
    if (packet.cmd !== 'publish') this.#note(packet, 'client')
  }

  #note(packet: PacketInput, ifConnect: Role): void {
    if (packet.cmd === 'connect') {
      this.#end ??= ifConnect
      this.#phase = 'connecting'
      this.#enhanced = packet.properties?.authenticationMethod !== undefined
      this.#lasts = (packet.properties?.sessionExpiryInterval ?? 0) > 0
      this.#problemInformation = packet.properties?.requestProblemInformation !== false
      this.#responseInformation = packet.properties?.requestResponseInformation === true
      if (this.#role === 'server') this.#notePeerMaximum(packet.properties)
    } else if (packet.cmd === 'connack') {
      this.#phase = (packet.reasonCode ?? packet.returnCode ?? 0) === 0 ? 'accepted' : 'over'
      if (this.#role === 'client') this.#notePeerMaximum(packet.properties)
    } else if (packet.cmd === 'disconnect') {
      this.#phase = 'over'
    }
  }

  #notePeerMaximum(properties: { readonly maximumPacketSize?: number | undefined } | undefined): void {
    this.#peerMaximum = properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY
  }

  /** What is wrong with a packet type from this end now. */
  #problem(cmd: PacketType, sender: Role): string | undefined {
    const phase = this.#phase
    if (phase === 'over') return `${nameOf(cmd)} must not follow the last packet of a connection [MQTT-3.14.4-1]`
    if (sender === 'client') {
      if (toClient.includes(cmd)) return `${nameOf(cmd)} must not be sent by a client [MQTT 2.1.2]`
      if (phase === 'new' && cmd !== 'connect')
        return `the first packet from a client must be CONNECT, not ${nameOf(cmd)} [MQTT-3.1.0-1]`
      if (phase !== 'new' && cmd === 'connect') return 'a client must not send a second CONNECT [MQTT-3.1.0-2]'
      if (phase === 'connecting' && this.#enhanced && cmd !== 'auth' && cmd !== 'disconnect') {
        return `${nameOf(cmd)} must not be sent before CONNACK when CONNECT has an authenticationMethod [MQTT-3.1.2-30]`
      }
      return undefined
    }
    if (toServer.includes(cmd) || (cmd === 'disconnect' && this.#protocol.version < 5)) {
      return `${nameOf(cmd)} must not be sent by a server [MQTT 2.1.2]`
    }
    if (phase === 'accepted') {
      return cmd === 'connack' ? 'a server must not send a second CONNACK [MQTT-3.2.0-2]' : undefined
    }
    if (cmd === 'disconnect')
      return 'DISCONNECT must not be sent by a server before an accepting CONNACK [MQTT-3.14.0-1]'
    if (phase === 'new') return `${nameOf(cmd)} must not be sent by a server before it has a CONNECT [MQTT-3.1.0-1]`
    if (cmd !== 'connack' && cmd !== 'auth') {
      return `the first packet from a server must be CONNACK or AUTH, not ${nameOf(cmd)} [MQTT-3.2.0-1]`
    }
    return undefined
  }
}

/** For messages; of what is no packet type too. */
function nameOf(cmd: unknown): string {
  return String(cmd).toUpperCase()
}
