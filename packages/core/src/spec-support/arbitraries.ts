import fc from 'fast-check'
import type { PacketInput } from '../packet/fields.js'
import type { PacketType, ProtocolVersion } from '../packet/packet.js'
import { packetTypes } from '../packet/packet-types.js'
import { reasonCodes } from '../packet/reason-code.js'
import { allowedProperties } from '../testing/vectors/properties.js'

type Any = fc.Arbitrary<unknown>

/** Text that MQTT allows: any characters but U+0000 and lone surrogates. */
export const text: fc.Arbitrary<string> = fc
  .oneof(fc.string({ unit: 'binary', maxLength: 12 }), fc.string({ maxLength: 70 }))
  .map((value) => value.replaceAll('\0', ''))

export const bytes: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 40 })

export const topicName: fc.Arbitrary<string> = text.map((value) => value.replaceAll(/[+#]/g, '') || 't')

const level = fc.oneof(
  topicName.map((name) => name.replaceAll('/', '')),
  fc.constant('+'),
)

/** A filter, in MQTT 5 sometimes of a shared subscription. */
export function topicFilter(version: ProtocolVersion): fc.Arbitrary<string> {
  const filter = fc
    .tuple(fc.array(level, { minLength: 1, maxLength: 4 }), fc.boolean())
    .map(([levels, all]) => [...levels, ...(all ? ['#'] : [])].join('/') || '#')
    .filter((value) => !value.startsWith('$share/'))
  if (version < 5) return filter
  const name = topicName.map((value) => value.replaceAll('/', '') || 'g')
  return fc.oneof({ weight: 3, arbitrary: filter }, { weight: 1, arbitrary: shared(name, filter) })
}

function shared(name: fc.Arbitrary<string>, filter: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(name, filter).map((parts) => `$share/${parts.join('/')}`)
}

const u16 = fc.oneof(fc.nat(65_535), fc.constantFrom(0, 255, 256, 65_535))
const u32 = fc.oneof(fc.nat(4_294_967_295), fc.constantFrom(0, 65_535, 65_536, 4_294_967_295))
const atLeastOne = (value: fc.Arbitrary<number>): fc.Arbitrary<number> => value.map((number) => number || 1)
const identifier = fc.integer({ min: 1, max: 268_435_455 })
const messageId = fc.integer({ min: 1, max: 65_535 })
const qos = fc.constantFrom(0, 1, 2)

/** Names with a value, or with several in order; never one in a list, which is not how it is parsed. */
export const userProperties: fc.Arbitrary<Record<string, string | string[]>> = fc
  .dictionary(text, fc.oneof(text, fc.array(text, { minLength: 2, maxLength: 3 })), { maxKeys: 4 })
  .filter((value) => Object.keys(value).length > 0)

const values: Readonly<Record<string, Any>> = {
  payloadFormatIndicator: fc.boolean(),
  messageExpiryInterval: u32,
  contentType: text,
  responseTopic: topicName,
  correlationData: bytes,
  subscriptionIdentifier: identifier,
  sessionExpiryInterval: u32,
  assignedClientIdentifier: text,
  serverKeepAlive: u16,
  authenticationMethod: text,
  requestProblemInformation: fc.boolean(),
  willDelayInterval: u32,
  requestResponseInformation: fc.boolean(),
  responseInformation: text,
  serverReference: text,
  reasonString: text,
  receiveMaximum: atLeastOne(u16),
  topicAliasMaximum: u16,
  topicAlias: atLeastOne(u16),
  maximumQoS: fc.constantFrom(0, 1),
  retainAvailable: fc.boolean(),
  userProperties,
  maximumPacketSize: atLeastOne(u32),
  wildcardSubscriptionAvailable: fc.boolean(),
  subscriptionIdentifiersAvailable: fc.boolean(),
  sharedSubscriptionAvailable: fc.boolean(),
}

/** `{ properties }`, or nothing where there are none. */
function properties(scope: string, version: ProtocolVersion, required: readonly string[] = []): fc.Arbitrary<object> {
  if (version < 5) return fc.constant({})
  const model: Record<string, Any> = {}
  for (const name of [...allowedProperties[scope]!, 'userProperties']) model[name] = values[name]!
  if (scope === 'publish') {
    model['subscriptionIdentifier'] = fc.oneof(identifier, fc.array(identifier, { minLength: 2, maxLength: 3 }))
  }
  const block = fc.record(model, { requiredKeys: [...required], noNullPrototype: true })
  const whole = fc.tuple(block, fc.option(bytes, { nil: undefined, freq: 4 })).map(([given, authenticationData]) => {
    if (authenticationData === undefined || !('authenticationMethod' in given)) return given
    return { ...given, authenticationData }
  })
  return whole.map((given) => (Object.keys(given).length === 0 ? {} : { properties: given }))
}

function optional(name: string, value: Any): fc.Arbitrary<object> {
  return fc.option(value, { nil: undefined }).map((given) => (given === undefined ? {} : { [name]: given }))
}

function members(...parts: readonly fc.Arbitrary<object>[]): fc.Arbitrary<object> {
  return fc.tuple(...parts).map((given) => Object.assign({}, ...given) as object)
}

function will(version: ProtocolVersion): Any {
  const fields = fc.record({ topic: topicName, payload: bytes, qos, retain: fc.boolean() })
  return members(fields, properties('will', version))
}

function connect(version: ProtocolVersion): fc.Arbitrary<object> {
  const short = text.map((value) => [...value].slice(0, 23).join('') || 'c')
  const fields = fc.record({
    protocolId: fc.constant(version === 3 ? 'MQIsdp' : 'MQTT'),
    protocolVersion: fc.constant(version),
    clean: fc.boolean(),
    clientId: version === 3 ? short : text,
    keepalive: u16,
  })
  const credentials = members(optional('username', text), optional('password', bytes)).map((given) =>
    version < 5 && !('username' in given) ? {} : given,
  )
  const identified = fields.map((given) => (version === 4 && given.clientId === '' ? { ...given, clean: true } : given))
  return members(identified, credentials, optional('will', will(version)), properties('connect', version))
}

function connack(version: ProtocolVersion): fc.Arbitrary<object> {
  if (version < 5) {
    const present = version === 4 ? fc.boolean() : fc.constant(false)
    return fc
      .record({ sessionPresent: present, returnCode: fc.nat(5) })
      .map((given) => (given.returnCode === 0 ? given : { ...given, sessionPresent: false }))
  }
  const fields = fc.record({ sessionPresent: fc.boolean(), reasonCode: fc.constantFrom(...reasonCodes.connack) })
  const consistent = fields.map((given) => (given.reasonCode === 0 ? given : { ...given, sessionPresent: false }))
  return members(consistent, properties('connack', version))
}

function publish(version: ProtocolVersion): fc.Arbitrary<object> {
  const fields = fc
    .record({ topic: topicName, payload: bytes, qos, retain: fc.boolean(), dup: fc.boolean(), messageId })
    .map(({ messageId, dup, ...given }) => (given.qos === 0 ? { ...given, dup: false } : { ...given, dup, messageId }))
  return members(fields, properties('publish', version))
}

type Ack = 'puback' | 'pubrec' | 'pubrel' | 'pubcomp'

function ack(cmd: Ack, version: ProtocolVersion): fc.Arbitrary<object> {
  const id = fc.record({ messageId })
  if (version === 5) {
    return members(id, fc.record({ reasonCode: fc.constantFrom(...reasonCodes[cmd]) }), properties(cmd, version))
  }
  return members(id, duplicate(cmd === 'pubrel' && version === 3))
}

function duplicate(isAllowed: boolean): fc.Arbitrary<object> {
  return isAllowed ? optional('dup', fc.constant(true)) : fc.constant({})
}

function subscribe(version: ProtocolVersion): fc.Arbitrary<object> {
  const options = { nl: fc.boolean(), rap: fc.boolean(), rh: fc.constantFrom(0, 1, 2) }
  const subscription = fc
    .record({ topic: topicFilter(version), qos, ...(version === 5 ? options : {}) })
    .map((given) => ('nl' in given && given.topic.startsWith('$share/') ? { ...given, nl: false } : given))
  const subscriptions = fc.array(subscription, { minLength: 1, maxLength: 4 })
  const fields = fc.record({ messageId, subscriptions })
  return members(fields, duplicate(version === 3), properties('subscribe', version))
}

function suback(version: ProtocolVersion): fc.Arbitrary<object> {
  const codes = version === 5 ? reasonCodes.suback : version === 4 ? ([0, 1, 2, 0x80] as const) : ([0, 1, 2] as const)
  const granted = fc.array(fc.constantFrom<number>(...codes), { minLength: 1, maxLength: 5 })
  return members(fc.record({ messageId, granted }), properties('suback', version))
}

function unsubscribe(version: ProtocolVersion): fc.Arbitrary<object> {
  const unsubscriptions = fc.array(topicFilter(version), { minLength: 1, maxLength: 4 })
  const fields = fc.record({ messageId, unsubscriptions })
  return members(fields, duplicate(version === 3), properties('unsubscribe', version))
}

function unsuback(version: ProtocolVersion): fc.Arbitrary<object> {
  if (version < 5) return fc.record({ messageId })
  const granted = fc.array(fc.constantFrom(...reasonCodes.unsuback), { minLength: 1, maxLength: 5 })
  return members(fc.record({ messageId, granted }), properties('unsuback', version))
}

function disconnect(version: ProtocolVersion): fc.Arbitrary<object> {
  if (version < 5) return fc.constant({})
  return members(
    fc.record({ reasonCode: fc.constantFrom(...reasonCodes.disconnect) }),
    properties('disconnect', version),
  )
}

const auth: fc.Arbitrary<object> = fc.oneof(
  fc.constant({ reasonCode: 0 }),
  members(
    fc.record({ reasonCode: fc.constantFrom(...reasonCodes.auth) }),
    properties('auth', 5, ['authenticationMethod']),
  ),
)

const byType: Readonly<Record<PacketType, (version: ProtocolVersion) => fc.Arbitrary<object>>> = {
  connect,
  connack,
  publish,
  puback: (version) => ack('puback', version),
  pubrec: (version) => ack('pubrec', version),
  pubrel: (version) => ack('pubrel', version),
  pubcomp: (version) => ack('pubcomp', version),
  subscribe,
  suback,
  unsubscribe,
  unsuback,
  pingreq: () => fc.constant({}),
  pingresp: () => fc.constant({}),
  disconnect,
  auth: () => auth,
}

/** The packet types of a version. */
export function typesOf(version: ProtocolVersion): PacketType[] {
  return packetTypes.filter((cmd): cmd is PacketType => cmd !== undefined && (cmd !== 'auth' || version === 5))
}

/** Valid packets of a type, as they are parsed, but for `length`. */
export function packetOf(cmd: PacketType, version: ProtocolVersion): fc.Arbitrary<PacketInput> {
  return byType[cmd](version).map((fields) => ({ cmd, ...fields }) as PacketInput)
}

/** Valid packets of any type but CONNECT, or of any at all. */
export function anyPacket(version: ProtocolVersion, withConnect = true): fc.Arbitrary<PacketInput> {
  const types = typesOf(version).filter((cmd) => withConnect || cmd !== 'connect')
  return fc.oneof(...types.map((cmd) => packetOf(cmd, version)))
}

/** Bytes cut into chunks, of at least one byte each. */
export function cut(whole: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  if (whole.length === 0) return []
  const at = [...new Set(cuts.map((each) => each % whole.length))].filter((each) => each > 0).sort((a, b) => a - b)
  return [0, ...at].map((start, i) => whole.subarray(start, at[i] ?? whole.length))
}

/** How bytes are changed: single bytes, parts left out, doubled or put in. */
export const mutations: fc.Arbitrary<(whole: Uint8Array) => Uint8Array> = fc
  .array(
    fc.tuple(fc.constantFrom('set', 'flip', 'delete', 'repeat', 'insert'), fc.nat(4_096), fc.nat(255), fc.nat(8)),
    { minLength: 1, maxLength: 4 },
  )
  .map((steps) => (whole) => steps.reduce(mutate, whole))

function mutate(
  whole: Uint8Array,
  [kind, where, value, length]: readonly [string, number, number, number],
): Uint8Array {
  if (whole.length === 0) return Uint8Array.of(value)
  const at = where % whole.length
  const bytes = Array.from(whole)
  if (kind === 'set') bytes[at] = value
  else if (kind === 'flip') bytes[at]! ^= 1 << (value % 8)
  else if (kind === 'delete') bytes.splice(at, length)
  else if (kind === 'repeat') bytes.splice(at, 0, ...bytes.slice(at, at + length))
  else bytes.splice(at, 0, value)
  return Uint8Array.from(bytes)
}
