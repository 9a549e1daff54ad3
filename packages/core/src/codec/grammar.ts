import type { ProtocolVersion } from '../packet/packet.js'
import type { ByteReader } from './bytes.js'
import { readProperties } from './properties.js'
import type { PropertyScope } from './property-table.js'
import { checkConnectFlags, checkGranted, checkProtocol, checkUngranted } from './validate.js'
import { malformed, protocolError } from './violation.js'

/** The packets that mqtt-packet reads, once their frame was walked. */
export type WalkedType = 'connect' | 'connack' | 'subscribe' | 'suback' | 'unsubscribe' | 'unsuback'

/** A property block as the walk found it. */
export interface PropertyBlock {
  readonly scope: PropertyScope
  /** Where it stands: from the first byte of its length to after its last property. */
  readonly start: number
  readonly end: number
  readonly values: Readonly<Record<string, unknown>> | undefined
}

/** What a walk over a frame notes for who decodes it. */
export interface Walk {
  /** The version of the frame: a CONNECT's own, else the connection's. */
  version: ProtocolVersion
  /** CONNECT's flags, for the fields that depend on them, and where they stand; without those of missing fields. */
  flags: number
  flagsAt: number
  readonly blocks: PropertyBlock[]
}

type Field = (reader: ByteReader, walk: Walk) => void
type Shapes = Readonly<Record<ProtocolVersion, readonly Field[]>>

const number8 =
  (name: string): Field =>
  (reader) => {
    reader.u8(name)
  }

const number16 =
  (name: string): Field =>
  (reader) => {
    reader.u16(name)
  }

const text =
  (name: string): Field =>
  (reader) => {
    reader.string(name)
  }

const binary =
  (name: string): Field =>
  (reader) => {
    reader.binary(name)
  }

const properties =
  (scope: PropertyScope): Field =>
  (reader, walk) => {
    const start = reader.position
    const values = readProperties(reader, scope)
    walk.blocks.push({ scope, start, end: reader.position, values })
  }

/** Fields that are there when a connect flag is set. */
const when =
  (flag: number, ...fields: readonly Field[]): Field =>
  (reader, walk) => {
    if ((walk.flags & flag) !== 0) for (const field of fields) field(reader, walk)
  }

/** One entry or more, to the end of the frame. */
const entries =
  (rule: string, ...fields: readonly Field[]): Field =>
  (reader, walk) => {
    if (reader.remaining === 0) throw protocolError(`${reader.packet} must have at least one entry [${rule}]`)
    while (reader.remaining > 0) for (const field of fields) field(reader, walk)
  }

const protocol: Field = (reader, walk) => {
  const name = reader.string('protocol name')
  const level = reader.u8('protocol level')
  checkProtocol(name, level)
  walk.version = level
}

const connectFlags: Field = (reader, walk) => {
  walk.flagsAt = reader.position
  walk.flags = reader.u8('connect flags')
  checkConnectFlags(walk.flags, walk.version)
}

const acknowledgeFlags: Field = (reader) => {
  const flags = reader.u8('acknowledge flags')
  if (flags > 1)
    throw malformed(`CONNACK reserved acknowledge flags must be 0, not 0x${flags.toString(16)} [MQTT-3.2.2-1]`)
}

/** Before MQTT 5 the upper six bits are reserved and QoS 3 is malformed; in MQTT 5 the upper two are. */
const subscribeOptions: Field = (reader, { version }) => {
  const options = reader.u8('subscription options')
  const shown = `0b${options.toString(2).padStart(8, '0')}`
  const id = version === 5 ? '3.8.3-5' : '3.8.3-4'
  if ((options & (version === 5 ? 0xc0 : 0xfc)) !== 0) {
    throw malformed(`SUBSCRIBE reserved option bits must be 0, not ${shown} [MQTT-${id}]`)
  }
  if ((options & 0x03) === 0x03) {
    if (version < 5) throw malformed(`SUBSCRIBE QoS must not be 3 [MQTT-${id}]`)
    throw protocolError('SUBSCRIBE QoS must not be 3 [MQTT5 3.8.3.1]')
  }
  if ((options & 0x30) === 0x30) throw protocolError('SUBSCRIBE retain handling must not be 3 [MQTT5 3.8.3.1]')
}

const grantedCode: Field = (reader, { version }) => {
  checkGranted(reader.u8('return code'), version)
}

const ungrantedCode: Field = (reader) => {
  checkUngranted(reader.u8('reason code'))
}

const credentials: readonly Field[] = [when(0x80, text('username')), when(0x40, binary('password'))]

/** In MQTT 3.1 the remaining length has precedence over a flag: a string that is not there was not given [MQTT31 3.1]. */
const whenThere =
  (flag: number, field: Field): Field =>
  (reader, walk) => {
    if (reader.remaining === 0) walk.flags &= ~flag
    else when(flag, field)(reader, walk)
  }

const credentials3: readonly Field[] = [whenThere(0x80, text('username')), whenThere(0x40, binary('password'))]
const will: readonly Field[] = [text('will topic'), binary('will payload')]
const connectBefore5: readonly Field[] = [connectFlags, number16('keepalive'), text('clientId'), when(0x04, ...will)]
const connect5: readonly Field[] = [
  connectFlags,
  number16('keepalive'),
  properties('connect'),
  text('clientId'),
  when(0x04, properties('will'), ...will),
  ...credentials,
]
const connack: readonly Field[] = [acknowledgeFlags, number8('returnCode')]
const messageId = number16('messageId')

function request(rule3: string, rule5: string, scope: PropertyScope, ...fields: readonly Field[]): Shapes {
  const old = [messageId, entries(rule3, ...fields)]
  return { 3: old, 4: old, 5: [messageId, properties(scope), entries(rule5, ...fields)] }
}

/** The fields of each packet in each version, in their order on the wire; CONNECT's follow its name and level. */
const shapes: Readonly<Record<WalkedType, Shapes>> = {
  connect: { 3: [...connectBefore5, ...credentials3], 4: [...connectBefore5, ...credentials], 5: connect5 },
  connack: { 3: connack, 4: connack, 5: [acknowledgeFlags, number8('reasonCode'), properties('connack')] },
  subscribe: request('MQTT-3.8.3-3', 'MQTT-3.8.3-2', 'subscribe', text('topic filter'), subscribeOptions),
  suback: request('MQTT311 3.9.3', 'MQTT5 3.9.3', 'suback', grantedCode),
  unsubscribe: request('MQTT-3.10.3-2', 'MQTT-3.10.3-2', 'unsubscribe', text('topic filter')),
  unsuback: {
    3: [messageId],
    4: [messageId],
    5: [messageId, properties('unsuback'), entries('MQTT5 3.11.3', ungrantedCode)],
  },
}

/**
 * Walks the body of one frame, from where `reader` stands to its end, and refuses what is not the packet's shape: fields
 * cut short, ill-formed UTF-8, flags and options that are reserved, properties out of place, bytes left over. The header's
 * flags were checked before. The cost is linear in bytes.
 *
 * @throws MqttError `'malformed-packet'`, `'protocol-error'` or `'unsupported-version'`
 */
export function walkFrame(reader: ByteReader, type: WalkedType, version: ProtocolVersion): Walk {
  const walk: Walk = { version, flags: 0, flagsAt: 0, blocks: [] }
  if (type === 'connect') protocol(reader, walk)
  for (const field of shapes[type][walk.version]) field(reader, walk)
  reader.done()
  return walk
}
