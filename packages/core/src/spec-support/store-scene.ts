import type { Connection } from '../connection/connection.js'
import type { MqttError } from '../errors.js'
import type { Message } from '../session/message.js'
import type { SessionOptions } from '../session/options.js'
import { Session } from '../session/session.js'
import type { SessionChange, SessionState, SessionStore } from '../session/session-store.js'
import { FakeTransport } from '../testing/fake-transport.js'
import { type JoinOptions, joined, type Link } from './session-scene.js'

/** What a store fails with. */
export const broken = new Error('the disk is full')

/** Waits for what goes on by itself. */
export const turns = async (count = 10): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** A store that does what the test says, and the log of everything that was done, packets sent among it. */
export class StoreScene {
  readonly log: string[] = []
  readonly session: Session
  /** What `load` gives. */
  state: SessionState | Promise<SessionState> = { outgoing: [], received: [] }
  /** What becomes of writes: done at once, each when it is told, or failing. */
  mode: 'sync' | 'held' | 'throws' | 'rejects' = 'sync'
  readonly #held: (() => void)[] = []
  readonly #connections: Connection[] = []

  constructor(options: SessionOptions = {}) {
    const store: SessionStore = {
      load: async (id) => {
        this.log.push(`load ${id}`)
        return this.state
      },
      write: (_id, changes) => {
        this.log.push(`write ${changes.map(shown).join(', ')}`)
        if (this.mode === 'throws') throw broken
        if (this.mode === 'rejects') return Promise.reject(broken)
        if (this.mode === 'held') return new Promise((resolve) => this.#held.push(resolve))
        return undefined
      },
      clear: async (id) => void this.log.push(`clear ${id}`),
    }
    this.session = new Session({ ...options, store })
  }

  /** Joins a connection, whose packets are in the log from then on. */
  async join(given: JoinOptions = {}, before?: (link: Link) => unknown): Promise<Link> {
    const transport = new FakeTransport(undefined, given.version ?? 5)
    const link = joined(this.session, transport, given)
    this.#connections.push(link.connection)
    transport.sentPackets$.subscribe({
      next: (packet) => {
        if (packet.cmd === 'connect' || packet.cmd === 'connack') return
        const {
          messageId = '',
          reasonCode = 0,
          dup = false,
        } = packet as { messageId?: number; reasonCode?: number; dup?: boolean }
        this.log.push(
          `${packet.cmd} ${messageId}${dup ? ' dup' : ''}${reasonCode > 0 ? ` 0x${reasonCode.toString(16)}` : ''}`,
        )
      },
      complete: () => this.log.push('end'),
      error: () => this.log.push('destroyed'),
    })
    link.end$.subscribe({
      complete: () => this.log.push('attach completed'),
      error: (error: unknown) => this.log.push(`attach: ${(error as MqttError).code}`),
    })
    before?.(link)
    await turns()
    return link
  }

  /** Publishes; its end is in the log. */
  publish(message: Message): void {
    this.session.publish(message).subscribe({
      complete: () => this.log.push(`done ${message.topic}`),
      error: (error: unknown) => this.log.push(`${message.topic}: ${(error as MqttError).code}`),
    })
  }

  /** The oldest write that is held is done. */
  async wrote(): Promise<void> {
    this.#held.shift()!()
    await turns()
  }

  /** Destroys its connections. */
  end(): void {
    for (const connection of this.#connections.splice(0)) connection.destroy()
  }

  /** The log since it was asked for last. */
  taken(): string[] {
    return this.log.splice(0)
  }
}

function shown(change: SessionChange): string {
  switch (change.kind) {
    case 'added':
      return `+${change.entry.sequence}${change.entry.kind === 'message' ? ` ${change.entry.message.topic}` : ''}${
        change.entry.messageId === undefined ? '' : ` #${change.entry.messageId}`
      }`
    case 'sent':
      return `sent ${change.sequence} #${change.messageId}`
    case 'removed':
      return `-${change.sequence}`
    default:
      return `${change.kind} #${change.messageId}`
  }
}
