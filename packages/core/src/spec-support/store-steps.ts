import type { SessionChange, SessionState, StoredEntry } from '../session/session-store.js'

/** How many steps an entry stays. */
const lifetime = 4

function entryOf(step: number): Extract<StoredEntry, { readonly kind: 'message' }> {
  const payload = new Uint8Array(step % 5 === 0 ? 50_000 : 10).fill(step)
  const message = { topic: `t/${step}`, payload, qos: 2, retain: false } as const
  return { kind: 'message', sequence: step, message, expiresAt: undefined, messageId: undefined }
}

/** The changes of one step, one write: an entry comes and is sent, one goes, and so do packet identifiers. */
export function writtenIn(step: number): SessionChange[] {
  const gone = step - lifetime
  const coming: SessionChange[] = [
    { kind: 'added', entry: entryOf(step) },
    { kind: 'sent', sequence: step, messageId: step + 1 },
    { kind: 'received', messageId: step + 1 },
  ]
  if (gone < 0) return coming
  return [...coming, { kind: 'removed', sequence: gone }, { kind: 'released', messageId: gone + 1 }]
}

/** The state after a step. */
export function stateAfter(step: number): SessionState {
  const first = Math.max(0, step - lifetime + 1)
  const steps = Array.from({ length: step - first + 1 }, (_, i) => first + i)
  return {
    outgoing: steps.map((each) => ({ ...entryOf(each), messageId: each + 1 })),
    received: steps.map((each) => each + 1),
  }
}
