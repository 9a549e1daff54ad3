import { type Packet, type PacketType, ReasonCode, ReturnCode } from '@rxmqtt/core'

const versions = { 3: 'MQTT 3.1', 4: 'MQTT 3.1.1', 5: 'MQTT 5' }
const decoder = new TextDecoder('utf-8', { fatal: true })

/** A version by its name. */
export function versionName(version: 3 | 4 | 5): string {
  return versions[version]
}

/** Bytes of a whole packet, from its remaining length. */
export function frameSize({ length }: Packet): number {
  const lengthField = [128, 16_384, 2_097_152].filter((limit) => length >= limit).length + 1
  return 1 + lengthField + length
}

/** A packet in one line: its name in a column, then what it says. What peers chose is quoted, so it can't move the cursor. */
export function describe(packet: Packet): string {
  const properties = 'properties' in packet ? propertyList(packet.properties) : []
  return `${packet.cmd.toUpperCase().padEnd(11)} ${[...facts(packet), ...properties].join(' ')}`.trimEnd()
}

function facts(packet: Packet): string[] {
  switch (packet.cmd) {
    case 'connect': {
      const { clientId, protocolVersion, clean, keepalive, will } = packet
      const more = [
        clean ? 'clean' : 'resume',
        `keepalive=${keepalive}s`,
        ...(will ? [`will=${quoted(will.topic)}`] : []),
      ]
      return [quoted(clientId), versionName(protocolVersion), ...more]
    }
    case 'publish': {
      const { topic, payload, qos, retain, dup } = packet
      const flags = [...(retain ? ['retain'] : []), ...(dup ? ['dup'] : [])]
      return [quoted(topic), payloadText(payload), `qos=${qos}`, ...idOf(packet), ...flags]
    }
    case 'subscribe':
      return [...idOf(packet), ...packet.subscriptions.map(({ topic, qos }) => `${quoted(topic)} qos=${qos}`)]
    case 'unsubscribe':
      return [...idOf(packet), ...packet.unsubscriptions.map(quoted)]
    case 'suback':
      return [...idOf(packet), `granted=${packet.granted.map(code).join(',')}`]
    case 'unsuback':
      return [...idOf(packet), ...(packet.granted ? [`reasons=${packet.granted.map(code).join(',')}`] : [])]
    case 'connack':
      return [answer(packet), ...(packet.sessionPresent ? ['session present'] : [])]
    case 'pingreq':
    case 'pingresp':
      return []
    default:
      return [...idOf(packet), ...(packet.reasonCode ? [reasonName(packet.cmd, packet.reasonCode)] : [])]
  }
}

function idOf(packet: { readonly messageId?: number | undefined } | object): string[] {
  return 'messageId' in packet && packet.messageId !== undefined ? [`id=${packet.messageId}`] : []
}

function answer({ returnCode, reasonCode }: { returnCode?: number; reasonCode?: number }): string {
  if (returnCode === 0 || reasonCode === 0) return 'accepted'
  return returnCode === undefined
    ? reasonName('connack', reasonCode ?? 0)
    : `${returnCode} ${nameIn(ReturnCode, returnCode)}`
}

function reasonName(cmd: PacketType, reason: number): string {
  const name = reason === 0 && cmd === 'disconnect' ? 'NormalDisconnection' : nameIn(ReasonCode, reason)
  return `${code(reason)} ${name}`
}

function nameIn(names: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(names).find((name) => names[name] === value) ?? ''
}

/** Small codes as numbers, as a granted QoS is; failures in hexadecimal, as the standard writes them. */
function code(value: number): string {
  return value < 0x80 ? String(value) : `0x${value.toString(16)}`
}

function propertyList(properties: object = {}): string[] {
  return Object.entries(properties).map(([name, value]) => `${name}=${propertyText(value)}`)
}

function propertyText(value: unknown): string {
  if (value instanceof Uint8Array) return `<${value.length} bytes>`
  return short(safe(JSON.stringify(value)))
}

function payloadText(payload: Uint8Array): string {
  try {
    return quoted(decoder.decode(payload.subarray(0, 200)))
  } catch {
    return `<${payload.length} bytes>`
  }
}

/** A text that a peer chose, as one harmless line. */
export function quoted(text: string): string {
  return short(safe(JSON.stringify(text)))
}

/** A text in which a peer may have had its say, such as an error's, as one harmless line. */
export function oneLine(text: string): string {
  return safe(
    JSON.stringify(text)
      .slice(1, -1)
      .replace(/\\(["\\])/g, '$1'),
  )
}

/** Without the control characters that JSON lets pass. */
function safe(text: string): string {
  return text.replace(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function short(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}
