/**
 * Bytes as a test writes them: hex digits, and text in quotes as its UTF-8 without a length. Spaces separate.
 *
 * @example
 * ```ts
 * wire('30 05 0001 "a" "hi"') // PUBLISH of 'hi' to the topic a
 * ```
 */
export function wire(notation: string): Uint8Array {
  const parts = notation.match(/"[^"]*"|[0-9a-fA-F]+/g) ?? []
  return join(...parts.map((part) => (part.startsWith('"') ? utf8(part.slice(1, -1)) : fromHex(part))))
}

export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0) throw new Error(`an odd number of hex digits: ${text}`)
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16))
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 255)
}

/** Text, or bytes, with a two-byte length. */
export function sized(value: string | Uint8Array): Uint8Array {
  const bytes = typeof value === 'string' ? utf8(value) : value
  return join(u16(bytes.length), bytes)
}

/** A variable byte integer. */
export function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  do {
    bytes.push((rest % 128) + (rest >= 128 ? 128 : 0))
    rest = Math.floor(rest / 128)
  } while (rest > 0)
  return Uint8Array.from(bytes)
}

/** A whole packet: its first byte, its length, its body. */
export function frame(first: number, ...body: readonly Uint8Array[]): Uint8Array {
  const whole = join(...body)
  return join(Uint8Array.of(first), varint(whole.length), whole)
}

/** A property block: its length, then the properties. */
export function block(...properties: readonly Uint8Array[]): Uint8Array {
  const whole = join(...properties)
  return join(varint(whole.length), whole)
}
