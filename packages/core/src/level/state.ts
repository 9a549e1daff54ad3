import type { SessionState, StoredEntry } from '../session/session-store.js'
import { damaged, type SessionKeys } from './keys.js'
import { type Head, readHead, readMessage } from './record.js'

type Row = readonly [key: Uint8Array, value: Uint8Array]

/**
 * The state that the rows of a session, in the order of their keys, stand for.
 *
 * @throws MqttError `'store'` that names the key of a row which can't be read, or which has no business there
 */
export function stateOf(id: string, keys: SessionKeys, rows: readonly Row[]): SessionState {
  const outgoing: StoredEntry[] = []
  const received: number[] = []
  /** A message whose frame has to come next. */
  let open: { readonly key: Uint8Array; readonly sequence: number; readonly head: MessageHead } | undefined
  for (const [key, value] of rows) {
    const place = keys.place(key)
    if (open !== undefined && (place?.kind !== 'frame' || place.sequence !== open.sequence)) break
    switch (place?.kind) {
      case 'head': {
        const { sequence } = place
        const head = readHead(value)
        if (head === undefined) throw damaged(id, key, 'it is no head of an entry')
        if (head.kind === 'release') outgoing.push({ ...head, sequence })
        else open = { key, sequence, head }
        break
      }
      case 'frame':
        if (open === undefined) throw damaged(id, key, 'a message without its head')
        outgoing.push(messageOf(id, key, open.sequence, open.head, value))
        open = undefined
        break
      case 'received':
        received.push(place.messageId)
        break
      case undefined:
        throw damaged(id, key, 'it is no key of a session')
    }
  }
  if (open !== undefined) throw damaged(id, open.key, 'its message is missing')
  return { outgoing, received }
}

type MessageHead = Extract<Head, { readonly kind: 'message' }>

function messageOf(id: string, key: Uint8Array, sequence: number, head: MessageHead, frame: Uint8Array): StoredEntry {
  try {
    return { ...head, sequence, message: readMessage(frame) }
  } catch (error) {
    throw damaged(id, key, 'it is no message', error)
  }
}
