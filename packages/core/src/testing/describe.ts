import type { PacketInput } from '../packet/fields.js'
import { ReasonCode } from '../packet/reason-code.js'
import { canonical, isObject, isPacket, type Members, primitiveOf } from './canonical.js'
import { toHex } from './wire.js'

const shownBytes = 48
const shownMembers = 40
const names: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(ReasonCode)
    .filter(([, code]) => code > 2)
    .map(([name, code]) => [code, name]),
)

/**
 * A packet in one line that people can read: what it says, without what is the default.
 *
 * @example
 * ```ts
 * describePacket({ cmd: 'publish', topic: 'a/b', qos: 1, messageId: 7, payload: 'hi' }) // publish a/b qos 1 #7 "hi"
 * ```
 */
export function describePacket(packet: PacketInput): string {
  const whole = { ...packet } as Members & PacketInput
  const { cmd, clientId, topic, qos, retain, dup, messageId, payload, reasonCode, ...rest } = canonical(whole)
  const version = whole['protocolVersion']
  const { properties, subscriptions, unsubscriptions, granted, ...others } = rest
  const parts = [
    cmd,
    clientId !== undefined && show(clientId),
    version !== undefined && `MQTT ${version === 3 ? '3.1' : version === 4 ? '3.1.1' : show(version)}`,
    // An empty topic is one that an alias stands for.
    topic !== undefined && plainText(topic),
    qos !== undefined && `qos ${show(qos)}`,
    retain === true && 'retain',
    dup === true && 'dup',
    messageId !== undefined && `#${show(messageId)}`,
    reasonCode !== undefined && showCode(reasonCode),
    ...showFields(others),
    subscriptions !== undefined && showList(subscriptions, showMessage),
    unsubscriptions !== undefined && showList(unsubscriptions, plainText),
    granted !== undefined && showList(granted, showCode),
    payload !== undefined && show(payload),
    properties !== undefined && show(properties),
  ]
  return parts.filter((part) => part !== false).join(' ')
}

/** Any value in one line: packets and errors as people name them, bytes as text where they are text. */
export function show(value: unknown, depth = 0): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (value instanceof Uint8Array) return showBytes(value)
  if (value instanceof Error) return showError(value)
  if (typeof value === 'function') return `function ${value.name}`
  if (!isObject(value)) return String(value)
  if (typeof value['asymmetricMatch'] === 'function') return matcherText(value)
  if (primitiveOf(value) !== undefined) return JSON.stringify(value)
  if (isPacket(value)) return describePacket(value as unknown as PacketInput)
  if (depth > 4) return '…'
  const items = Array.isArray(value) || value instanceof Set ? [...(value as Iterable<unknown>)] : undefined
  if (items !== undefined)
    return `${value instanceof Set ? 'Set ' : ''}[${listed(items.map((item) => show(item, depth + 1)))}]`
  const entries = value instanceof Map ? [...(value as Map<unknown, unknown>)] : Object.entries(value)
  const members = entries.filter(([, member]) => member !== undefined)
  const text = members.map(([name, member]) => `${plainText(name)}: ${show(member, depth + 1)}`)
  const { constructor } = value as { constructor?: unknown }
  const kind = typeof constructor === 'function' && constructor !== Object ? `${constructor.name} ` : ''
  return text.length === 0 ? `${kind}{}` : `${kind}{ ${listed(text)} }`
}

/** What a runner's matcher calls itself. */
function matcherText(matcher: Members): string {
  const named = matcher as { toAsymmetricMatcher?(): string; toString(): string }
  return named.toAsymmetricMatcher?.() ?? named.toString()
}

function listed(items: readonly string[]): string {
  const rest = items.length - shownMembers
  return rest > 0 ? `${items.slice(0, shownMembers).join(', ')}, … ${rest} more` : items.join(', ')
}

function showList(value: unknown, text: (item: unknown) => string): string {
  return Array.isArray(value) ? `[${listed(value.map(text))}]` : show(value)
}

/** A will or a subscription, in the order of a packet's fields. */
function showMessage(value: unknown): string {
  if (!isObject(value)) return show(value)
  const { topic, qos, payload, properties, ...others } = value
  const parts = [
    plainText(topic),
    qos !== undefined && `qos ${show(qos)}`,
    ...showFields(others),
    payload !== undefined && show(payload),
    properties !== undefined && show(properties),
  ]
  return parts.filter((part) => part !== false).join(' ')
}

function showFields(fields: Members): string[] {
  return Object.entries(fields).map(([name, value]) => {
    if (value === true) return name
    return `${name} ${name === 'will' ? showMessage(value) : show(value)}`
  })
}

function plainText(value: unknown): string {
  return typeof value === 'string' && /^[^\s"'`,;:()[\]{}]+$/u.test(value) ? value : show(value)
}

function showCode(code: unknown): string {
  if (typeof code !== 'number') return show(code)
  if (code <= 2) return String(code)
  const name = names[code]
  return `0x${code.toString(16).padStart(2, '0')}${name === undefined ? '' : ` ${name}`}`
}

/** An error by what it is compared by, then its message: `timeout 0x8d "no CONNACK in 30000 ms"`. */
function showError(error: Error): string {
  return showErrorMembers({ ...error, name: error.name, message: error.message })
}

/** The members of an error, or of an object that stands for one. */
export function showErrorMembers(error: Members): string {
  const { name, code, reasonCode, returnCode, message } = error
  const parts = [
    code === undefined ? name : code,
    reasonCode !== undefined && showCode(reasonCode),
    returnCode !== undefined && `returnCode ${show(returnCode)}`,
    message !== undefined && show(message),
  ]
  return parts.filter((part) => part !== false).join(' ')
}

/** Bytes as the text they are, or else as hex digits; of many, the beginning, the number and a checksum. */
function showBytes(bytes: Uint8Array): string {
  const front = bytes.subarray(0, shownBytes)
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(front, { stream: true })
  const readable = text !== '' && !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffd]/.test(text)
  const shown = readable ? JSON.stringify(text) : `<${toHex(front).replace(/..(?=.)/g, '$& ')}>`
  return bytes.length <= shownBytes ? shown : `${shown}… ${bytes.length} bytes, checksum ${checksum(bytes)}`
}

function checksum(bytes: Uint8Array): string {
  let sum = 7
  for (const byte of bytes) sum = (sum * 31 + byte) % 16_777_213
  return sum.toString(16)
}
