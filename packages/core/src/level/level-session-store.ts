import { ClassicLevel } from 'classic-level'
import { shown } from '../codec/violation.js'
import { MqttError } from '../errors.js'
import { checkChanges } from '../session/check-changes.js'
import type { SessionChange, SessionState, SessionStore } from '../session/session-store.js'
import { storeFailure } from '../session/store-failure.js'
import { groupCommit } from './group-commit.js'
import { allKeys, idOf, SessionKeys } from './keys.js'
import { headsOf, type Operation, operationsOf, sequencesToRead } from './operations.js'
import { stateOf } from './state.js'

/** How durable a write is. */
export interface LevelSessionStoreOptions {
  /**
   * Whether a write waits until it is on the disk (`fsync`) and survives a power failure too. Otherwise it is with the
   * operating system, and survives the end of the process, however that comes.
   *
   * @default true
   */
  readonly sync?: boolean | undefined
}

/** A {@link SessionStore} in a database. */
export interface LevelSessionStore extends SessionStore {
  /** As any store's, always by a promise. */
  write(id: string, changes: readonly SessionChange[]): Promise<void>
  /**
   * The client identifiers of which there is any state, each once, in no special order: those whose sessions a server goes on
   * with after a restart. Errors with MqttError `'store'`.
   */
  ids(): AsyncIterable<string>
  /** Closes the database, after what was begun, where the store has opened it. Calls after that fail. */
  close(): Promise<void>
}

type Database = ClassicLevel<Uint8Array, Uint8Array>

const asBytes = { keyEncoding: 'view', valueEncoding: 'view' } as const

/**
 * A store on the disk, by LevelDB: what `write` has resolved is there after SIGKILL, and with `sync` after a power failure. It
 * needs the package `classic-level`. A database has one process at a time.
 *
 * @param database - a folder, made where there is none and opened at once, the database closed by `close`; or a database that
 * is yours to close, whose keys from `!rxmqtt!` on belong to the store
 * @throws MqttError `'invalid-option'` for an empty folder name. What the database says comes as `'store'` from each method,
 * its error as `cause`; a record that can't be read as `'store'` that names its key.
 * @example
 * ```ts
 * const store = levelSessionStore('./sessions')
 * const session = new Session({ store })
 * // ...
 * await store.close()
 * ```
 */
export function levelSessionStore<K = string, V = string>(
  database: string | ClassicLevel<K, V>,
  options: LevelSessionStoreOptions = {},
): LevelSessionStore {
  const { sync = true } = options
  if (database === '') throw new MqttError('invalid-option', 'database must be a folder, not an empty name')
  if (typeof sync !== 'boolean') throw new MqttError('invalid-option', `sync must be a boolean, not ${shown(sync)}`)
  const isOwn = typeof database === 'string'
  const db = (isOwn ? new ClassicLevel(database, asBytes) : database) as Database
  const opened = db.open({ passive: !isOwn })
  // Each call tells why it can't be opened.
  opened.catch(() => undefined)
  const ask = <T>(run: () => Promise<T>): Promise<T> =>
    told(async () => {
      if (db.status !== 'open') await opened
      return run()
    })
  const commit = groupCommit((operations: Operation[]) => db.batch(operations, { ...asBytes, sync }))

  return {
    async load(id: string): Promise<SessionState> {
      const keys = new SessionKeys(id)
      const rows = await ask(() => db.iterator({ ...keys.range, ...asBytes }).all())
      return stateOf(id, keys, rows)
    },

    async write(id: string, changes: readonly SessionChange[]): Promise<void> {
      const keys = new SessionKeys(id)
      const sequences = sequencesToRead(changes)
      const wanted = sequences.map((sequence) => keys.entry(sequence, 'head'))
      const found = wanted.length === 0 ? [] : await ask(() => db.getMany(wanted, asBytes))
      const heads = headsOf(id, keys, sequences, found)
      checkChanges(changes, (sequence) => heads.get(sequence)?.kind)
      const operations = operationsOf(keys, changes, heads)
      await ask(() => commit(operations))
    },

    async clear(id: string): Promise<void> {
      const { range } = new SessionKeys(id)
      const known = await ask(() => db.keys({ ...range, ...asBytes }).all())
      await ask(() => commit(known.map((key) => ({ type: 'del', key }))))
    },

    async *ids(): AsyncGenerator<string, void, undefined> {
      const keys = await ask(async () => db.keys({ ...allKeys, ...asBytes }))
      try {
        for (;;) {
          const key = await ask(() => keys.next())
          if (key === undefined) return
          const id = idOf(key)
          yield id
          keys.seek(new SessionKeys(id).range.lt)
        }
      } finally {
        await keys.close()
      }
    },

    async close(): Promise<void> {
      if (isOwn) await told(() => db.close())
    },
  }
}

/** Errors of the database as what a store says. */
async function told<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw storeFailure(`the session store's database failed: ${reasonsOf(error).join(': ')}`, error)
  }
}

/** What an error says, and its causes. */
function reasonsOf(error: unknown): string[] {
  if (typeof error !== 'object' || error === null || !('message' in error)) return []
  return [String(error.message), ...('cause' in error ? reasonsOf(error.cause) : [])]
}
