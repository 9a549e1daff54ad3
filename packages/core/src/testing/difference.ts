import type { PacketType } from '../packet/packet.js'
import { canonical, isObject, isPacket, type Members, primitiveOf } from './canonical.js'
import { show } from './describe.js'

/**
 * How a value differs from what is expected, in words that name the first member that does, such as `messageId: 8, not 7`;
 * undefined where it doesn't.
 *
 * - A packet is compared by what it says: a packet as a writer takes it equals the same packet parsed. What the expected
 *   one leaves out must be the default; its version and length are compared only where it has them.
 * - An MqttError is compared by `code`, `reasonCode` and `returnCode`, with an MqttError or with an object of those; another
 *   error by its name, its message and its code.
 * - Bytes are compared as bytes, everything else member by member; one that is undefined is one that is missing. Matchers of
 *   a test runner (those with `asymmetricMatch`) are asked.
 *
 * @example
 * ```ts
 * difference(parsed, packets.publish({ topic: 'a' })) // 'topic: "b", not "a"'
 * ```
 */
export function difference(actual: unknown, expected: unknown): string | undefined {
  return compare(actual, expected, '', [])
}

type Path = readonly (readonly [actual: object, expected: object])[]

function compare(actual: unknown, expected: unknown, at: string, path: Path): string | undefined {
  if (Object.is(actual, expected)) return undefined
  const differs = `${at === '' ? '' : `${at}: `}${show(actual)}, not ${show(expected)}`
  if (!isObject(expected)) return differs
  if (typeof expected['asymmetricMatch'] === 'function') {
    return (expected as { asymmetricMatch(value: unknown): boolean }).asymmetricMatch(actual) ? undefined : differs
  }
  if (!isObject(actual)) return differs
  if (path.some(([left, right]) => left === actual && right === expected)) return undefined
  const inside: Path = [...path, [actual, expected]]
  if (actual instanceof Error) return compareErrors(actual, expected, at, inside, differs)
  if (actual instanceof Uint8Array || expected instanceof Uint8Array) {
    return sameBytes(actual, expected) ? undefined : differs
  }
  if (!Object.is(primitiveOf(actual), primitiveOf(expected))) return differs
  if (expected instanceof Error || kindOf(actual) !== kindOf(expected)) return differs
  if (actual instanceof Map || actual instanceof Set) {
    return compare([...(actual as Iterable<unknown>)], [...(expected as unknown as Iterable<unknown>)], at, inside)
  }
  if (isPacket(actual) && isPacket(expected)) {
    if (actual.cmd !== expected.cmd) return differs
    return compareMembers(withTravel(actual, expected), withTravel(expected, expected), at, inside)
  }
  return compareMembers(actual, expected, at, inside)
}

/** What a packet says, and of how it travels what the expected one tells. */
function withTravel(packet: Members & { readonly cmd: PacketType }, expected: Members): Members {
  const travel = ['length', 'protocolId', 'protocolVersion'].filter((name) => expected[name] !== undefined)
  return { ...canonical(packet), ...Object.fromEntries(travel.map((name) => [name, packet[name]])) }
}

function compareMembers(actual: Members, expected: Members, at: string, path: Path): string | undefined {
  if (Array.isArray(actual) && Array.isArray(expected) && actual.length !== expected.length) {
    return `${at === '' ? '' : `${at}: `}${actual.length} entries, not ${expected.length}`
  }
  for (const name of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
    const found = compare(actual[name], expected[name], at === '' ? name : `${at}.${name}`, path)
    if (found !== undefined) return found
  }
  return undefined
}

function compareErrors(
  actual: Error,
  expected: Members | Error,
  at: string,
  path: Path,
  differs: string,
): string | undefined {
  const codes = ({ code, reasonCode, returnCode }: Members): Members => ({ code, reasonCode, returnCode })
  const left = codes(actual as unknown as Members)
  const right = codes(expected as Members)
  if (!(expected instanceof Error) && right['code'] === undefined) return differs
  const found = compareMembers(left, right, at, path)
  if (found !== undefined || !(expected instanceof Error) || actual.name === 'MqttError') return found
  return compareMembers(
    { name: actual.name, message: actual.message },
    { name: expected.name, message: expected.message },
    at,
    path,
  )
}

function kindOf(value: object): string {
  if (Array.isArray(value)) return 'array'
  return value instanceof Map ? 'map' : value instanceof Set ? 'set' : 'object'
}

function sameBytes(actual: unknown, expected: unknown): boolean {
  if (!(actual instanceof Uint8Array) || !(expected instanceof Uint8Array)) return false
  return actual.length === expected.length && actual.every((byte, index) => byte === expected[index])
}
