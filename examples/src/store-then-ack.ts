import {
  type ConnectFields,
  type Delivery,
  type PublishPacket,
  ReasonCode,
  Session,
  type Transport,
} from '@rxmqtt/core'
// node:sqlite needs Node 22, better-sqlite3 a download for Node 20; this one writes real files without native code.
import sqlite, { type Database } from 'node-sqlite3-wasm'
import {
  bufferTime,
  defer,
  endWith,
  filter,
  finalize,
  ignoreElements,
  map,
  merge,
  type Observable,
  retry,
  share,
  takeUntil,
} from 'rxjs'
import { stayConnected } from './stay-connected.js'

/** What a device has measured. Its `id` is the device's own, the same however often the message arrives. */
export interface Reading {
  readonly device: string
  readonly id: number
  readonly value: number
}

/** Where readings go, all of a batch or none. */
export interface Table {
  insert(readings: readonly Reading[]): void
}

export interface ArchiveOptions {
  readonly dial$: Observable<Transport>
  /** `clean: false` and in MQTT 5 a `sessionExpiryInterval`, or what is sent while this is away is lost. */
  readonly connect: ConnectFields
  /** The database's file. */
  readonly path: string
  /** When to dial again, and when to try the database again; the place to tell why. */
  readonly delay: (error: unknown, attempt: number) => Observable<unknown>
  /** Says goodbye, then completes. @default never */
  readonly stop$?: Observable<unknown> | undefined
}

/** Messages in one transaction at most, and milliseconds that the first of them waits for others. */
const batch = { count: 500, milliseconds: 20 }

// #region store
/** Stores messages in batches, and acknowledges each when its transaction is committed. Emits how many. */
export function storeThenAck(messages$: Observable<Delivery>, table: Table): Observable<number> {
  return messages$.pipe(
    bufferTime(batch.milliseconds, null, batch.count),
    filter(({ length }) => length > 0),
    map((deliveries) => {
      const readings = deliveries.map(({ packet }) => readingOf(packet))
      table.insert(readings.filter((reading) => reading !== undefined))
      for (const [index, delivery] of deliveries.entries()) {
        delivery.ack(readings[index] === undefined ? ReasonCode.PayloadFormatInvalid : ReasonCode.Success)
      }
      return deliveries.length
    }),
  )
}
// #endregion

/**
 * Archives readings: what a broker has for this client is acknowledged only when the database has it. When the database
 * fails, nothing of that batch is acknowledged, and it comes again when the database is tried again; meanwhile the broker
 * keeps the rest. A reading that comes twice is stored once. QoS 0 has no such promise.
 */
export function archive({ dial$, connect, path, delay, stop$ }: ArchiveOptions): Observable<number> {
  const session = new Session({ ack: 'manual', receiveMaximum: 2 * batch.count })
  const subscriptions = [{ topic: 'readings/+', qos: 2 as const }]
  const work = (): Observable<unknown> => session.subscribe({ subscriptions })
  const online$ = stayConnected(session, { dial$, connect, work, delay, stop$ }).pipe(share())
  const over$ = online$.pipe(ignoreElements(), endWith(true))
  const stored$ = defer(() => {
    const table = openTable(path)
    return storeThenAck(session.messages$, table).pipe(finalize(() => table.close()))
  })
  return merge(stored$.pipe(retry({ delay, resetOnSuccess: true }), takeUntil(over$)), online$.pipe(ignoreElements()))
}

/** Opens the database, and makes the table where it is missing. */
export function openTable(path: string): Table & { close(): void } {
  const database = new sqlite.Database(path)
  database.exec('CREATE TABLE IF NOT EXISTS readings (device TEXT, id INTEGER, value REAL, PRIMARY KEY (device, id))')
  return {
    insert: (readings) => transaction(database, () => insert(database, readings)),
    close: () => database.close(),
  }
}

function insert(database: Database, readings: readonly Reading[]): void {
  const statement = database.prepare('INSERT OR IGNORE INTO readings VALUES (?, ?, ?)')
  try {
    for (const { device, id, value } of readings) statement.run([device, id, value])
  } finally {
    statement.finalize()
  }
}

function transaction(database: Database, work: () => void): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    work()
    database.exec('COMMIT')
  } finally {
    if (database.inTransaction) database.exec('ROLLBACK')
  }
}

/** The reading of a message, or undefined where it is none, however often it comes. */
function readingOf({ topic, payload }: PublishPacket): Reading | undefined {
  const [, device = ''] = topic.split('/')
  try {
    const { id, value } = JSON.parse(new TextDecoder().decode(payload)) as Partial<Reading>
    return Number.isSafeInteger(id) && Number.isFinite(value) ? ({ device, id, value } as Reading) : undefined
  } catch {
    return undefined
  }
}
