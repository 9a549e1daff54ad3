import { isSequence } from '../session/check-changes.js'
import type { SessionChange } from '../session/session-store.js'
import { damaged, type SessionKeys } from './keys.js'
import { type Head, headOf, readHead, writeHead, writeMessage } from './record.js'

/** One step of a batch of the database. */
export type Operation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array }

const nothing = new Uint8Array(0)

/** The entries whose heads say whether changes fit, and what `sent` leaves as it is. */
export function sequencesToRead(changes: readonly SessionChange[]): number[] {
  const sequences = new Set<number>()
  for (const change of changes) {
    if (change.kind === 'added') sequences.add(change.entry.sequence)
    else if (change.kind === 'sent') sequences.add(change.sequence)
  }
  return [...sequences].filter(isSequence)
}

/** @throws MqttError `'store'` for one that is damaged */
export function headsOf(
  id: string,
  keys: SessionKeys,
  sequences: readonly number[],
  values: readonly (Uint8Array | undefined)[],
): Map<number, Head> {
  const heads = new Map<number, Head>()
  sequences.forEach((sequence, i) => {
    const value = values[i]
    if (value === undefined) return
    const head = readHead(value)
    if (head === undefined) throw damaged(id, keys.entry(sequence, 'head'), 'it is no head of an entry')
    heads.set(sequence, head)
  })
  return heads
}

/**
 * What changes, which fit, do to the database.
 *
 * @param heads - of the entries before the changes
 * @throws MqttError `'store'` for a message that no packet can carry
 */
export function operationsOf(
  keys: SessionKeys,
  changes: readonly SessionChange[],
  heads: Map<number, Head>,
): Operation[] {
  const operations: Operation[] = []
  const put = (key: Uint8Array, value: Uint8Array): unknown => operations.push({ type: 'put', key, value })
  const del = (key: Uint8Array): unknown => operations.push({ type: 'del', key })
  const putHead = (sequence: number, head: Head): void => {
    heads.set(sequence, head)
    put(keys.entry(sequence, 'head'), writeHead(head))
  }
  for (const change of changes) {
    switch (change.kind) {
      case 'added': {
        const { entry } = change
        putHead(entry.sequence, headOf(entry))
        if (entry.kind === 'message') put(keys.entry(entry.sequence, 'frame'), writeMessage(entry.message))
        break
      }
      case 'sent': {
        const { sequence, messageId } = change
        putHead(sequence, { ...heads.get(sequence)!, messageId })
        break
      }
      case 'removed':
        del(keys.entry(change.sequence, 'head'))
        del(keys.entry(change.sequence, 'frame'))
        break
      case 'received':
        put(keys.received(change.messageId), nothing)
        break
      case 'released':
        del(keys.received(change.messageId))
        break
    }
  }
  return operations
}
