import { MqttError } from '@rxmqtt/core'
import { levelSessionStore } from '@rxmqtt/core/level'
import { ClassicLevel } from 'classic-level'
import type { BrokerStore, ClientRecord, RetainedMessage } from './store.js'
import {
  type Arrival,
  keyOf,
  type Kind,
  rangeOf,
  readClient,
  readRetained,
  storeFailure,
  writeClient,
  writeRetained,
} from './stored-records.js'
import { Turns } from './turns.js'

type Operation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array }

const asBytes = { keyEncoding: 'view', valueEncoding: 'view' } as const

/**
 * A store on the disk, in one database, which has one process at a time. What a call has resolved is there after SIGKILL and
 * after a power failure. All that fails does so with MqttError `'store'`, the database's error as `cause`; a record that can't
 * be read is named by its key.
 *
 * @param directory - made where there is none, and opened at once; each call tells why that failed
 * @throws MqttError `'invalid-option'` for an empty name
 */
export function levelBrokerStore(directory: string): BrokerStore {
  if (directory === '') throw new MqttError('invalid-option', 'the store must be a directory, not an empty name')
  const db = new ClassicLevel<Uint8Array, Uint8Array>(directory, asBytes)
  const sessions = levelSessionStore(db)
  const opened = db.open().then(clearForgotten)
  opened.catch(() => undefined)
  const commit = groupCommit(async (operations: Operation[]) => {
    await opened
    await db.batch(operations, { ...asBytes, sync: true })
  })
  const turns = new Turns()
  let order = 0

  /** The messages of those that were forgotten in the moment in which an earlier process ended. */
  async function clearForgotten(): Promise<void> {
    for await (const id of sessions.ids()) if (!(await db.has(keyOf('client', id), asBytes))) await sessions.clear(id)
  }

  async function* rows(kind: Kind): AsyncGenerator<[Uint8Array, Uint8Array], void, undefined> {
    try {
      await opened
      yield* db.iterator({ ...rangeOf(kind), ...asBytes })
    } catch (error) {
      throw failure(error)
    }
  }

  const write = async (operation: () => Operation): Promise<void> => {
    try {
      await commit(operation())
    } catch (error) {
      throw failure(error)
    }
  }

  return {
    sessions: {
      load: (id) => turns.beside(id, () => ready(opened, () => sessions.load(id))),
      write: (id, changes) => turns.beside(id, () => ready(opened, () => sessions.write(id, changes))),
      clear: (id) => turns.beside(id, () => ready(opened, () => sessions.clear(id))),
    },

    async *clients(): AsyncGenerator<ClientRecord, void, undefined> {
      for await (const [key, value] of rows('client')) yield readClient(key, value)
    },

    /** In the order in which they arrived. */
    async *retained(): AsyncGenerator<RetainedMessage, void, undefined> {
      const arrivals: Arrival[] = []
      for await (const [key, value] of rows('retained')) arrivals.push(readRetained(key, value))
      for (const { message } of arrivals.sort((a, b) => a.order - b.order)) yield message
    },

    putClient(record: ClientRecord): Promise<void> {
      const { clientId } = record
      return turns.beside(clientId, () =>
        write(() => ({ type: 'put', key: keyOf('client', clientId), value: writeClient(record) })),
      )
    },

    /** First the record: where the process ends before the messages are gone too, they are found when it is opened again. */
    removeClient(clientId: string): Promise<void> {
      return turns.alone(clientId, async () => {
        await write(() => ({ type: 'del', key: keyOf('client', clientId) }))
        await sessions.clear(clientId)
      })
    },

    putRetained(message: RetainedMessage): Promise<void> {
      // Later than all before it, those of earlier processes included, unless the clock was set back.
      order = Math.max(order + 1, Date.now() * 1_000)
      return write(() => ({
        type: 'put',
        key: keyOf('retained', message.topic),
        value: writeRetained({ message, order }),
      }))
    },

    removeRetained(topic: string): Promise<void> {
      return write(() => ({ type: 'del', key: keyOf('retained', topic) }))
    },

    async close(): Promise<void> {
      await turns.idle()
      // Who wrote hears of a failure.
      await commit().catch(() => undefined)
      await db.close()
    },
  }
}

/** Operations of one time as one, in their order: while a commit runs, what else comes goes with the next. */
function groupCommit(run: (operations: Operation[]) => Promise<void>): (operation?: Operation) => Promise<void> {
  let waiting: Operation[] = []
  let next: Promise<void> | undefined
  let running: Promise<unknown> = Promise.resolve()
  return (operation) => {
    if (operation !== undefined) waiting.push(operation)
    if (next === undefined) {
      next = running.then(() => {
        const operations = waiting
        waiting = []
        next = undefined
        return run(operations)
      })
      running = next.catch(() => undefined)
    }
    return next
  }
}

async function ready<T>(opened: Promise<void>, run: () => Promise<T>): Promise<T> {
  try {
    await opened
    return await run()
  } catch (error) {
    throw failure(error)
  }
}

/** Errors of the database as what a store says. */
function failure(error: unknown): MqttError {
  if (error instanceof MqttError) return error
  return storeFailure(`the broker's database failed: ${reasonsOf(error).join(': ')}`, error)
}

/** What an error says, and its causes. */
function reasonsOf(error: unknown): string[] {
  if (typeof error !== 'object' || error === null || !('message' in error)) return []
  return [String(error.message), ...('cause' in error ? reasonsOf(error.cause) : [])]
}
