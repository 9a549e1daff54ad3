import type { Packet } from '../packet/packet.js'
import type { SessionChange, SessionState, SessionStore, StoredEntry } from '../session/session-store.js'
import { checkChanges } from '../session/check-changes.js'

/** When a write is made: in the call, later, or later and not always. */
export type StoreKind = 'void' | 'later' | 'failing'

/** What a store is asked at each step. */
export interface StoreSteps {
  /** Called before (`stores`) and after (`stored`) each change of the data. */
  step(name: 'stores' | 'stored'): void
  /** Turns that the next write takes. */
  turns(): number
  /** Whether the next call fails. */
  fails(): boolean
  /** A QoS 2 message was noted as received. */
  received(messageId: number): void
}

/** What outlives a process: many stores may be opened over it, one after the other. */
export class StoreData {
  readonly outgoing = new Map<number, StoredEntry>()
  readonly received = new Set<number>()
  /** Payloads of all messages that were ever there. */
  readonly seen = new Set<string>()

  isEmpty(): boolean {
    return this.outgoing.size + this.received.size === 0
  }

  /** Whether a packet may leave: what it says is written. */
  covers(packet: Packet): boolean {
    const isKept = (kind: StoredEntry['kind'], id: number | undefined): boolean =>
      [...this.outgoing.values()].some((entry) => entry.kind === kind && entry.messageId === id)
    switch (packet.cmd) {
      case 'publish':
        return packet.qos === 0 || isKept('message', packet.messageId)
      case 'pubrel':
        return isKept('release', packet.messageId)
      case 'pubrec':
        return this.received.has(packet.messageId)
      case 'pubcomp':
        return !this.received.has(packet.messageId)
      default:
        return true
    }
  }
}

/** A store for one client identifier that can be looked into, whose every step can be the last. */
export class StepStore implements SessionStore {
  readonly violations: string[] = []
  /** Calls that are not done. */
  busy = 0
  isDead = false
  readonly #data: StoreData
  readonly #kind: StoreKind
  readonly #steps: StoreSteps

  constructor(data: StoreData, kind: StoreKind, steps: StoreSteps) {
    this.#data = data
    this.#kind = kind
    this.#steps = steps
  }

  load(): Promise<SessionState> {
    return this.#later(() => {
      const outgoing = [...this.#data.outgoing.values()].sort((a, b) => a.sequence - b.sequence)
      return { outgoing, received: [...this.#data.received] }
    })
  }

  write(_: string, changes: readonly SessionChange[]): void | Promise<void> {
    checkChanges(changes, (sequence) => this.#data.outgoing.get(sequence)?.kind)
    if (this.#kind !== 'void') return this.#later(() => this.#apply(changes))
    if (!this.isDead) this.#apply(changes)
  }

  clear(): Promise<void> {
    return this.#later(() => {
      this.#data.outgoing.clear()
      this.#data.received.clear()
    })
  }

  async #later<T>(run: () => T): Promise<T> {
    if (this.busy > 0) this.violations.push('a call of the store before the one before it was done')
    this.busy++
    try {
      const turns = this.#kind === 'void' ? 0 : this.#steps.turns()
      for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
      if (this.#kind === 'failing' && this.#steps.fails()) throw new Error('the disk is full')
      if (this.isDead) return await new Promise<never>(() => undefined)
      return run()
    } finally {
      this.busy--
    }
  }

  #apply(changes: readonly SessionChange[]): void {
    this.#steps.step('stores')
    if (this.isDead) return
    for (const change of changes) this.#make(change)
    this.#steps.step('stored')
  }

  #make(change: SessionChange): void {
    const { outgoing, received, seen } = this.#data
    switch (change.kind) {
      case 'added':
        outgoing.set(change.entry.sequence, change.entry)
        if (change.entry.kind === 'message') seen.add(new TextDecoder().decode(change.entry.message.payload))
        break
      case 'sent': {
        const entry = outgoing.get(change.sequence)!
        outgoing.set(change.sequence, { ...entry, messageId: change.messageId })
        break
      }
      case 'removed':
        outgoing.delete(change.sequence)
        break
      case 'received':
        received.add(change.messageId)
        this.#steps.received(change.messageId)
        break
      case 'released':
        received.delete(change.messageId)
        break
    }
  }
}
