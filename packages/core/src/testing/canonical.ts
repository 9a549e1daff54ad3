import type { PacketType } from '../packet/packet.js'
import { packetTypes } from '../packet/packet-types.js'
import { utf8 } from './wire.js'

/** Anything with members. */
export type Members = Readonly<Record<string, unknown>>

const code = { reasonCode: 0 }
const defaults: Readonly<Record<PacketType, Members>> = {
  connect: { clean: true, clientId: '', keepalive: 0 },
  connack: { sessionPresent: false, returnCode: 0, reasonCode: 0 },
  publish: { qos: 0, retain: false, dup: false },
  puback: code,
  pubrec: code,
  pubrel: { ...code, dup: false },
  pubcomp: code,
  subscribe: { dup: false },
  suback: {},
  unsubscribe: { dup: false },
  unsuback: {},
  pingreq: {},
  pingresp: {},
  disconnect: code,
  auth: code,
}
const ofSubscription = { nl: false, rap: false, rh: 0 }
const ofWill = { qos: 0, retain: false }
const types: ReadonlySet<unknown> = new Set(packetTypes.slice(1))

/** A value whose `cmd` is one of the fifteen. */
export function isPacket(value: unknown): value is Members & { readonly cmd: PacketType } {
  return isObject(value) && types.has(value['cmd'])
}

export function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null
}

/** What an object like a Date stands for; undefined for others. */
export function primitiveOf(value: Members): unknown {
  const primitive: unknown = typeof value.valueOf === 'function' ? value.valueOf() : value
  return isObject(primitive) ? undefined : primitive
}

/**
 * A packet, parsed or as a writer takes it, with what it says and nothing else: bytes where text was given, and without
 * what is the default. Its version and length aren't part of what it says, but of how it travels.
 */
export function canonical(packet: Members & { readonly cmd: PacketType }): Members {
  const { length: _length, protocolId: _id, protocolVersion: _version, ...fields } = packet
  const given = without(fields, defaults[packet.cmd])
  const { payload, password, will, subscriptions, granted } = given
  return {
    ...given,
    ...('payload' in given && { payload: toBytes(payload) }),
    ...('password' in given && { password: toBytes(password) }),
    ...(isObject(will) && { will: withBytes(without(will, ofWill)) }),
    ...(Array.isArray(subscriptions) && {
      subscriptions: subscriptions.map((each: unknown) => (isObject(each) ? without(each, ofSubscription) : each)),
    }),
    // MQTT 5 has a code for each entry, MQTT 3.x has none.
    ...(packet.cmd === 'unsuback' && isSuccess(granted) && { granted: undefined }),
  }
}

function isSuccess(granted: unknown): boolean {
  return Array.isArray(granted) && granted.length === 1 && granted[0] === 0
}

function toBytes(value: unknown): unknown {
  return typeof value === 'string' ? utf8(value) : value
}

function withBytes(will: Members): Members {
  return 'payload' in will ? { ...will, payload: toBytes(will['payload']) } : will
}

/** Members that say something: neither undefined, nor the default, nor an empty payload or property block. */
function without(fields: Members, fallback: Members): Members {
  return Object.fromEntries(
    Object.entries(fields).filter(([name, value]) => {
      if (value === undefined || value === fallback[name]) return false
      if (name === 'payload') return (value as { length?: unknown }).length !== 0
      return name !== 'properties' || Object.values(value as object).some((each) => each !== undefined)
    }),
  )
}
