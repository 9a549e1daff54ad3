import { copyUserProperties } from '../codec/user-properties.js'
import type { PublishProperties } from '../packet/properties.js'
import { checkChanges } from './check-changes.js'
import type { SessionChange, SessionState, SessionStore, StoredEntry } from './session-store.js'

interface MemoryState {
  readonly outgoing: Map<number, StoredEntry>
  readonly received: Set<number>
}

/**
 * A store that lasts as long as the process: for tests, and for sessions that outlive their Session object. Its `write`
 * returns nothing, so that packets leave in the same turn.
 *
 * @example
 * ```ts
 * const store = memorySessionStore()
 * const session = new Session({ store })
 * ```
 */
export function memorySessionStore(): SessionStore {
  const states = new Map<string, MemoryState>()
  return {
    async load(id: string): Promise<SessionState> {
      const state = states.get(id)
      if (state === undefined) return { outgoing: [], received: [] }
      const outgoing = [...state.outgoing.values()].sort((a, b) => a.sequence - b.sequence)
      return { outgoing: outgoing.map(copyOf), received: [...state.received] }
    },
    write(id: string, changes: readonly SessionChange[]): void {
      const state = states.get(id) ?? { outgoing: new Map<number, StoredEntry>(), received: new Set<number>() }
      checkChanges(changes, (sequence) => state.outgoing.get(sequence)?.kind)
      for (const change of changes) apply(state, change)
      if (state.outgoing.size + state.received.size > 0) states.set(id, state)
      else states.delete(id)
    },
    async clear(id: string): Promise<void> {
      states.delete(id)
    },
  }
}

function apply({ outgoing, received }: MemoryState, change: SessionChange): void {
  switch (change.kind) {
    case 'added':
      outgoing.set(change.entry.sequence, copyOf(change.entry))
      break
    case 'sent': {
      const { sequence, messageId } = change
      outgoing.set(sequence, { ...outgoing.get(sequence)!, messageId })
      break
    }
    case 'removed':
      outgoing.delete(change.sequence)
      break
    case 'received':
      received.add(change.messageId)
      break
    case 'released':
      received.delete(change.messageId)
      break
  }
}

function copyOf(entry: StoredEntry): StoredEntry {
  if (entry.kind === 'release') return { ...entry }
  const { topic, payload, qos, retain, properties } = entry.message
  const message = { topic, payload: new Uint8Array(payload), qos, retain, properties: propertiesOf(properties) }
  return { ...entry, message }
}

function propertiesOf(properties: PublishProperties | undefined): PublishProperties | undefined {
  if (properties === undefined) return undefined
  const { correlationData, subscriptionIdentifier, userProperties } = properties
  const copy: { -readonly [K in keyof PublishProperties]: PublishProperties[K] } = { ...properties }
  if (correlationData !== undefined) copy.correlationData = new Uint8Array(correlationData)
  if (typeof subscriptionIdentifier === 'object') copy.subscriptionIdentifier = [...subscriptionIdentifier]
  if (userProperties !== undefined) copy.userProperties = copyUserProperties(userProperties)
  return copy
}
