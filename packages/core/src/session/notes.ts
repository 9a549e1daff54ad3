import type { Entry } from './entry.js'
import type { Journal } from './journal.js'
import { keptMessage } from './message.js'

/** Notes a message that has to be delivered; with QoS 0 it is not kept. */
export function noteAdded(journal: Journal, entry: Entry): void {
  if (entry.qos === 0 || !journal.isStoring) return
  const { sequence, expiresAt, messageId } = entry
  const message = keptMessage(entry.message!)
  entry.isStored = true
  journal.note({
    kind: 'added',
    entry: { kind: 'message', sequence, message, expiresAt, messageId: messageId === 0 ? undefined : messageId },
  })
}

/** Notes that a message has its packet identifier. */
export function noteSent(journal: Journal, entry: Entry): void {
  const { sequence, messageId } = entry
  if (entry.isStored) journal.note({ kind: 'sent', sequence, messageId })
  else noteAdded(journal, entry)
}

/** Notes that PUBREC came: PUBREL takes the place of the message, after what was released before. */
export function noteReleasing(journal: Journal, entry: Entry, sequence: number): void {
  noteRemoved(journal, entry)
  entry.sequence = sequence
  entry.isStored = true
  journal.note({ kind: 'added', entry: { kind: 'release', sequence, messageId: entry.messageId } })
}

/** Notes that an entry is over. */
export function noteRemoved(journal: Journal, entry: Entry): void {
  if (entry.isStored) journal.note({ kind: 'removed', sequence: entry.sequence })
  entry.isStored = false
}
