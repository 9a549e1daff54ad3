import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConnectFields, Delivery, PublishPacket, QoS } from '@rxmqtt/core'
import sqlite from 'node-sqlite3-wasm'
import { type Observable, Subject, timer } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { hear, type Heard, until } from '../test/helpers.js'
import { type MemoryServer, serveSessionsInMemory } from '../test/session-servers.js'
import { archive, openTable, storeThenAck } from './store-then-ack.js'

const connect: ConnectFields = { clientId: 'archive', protocolVersion: 4, clean: false }

describe('storeThenAck', () => {
  const done: string[] = []
  const delivery = (payload: string): Delivery => ({
    packet: {
      ...{ cmd: 'publish', topic: 'readings/d', payload: new TextEncoder().encode(payload), qos: 1, messageId: 1 },
      ...{ dup: false, retain: false },
    } as PublishPacket,
    ack: (code) => done.push(`ack ${payload} ${code}`),
  })
  const values = { a: delivery('{"id":1,"value":1}'), b: delivery('{"id":2,"value":2}'), c: delivery('what?') }
  const scheduler = (): TestScheduler => new TestScheduler((actual, expected) => expect(actual).toEqual(expected))
  beforeEach(() => {
    done.length = 0
  })

  it('acknowledges a batch after it is stored, and what is no reading with a reason', () => {
    scheduler().run(({ cold, expectObservable, flush }) => {
      const insert = (readings: readonly unknown[]): unknown => done.push(`store ${readings.length}`)
      const stored$ = storeThenAck(cold('a-b-c 30ms a|', values), { insert: (readings) => void insert(readings) })
      expectObservable(stored$).toBe('20ms x 15ms (y|)', { x: 3, y: 1 })
      flush()
    })
    const [one, two] = ['{"id":1,"value":1}', '{"id":2,"value":2}']
    expect(done).toEqual(['store 2', `ack ${one} 0`, `ack ${two} 0`, 'ack what? 153', 'store 1', `ack ${one} 0`])
  })

  it('acknowledges nothing of a batch that could not be stored', () => {
    scheduler().run(({ cold, expectObservable, expectSubscriptions, flush }) => {
      const source = cold('ab', values)
      const error = new Error('disk full')
      const stored$ = storeThenAck(source, {
        insert: () => {
          throw error
        },
      })
      expectObservable(stored$).toBe('20ms #', {}, error)
      expectSubscriptions(source.subscriptions).toBe('^ 19ms !')
      flush()
    })
    expect(done).toEqual([])
  })
})

describe('an archive', () => {
  let directory: string
  let path: string
  let server: MemoryServer
  let stop: Subject<void>
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'rxmqtt-archive-'))
    path = join(directory, 'readings.db')
    openTable(path).close()
    server = serveSessionsInMemory()
    stop = new Subject()
  })
  afterEach(async () => {
    stop.next()
    await new Promise((resolve) => setTimeout(resolve, 20))
    server.stop()
    rmSync(directory, { recursive: true })
  })

  const start = (errors: string[] = []): Heard<number> =>
    hear(
      archive({
        dial$: server.dial$,
        connect,
        path,
        stop$: stop,
        delay: (error): Observable<unknown> => {
          errors.push((error as Error).message)
          return timer(10)
        },
      }),
    )
  const publish = (from: number, count: number, qos: QoS): void => {
    for (let id = from; id < from + count; id += 1) {
      server.server.publish({ topic: 'readings/d', payload: JSON.stringify({ id, value: id / 2 }), qos })
    }
  }
  const stored = (): number[] => {
    const database = new sqlite.Database(path, { readOnly: true })
    try {
      return database.all('SELECT id FROM readings ORDER BY id').map(({ id }) => Number(id))
    } finally {
      database.close()
    }
  }
  const opened = async (times = 1): Promise<void> =>
    until(() => server.events.filter(({ type }) => type === 'opened').length >= times, 'the connection')
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
  const subscribed = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 20))

  it('stores every reading once, of every quality of service', async () => {
    const archiving = start()
    await opened()
    await subscribed()
    publish(0, 100, 0)
    publish(100, 300, 1)
    publish(400, 300, 2)
    publish(0, 100, 1)
    await until(() => archiving.values.reduce((sum, count) => sum + count, 0) === 800, 'every message')
    expect(stored()).toEqual(numbers(700))
    stop.next()
    expect(await archiving.done).toBe('complete')
  })

  it.each([1, 2] as const)('gets again what the database did not take, QoS %s', async (qos) => {
    const errors: string[] = []
    const archiving = start(errors)
    await opened()
    await subscribed()
    const other = new sqlite.Database(path)
    other.exec('BEGIN EXCLUSIVE')
    publish(0, 200, qos)
    await until(() => errors.length >= 3, 'three failures')
    expect(new Set(errors)).toEqual(new Set(['database is locked']))
    expect(archiving.values).toEqual([])
    other.exec('ROLLBACK')
    other.close()
    await until(() => archiving.values.reduce((sum, count) => sum + count, 0) === 200, 'every message')
    expect(stored()).toEqual(numbers(200))
    expect(server.events.map(({ type }) => type)).toEqual(['opened'])
  })

  it.each([1, 2] as const)('leaves with the server what was not stored when it ends, QoS %s', async (qos) => {
    const errors: string[] = []
    const first = start(errors)
    await opened()
    await subscribed()
    const other = new sqlite.Database(path)
    other.exec('BEGIN EXCLUSIVE')
    publish(0, 200, qos)
    await until(() => errors.length >= 2, 'two failures')
    first.subscription.unsubscribe()
    publish(200, 100, qos)
    other.exec('ROLLBACK')
    other.close()
    expect(stored()).toEqual([])
    start()
    await until(() => stored().length === 300, 'every reading')
    expect(stored()).toEqual(numbers(300))
  })

  it.each([1, 2] as const)('stores each once while the connection is cut again and again, QoS %s', async (qos) => {
    start()
    await opened()
    await subscribed()
    for (let round = 0; round < 5; round += 1) {
      publish(round * 100, 100, qos)
      await new Promise((resolve) => setTimeout(resolve, 5 * round))
      server.cut()
      await opened(round + 2)
    }
    await until(() => stored().length === 500, 'every reading')
    expect(stored()).toEqual(numbers(500))
  })
})
