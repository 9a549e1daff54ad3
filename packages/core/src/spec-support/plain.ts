import { toHex } from '../testing/wire.js'

/**
 * A packet, or anything, as plain values that are quick to compare and readable in a diff: bytes as hex, and what is long
 * as its beginning, length and checksum. Members that are undefined stay, so that they can be told from missing ones.
 */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    return value.length <= 256 ? toHex(value) : `${toHex(value.subarray(0, 32))}… ${value.length}, ${checksum(value)}`
  }
  if (typeof value === 'string') return value.length <= 256 ? value : `${value.slice(0, 32)}… ${value.length}`
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null || 'asymmetricMatch' in value) return value
  const entries = Object.entries(value).map(([name, member]) => [plain(name), plain(member)])
  return Object.fromEntries(entries)
}

function checksum(bytes: Uint8Array): number {
  let sum = 7
  for (let i = 0; i < bytes.length; i++) sum = (sum * 31 + bytes[i]!) % 1_000_003
  return sum
}
