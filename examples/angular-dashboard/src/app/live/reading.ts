import type { PublishPacket } from '@rxmqtt/core'

/** What a message says. */
export interface Reading {
  readonly topic: string
  readonly text: string
  /** The number it is, or has as `value` in a JSON object; otherwise undefined. */
  readonly value: number | undefined
}

const utf8 = new TextDecoder()
/** More than this of a payload is nothing to show. */
const maximumBytes = 512

export function readingOf({ topic, payload }: Pick<PublishPacket, 'topic' | 'payload'>): Reading {
  const text = utf8.decode(payload.subarray(0, maximumBytes))
  return { topic, text, value: payload.length > maximumBytes ? undefined : numberIn(text) }
}

function numberIn(text: string): number | undefined {
  if (text.trim() === '') return undefined
  const number = Number(text)
  if (Number.isFinite(number)) return number
  if (!text.startsWith('{')) return undefined
  try {
    const { value } = JSON.parse(text) as { value?: unknown }
    return typeof value === 'number' ? value : undefined
  } catch {
    return undefined
  }
}
