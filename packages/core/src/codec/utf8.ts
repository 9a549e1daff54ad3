import { malformed } from './violation.js'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

const memoLimit = 64
const memoSize = 1024
const memo: (string | undefined)[] = new Array<string | undefined>(memoSize).fill(undefined)
/** The bytes of each string in the memo, `memoLimit` a slot. */
const memoBytes = new Uint8Array(memoSize * memoLimit)

/**
 * Reads `bytes[start, end)` as UTF-8. Short ASCII strings, which topics mostly are and which mostly come again, are looked
 * up in a small memo instead of being made anew.
 *
 * @throws MqttError `'malformed-packet'` for ill-formed UTF-8 [MQTT-1.5.4-1] and U+0000 [MQTT-1.5.4-2]
 */
export function readUtf8(bytes: Uint8Array, start: number, end: number, packet: string, field: string): string {
  const length = end - start
  if (length > memoLimit) return readLong(bytes, start, end, packet, field)
  let hash = length
  for (let i = start; i < end; i++) hash = ((hash << 5) | (hash >>> 27)) ^ bytes[i]!
  const slot = Math.imul(hash, 0x9e3779b1) >>> 22
  const known = memo[slot]
  if (known !== undefined && known.length === length && isAt(slot * memoLimit, bytes, start, end)) return known
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!
    if (byte > 0x7f || byte === 0) return readLong(bytes, start, end, packet, field)
  }
  const part = bytes.subarray(start, end)
  memoBytes.set(part, slot * memoLimit)
  return (memo[slot] = String.fromCharCode.apply(null, part as unknown as number[]))
}

/** Whether the memo has `bytes[start, end)` at `from`. */
function isAt(from: number, bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start, at = from; i < end; i++, at++) if (memoBytes[at] !== bytes[i]) return false
  return true
}

function readLong(bytes: Uint8Array, start: number, end: number, packet: string, field: string): string {
  const part = bytes.subarray(start, end)
  if (part.includes(0)) throw malformed(`${packet} ${field} must not contain U+0000 [MQTT-1.5.4-2] [MQTT-1.5.3-2]`)
  try {
    return decoder.decode(part)
  } catch {
    throw malformed(`${packet} ${field} must be well-formed UTF-8 [MQTT-1.5.4-1] [MQTT-1.5.3-1]`)
  }
}

/**
 * How many bytes `text` takes as UTF-8, or -1 where it has a lone surrogate, which UTF-8 cannot express [MQTT-1.5.4-1].
 */
export function utf8Length(text: string): number {
  let length = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    if (unit < 0x800) length += 1
    else if (unit < 0xd800 || unit > 0xdfff) length += 2
    else {
      const next = text.charCodeAt(i + 1)
      if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return -1
      length += 2
      i++
    }
  }
  return length
}

/** Writes `text` as UTF-8 at `start`; `length` is its {@link utf8Length}, for which there must be room. */
export function writeUtf8(bytes: Uint8Array, start: number, text: string, length: number): void {
  if (length === text.length && length <= memoLimit) {
    for (let i = 0; i < length; i++) bytes[start + i] = text.charCodeAt(i)
  } else {
    encoder.encodeInto(text, bytes.subarray(start, start + length))
  }
}

/** `text` as UTF-8 bytes; the caller knows it to be well-formed. */
export function toUtf8(text: string): Uint8Array {
  return encoder.encode(text)
}
