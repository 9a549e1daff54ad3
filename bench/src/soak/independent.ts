import { isDeepStrictEqual } from 'node:util'
import type { Packet, ProtocolVersion } from '@rxmqtt/core'
import { parser } from 'mqtt-packet'

/** What mqtt-packet is known to refuse or to lose in frames that are legal, and no others. */
const exceptions: Readonly<Record<string, (packet: Packet, version: ProtocolVersion) => boolean>> = {
  'AUTH with nothing in it': ({ cmd, length }) => cmd === 'auth' && length === 0,
  'DUP in MQTT 3.1': (packet, version) => version === 3 && packet.cmd !== 'publish' && 'dup' in packet && packet.dup,
  'a user property of several values, the first one empty': (packet) =>
    [packet, 'will' in packet ? packet.will : undefined].some((block) =>
      Object.values(userProperties(block)).some((value) => Array.isArray(value) && value[0] === ''),
    ),
}

/** An exception that applied, and what else differs from our packet; undefined where nothing does. */
export interface Comparison {
  readonly exception?: string | undefined
  readonly problem?: string | undefined
}

/** Cuts bytes into frames by their fixed headers alone; undefined where they are not whole frames. */
export function framesOf(bytes: Uint8Array): Uint8Array[] | undefined {
  const frames: Uint8Array[] = []
  for (let start = 0; start < bytes.length; ) {
    let length = 0
    let at = start + 1
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]
      if (byte === undefined || shift > 21) return undefined
      length += (byte & 127) << shift
      if (byte < 128) break
    }
    if (at + length > bytes.length) return undefined
    frames.push(bytes.subarray(start, at + length))
    start = at + length
  }
  return frames
}

/** Has mqtt-packet read one frame, and compares all its members with those of the packet that we read in it. */
export function compare(frame: Uint8Array, packet: Packet, version: ProtocolVersion): Comparison {
  const isKnown = Object.entries(exceptions).find(([, applies]) => applies(packet, version))
  if (isKnown !== undefined) return { exception: isKnown[0] }
  const name = `${packet.cmd} ${Buffer.from(frame.subarray(0, 60)).toString('hex')}`
  const seen: object[] = []
  const errors: Error[] = []
  const theirs = parser({ protocolVersion: version })
  theirs.on('packet', (their) => seen.push(their))
  theirs.on('error', (error: Error) => errors.push(error))
  const left = theirs.parse(Buffer.from(frame))
  if (errors.length > 0) return { problem: `mqtt-packet refuses ${name}: ${errors.join()}` }
  if (seen.length !== 1 || left !== 0) return { problem: `mqtt-packet reads ${seen.length} packets in ${name}` }
  const [their, our] = [plain(membersOf(seen[0] as Packet)), plain(membersOf(packet))]
  if (isDeepStrictEqual(their, our)) return {}
  return { problem: `mqtt-packet reads ${JSON.stringify(their)} in ${name}, we ${JSON.stringify(our)}` }
}

const ofPublish: readonly string[] = ['retain', 'qos', 'dup', 'topic', 'payload']

/** The members that are the packet's own: theirs has undefined ones, and those of PUBLISH on each. */
function membersOf(packet: Packet): Record<string, unknown> {
  const isPublish = packet.cmd === 'publish'
  const isOwn = ([name, value]: [string, unknown]): boolean =>
    value !== undefined && (isPublish || !ofPublish.includes(name))
  return Object.fromEntries(Object.entries(packet).filter(isOwn))
}

/** The same with bytes in words, and objects without their prototype. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('base64')}`
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.entries(value)
    .map(([name, member]): [string, unknown] => [name, plain(member)])
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

function userProperties(block: unknown): object {
  const { properties } = (block ?? {}) as { properties?: { userProperties?: object } }
  return properties?.userProperties ?? {}
}
