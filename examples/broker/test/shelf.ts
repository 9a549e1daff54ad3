import { memorySessionStore, type SessionStore } from '@rxmqtt/core'
import type { BrokerStore, ClientRecord, RetainedMessage } from '../src/index.js'

/** A store in memory that outlives brokers, and fails or hangs where it is told to. Each call takes a turn. */
export class Shelf {
  readonly clients = new Map<string, ClientRecord>()
  readonly retained = new Map<string, RetainedMessage>()
  readonly sessions: SessionStore = memorySessionStore()
  /** Calls by name that fail, so many times. */
  readonly failing = new Map<string, number>()
  readonly calls: string[] = []
  closed = 0

  fail(call: string, times = 1): void {
    this.failing.set(call, times)
  }

  /** A broker's view of it. */
  open(): BrokerStore {
    const { sessions } = this
    return {
      sessions: {
        load: (id) => this.#do('load', () => sessions.load(id)),
        write: (id, changes) => this.#do('write', () => sessions.write(id, changes)),
        clear: (id) => this.#do('clear', () => sessions.clear(id)),
      },
      clients: () => each(this.clients),
      retained: () => each(this.retained),
      putClient: (record) => this.#do('putClient', () => void this.clients.set(record.clientId, record)),
      removeClient: (id) =>
        this.#do('removeClient', () => {
          this.clients.delete(id)
          return sessions.clear(id)
        }),
      putRetained: (message) => this.#do('putRetained', () => void this.retained.set(message.topic, message)),
      removeRetained: (topic) => this.#do('removeRetained', () => void this.retained.delete(topic)),
      close: async () => {
        this.closed++
      },
    }
  }

  async #do<T>(call: string, run: () => T | Promise<T>): Promise<T> {
    this.calls.push(call)
    const times = this.failing.get(call) ?? 0
    await Promise.resolve()
    if (times === 0) return run()
    this.failing.set(call, times - 1)
    throw new Error(`${call} failed`)
  }
}

async function* each<T>(values: Map<string, T>): AsyncGenerator<T, void, undefined> {
  yield* [...values.values()]
}
