import { shown } from '../codec/violation.js'
import type { MqttError } from '../errors.js'
import type { SessionChange, StoredEntry } from './session-store.js'
import { storeFailure } from './store-failure.js'

/**
 * Checks that changes fit the entries that there are, before any of them is made.
 *
 * @param kindOf - what the entry of a sequence is before the changes; undefined where there is none
 * @throws MqttError `'store'`
 */
export function checkChanges(
  changes: readonly SessionChange[],
  kindOf: (sequence: number) => StoredEntry['kind'] | undefined,
): void {
  const later = new Map<number, StoredEntry['kind'] | undefined>()
  const kindNow = (sequence: number): StoredEntry['kind'] | undefined =>
    later.has(sequence) ? later.get(sequence) : kindOf(sequence)
  for (const change of changes) {
    switch (change.kind) {
      case 'added': {
        const { kind, sequence, messageId } = change.entry
        checkSequence(sequence)
        if (messageId !== undefined) checkIdentifier(messageId)
        if (kindNow(sequence) !== undefined) throw unfit(`added: there is an entry of sequence ${sequence} already`)
        later.set(sequence, kind)
        break
      }
      case 'sent':
        checkIdentifier(change.messageId)
        if (kindNow(change.sequence) !== 'message') throw unfit(`sent: no message has sequence ${change.sequence}`)
        break
      case 'removed':
        checkSequence(change.sequence)
        later.set(change.sequence, undefined)
        break
      case 'received':
      case 'released':
        checkIdentifier(change.messageId)
        break
    }
  }
}

/** Whether an entry can have this sequence. */
export function isSequence(sequence: number): boolean {
  return Number.isSafeInteger(sequence) && sequence >= 0
}

function checkSequence(sequence: number): void {
  if (isSequence(sequence)) return
  throw unfit(`sequence must be an integer from 0 on, not ${shown(sequence)}`)
}

function checkIdentifier(messageId: number): void {
  if (Number.isInteger(messageId) && messageId >= 1 && messageId <= 65_535) return
  throw unfit(`messageId must be an integer from 1 to 65535, not ${shown(messageId)}`)
}

function unfit(message: string): MqttError {
  return storeFailure(`a change does not fit the session's state: ${message}`)
}
