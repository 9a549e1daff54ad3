import { type Packet, ReasonCode } from '@rxmqtt/core'

/** A packet in two words or three. */
export interface PacketText {
  readonly type: string
  readonly text: string
}

const utf8 = new TextDecoder()
/** Bytes of a payload that are shown. */
const shownBytes = 64

/** What of a packet a log has room for. Credentials are not among it. `topic`: of a PUBLISH. */
export function describePacket(packet: Packet, topic: string): PacketText {
  return { type: packet.cmd.toUpperCase(), text: detailsOf(packet, topic).filter(Boolean).join(' · ') }
}

function detailsOf(packet: Packet, topic: string): (string | false)[] {
  switch (packet.cmd) {
    case 'connect':
      return [packet.clientId, `keep-alive ${packet.keepalive} s`]
    case 'connack':
      return [reason(packet.reasonCode), packet.sessionPresent && 'session present']
    case 'publish': {
      const { payload, qos, retain } = packet
      const more = payload.length > shownBytes ? '…' : ''
      const text = utf8.decode(payload.subarray(0, shownBytes)) + more
      return [topic, text, qos > 0 && `QoS ${qos}`, retain && 'retain']
    }
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return [`#${packet.messageId}`, reason(packet.reasonCode)]
    case 'subscribe':
      return packet.subscriptions.map(({ topic, qos }) => `${topic} QoS ${qos}`)
    case 'suback':
      return packet.granted.map((code) => (code < 0x80 ? `QoS ${code}` : reason(code) || 'refused'))
    case 'unsubscribe':
      return [packet.unsubscriptions.join(', ')]
    case 'disconnect':
      return [reason(packet.reasonCode)]
    default:
      return []
  }
}

function reason(code: number | undefined): string {
  if (!code) return ''
  const name = Object.entries(ReasonCode).find(([, value]) => value === code)?.[0] ?? ''
  return `0x${code.toString(16)} ${name}`.trimEnd()
}
