import { MqttError } from '../errors.js'
import type { PacketOf, ProtocolVersion } from '../packet/packet.js'
import { packetTypes } from '../packet/packet-types.js'
import { ByteWriter } from './byte-writer.js'
import { ByteReader } from './bytes.js'
import { type Walk, type WalkedType, walkFrame } from './grammar.js'
import { generateFrame, parseFrame } from './mqtt-packet.js'
import { writeProperties } from './properties.js'
import type { PropertyScope } from './property-table.js'
import { invalidPacket } from './violation.js'

/** The header flags of SUBSCRIBE and UNSUBSCRIBE. */
export const requestFlags = 0b0010
/** The DUP flag, which MQTT 3.1 allows on both. */
export const duplicate = 0b1000

/** A frame that was walked, then read by mqtt-packet. */
export interface Delegated<T extends WalkedType> {
  /** The fields as mqtt-packet names them, which is how we do; undefined where an optional one is missing. */
  readonly raw: PacketOf<T>
  readonly walk: Walk
  readonly length: number
}

/**
 * Walks the frame's body, then has it read by mqtt-packet.
 *
 * @throws MqttError `'malformed-packet'`, `'protocol-error'` or `'unsupported-version'`
 */
export function readDelegated<T extends WalkedType>(
  type: T,
  reader: ByteReader,
  version: ProtocolVersion,
): Delegated<T> {
  const start = reader.position
  const walk = walkFrame(reader, type, version)
  const frame = plainFrame(type, reader.bytes, start, reader.end, walk)
  try {
    return { raw: parseFrame(frame, walk.version) as PacketOf<T>, walk, length: reader.end - start }
  } catch (cause) {
    const message = `${reader.packet} could not be read: ${String(cause)}`
    throw new MqttError('malformed-packet', message, { reasonCode: 0x81, cause })
  }
}

/** The frame as mqtt-packet takes it: a copy without DUP and flags of missing fields, every property block empty. */
function plainFrame(type: WalkedType, bytes: Uint8Array, start: number, end: number, walk: Walk): Uint8Array {
  const { blocks } = walk
  const isRequest = type === 'subscribe' || type === 'unsubscribe'
  const length = blocks.reduce((sum, block) => sum - (block.end - block.start - 1), end - start)
  const writer = new ByteWriter(length + 5)
  writer.u8((packetTypes.indexOf(type) << 4) | (isRequest ? requestFlags : 0))
  writer.varint(length)
  const bodyAt = writer.position
  let from = start
  for (const block of blocks) {
    writer.raw(bytes.subarray(from, block.start))
    writer.u8(0)
    from = block.end
  }
  writer.raw(bytes.subarray(from, end))
  if (type === 'connect') writer.bytes[bodyAt + walk.flagsAt - start] = walk.flags
  return writer.bytes.subarray(0, writer.position)
}

/** The properties of a block as a member to spread; none where the block is empty or missing. */
export function propertiesOf({ blocks }: Walk, scope: PropertyScope): { properties?: Record<string, unknown> } {
  const values = blocks.find((block) => block.scope === scope)?.values
  return values === undefined ? {} : { properties: values }
}

/** A property block to put in, where the generated body has an empty one. */
export type Block = readonly [at: number, scope: PropertyScope, values: unknown]

/**
 * Has mqtt-packet generate a packet that has no properties.
 *
 * @returns the body, without its fixed header
 * @throws MqttError `'invalid-packet'` where mqtt-packet refuses it, or its bytes are not as many as its header says
 */
export function generateBody(packet: object, version: ProtocolVersion, name: string): Uint8Array {
  let frame: Uint8Array
  try {
    frame = generateFrame(packet, version)
  } catch (cause) {
    throw invalidPacket(`${name} could not be generated: ${String(cause)}`, cause)
  }
  const reader = new ByteReader().open(frame, 1, frame.length, name)
  const length = reader.varint('remaining length')
  if (length === reader.remaining) return reader.view(length)
  throw invalidPacket(`${name} was generated with ${reader.remaining} bytes where its header says ${length}`)
}

/** Writes a generated body, in MQTT 5 with its property blocks. */
export function writeBody(writer: ByteWriter, body: Uint8Array, version: ProtocolVersion, ...blocks: Block[]): void {
  let from = 0
  for (const [at, scope, values] of version === 5 ? blocks : []) {
    writer.raw(body.subarray(from, at))
    writeProperties(writer, values, scope)
    from = at + 1
  }
  writer.raw(body.subarray(from))
}
