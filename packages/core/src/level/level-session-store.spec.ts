import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { MqttError } from '../errors.js'
import type { SessionChange } from '../session/session-store.js'
import { added, releasing, sessionStoreContract, type StoreUnderTest } from '../spec-support/session-store-contract.js'
import { type LevelSessionStore, type LevelSessionStoreOptions, levelSessionStore } from './level-session-store.js'

const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'rxmqtt-level-'))

function open(folder: string, options?: LevelSessionStoreOptions): StoreUnderTest {
  const store = levelSessionStore(folder, options)
  return {
    store,
    reopen: async () => {
      await store.close()
      return open(folder, options)
    },
    close: async () => {
      await store.close()
      await rm(folder, { recursive: true })
    },
  }
}

sessionStoreContract('level', async () => open(await newFolder(), { sync: false }))

describe('levelSessionStore', () => {
  let folder: string
  let store: LevelSessionStore
  const opened: LevelSessionStore[] = []

  const openStore = (database: string | ClassicLevel, options?: LevelSessionStoreOptions): LevelSessionStore => {
    const made = levelSessionStore(database, options)
    opened.push(made)
    return made
  }
  const listed = async (from: LevelSessionStore = store): Promise<string[]> => {
    const ids: string[] = []
    for await (const id of from.ids()) ids.push(id)
    return ids.sort()
  }
  /** The error, as what a test can compare. */
  const failure = async (result: Promise<unknown>): Promise<unknown> => {
    try {
      await result
    } catch (error) {
      if (!(error instanceof MqttError)) throw error
      const { code, reasonCode, message, cause } = error
      return { code, reasonCode, message, cause }
    }
    return undefined
  }

  beforeEach(async () => {
    folder = await newFolder()
    store = openStore(folder)
  })
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((each) => each.close()))
    await rm(folder, { recursive: true })
  })

  test('lists the identifiers of which it knows anything, each once', async () => {
    expect(await listed()).toEqual([])
    const ids = ['', '!', 'a', 'a!o', 'aa', 'long'.repeat(16_000), '\u{1f600}', '__proto__', '\uffff'].sort()
    const changes: SessionChange[] = [added(1), added(2), { kind: 'received', messageId: 3 }]
    for (const id of ids) await store.write(id, changes)
    expect(await listed()).toEqual(ids)
    await store.clear('a')
    await store.write('!', [
      { kind: 'removed', sequence: 1 },
      { kind: 'removed', sequence: 2 },
      { kind: 'released', messageId: 3 },
    ])
    await store.close()
    store = openStore(folder)
    expect(await listed()).toEqual(ids.filter((id) => id !== 'a' && id !== '!'))
  })

  test('closes the list of identifiers where it is left early', async () => {
    for (const id of ['a', 'b', 'c']) await store.write(id, [added(1)])
    for await (const id of store.ids()) if (id === 'a') break
    await store.close()
  })

  test('takes an identifier of the largest length, and no other', async () => {
    const largest = 'é'.repeat(32_767) + 'x'
    await store.write(largest, [added(1)])
    expect(await listed()).toEqual([largest])
    const refusal = {
      code: 'store',
      reasonCode: 0x83,
      message: expect.stringContaining('client identifier') as unknown,
    }
    expect(await failure(store.write(`${largest}x`, [added(1)]))).toMatchObject(refusal)
    expect(await failure(store.load('\ud800'))).toMatchObject(refusal)
  })

  test('does not write a message again when it is sent', async () => {
    const database = new ClassicLevel<string, string>(join(folder, 'db'))
    const batch = database.batch.bind(database) as (...args: unknown[]) => Promise<void>
    const written: unknown[] = []
    database.batch = ((operations: { value?: Uint8Array }[], options: unknown) => {
      written.push(...operations.map(({ value }) => value?.length))
      return batch(operations, options)
    }) as unknown as typeof database.batch
    const own = openStore(database)
    await own.write('c', [added(1, { payload: new Uint8Array(100_000) })])
    written.length = 0
    await own.write('c', [{ kind: 'sent', sequence: 1, messageId: 5 }])
    expect(written).toEqual([11])
    await database.close()
  })

  test('writes with fsync unless told not to', async () => {
    const database = new ClassicLevel(join(folder, 'db'))
    const batch = database.batch.bind(database) as (...args: unknown[]) => Promise<void>
    const syncs: unknown[] = []
    database.batch = ((operations: unknown[], options: { sync?: boolean }) => {
      syncs.push(options.sync)
      return batch(operations, options)
    }) as unknown as typeof database.batch
    const own = openStore(database)
    await own.write('c', [added(1)])
    await own.clear('c')
    await openStore(database, { sync: false }).write('c', [added(1)])
    expect(syncs).toEqual([true, true, false])
    await database.close()
  })

  test('leaves a database that it was given open, and other keys in it alone', async () => {
    const database = new ClassicLevel<string, string>(join(folder, 'db'))
    const others = ['!rxmqtt', '!rxmqtt"', '', 'a', 'z', '\uffff', '!other!a'].filter((key) => key !== '')
    for (const key of others) await database.put(key, key)
    const own = openStore(database)
    await own.write('c', [added(1)])
    expect(await listed(own)).toEqual(['c'])
    await own.clear('c')
    await own.close()
    expect(await database.keys().all()).toEqual(others.sort())
    await database.close()
  })

  test('says what the database says', async () => {
    await store.load('c')
    const second = openStore(folder)
    const failed = {
      code: 'store',
      reasonCode: 0x83,
      message: expect.stringMatching(/database failed: Database failed to open: .*lock/s) as unknown,
      cause: expect.objectContaining({ code: 'LEVEL_DATABASE_NOT_OPEN' }) as unknown,
    }
    expect(await failure(second.load('c'))).toMatchObject(failed)
    expect(await failure(listed(second))).toMatchObject(failed)
    await store.close()
    const closed = { code: 'store', reasonCode: 0x83, message: expect.stringContaining('not open') as unknown }
    expect(await failure(store.load('c'))).toMatchObject(closed)
    expect(await failure(store.write('c', [added(1)]))).toMatchObject(closed)
    expect(await failure(store.write('c', [{ kind: 'released', messageId: 1 }]))).toMatchObject(closed)
    expect(await failure(store.clear('c'))).toMatchObject(closed)
    expect(await failure(listed())).toMatchObject(closed)
    await store.close()
  })

  test.each([
    [[''], 'database'],
    [['x', { sync: 1 }], 'sync'],
  ])('refuses %j at the call', async (given, named) => {
    const call = (): unknown => levelSessionStore(...(given as unknown as Parameters<typeof levelSessionStore>))
    expect(await failure(new Promise((resolve) => resolve(call())))).toMatchObject({
      code: 'invalid-option',
      message: expect.stringContaining(named) as unknown,
    })
  })

  test('refuses a message that no packet can carry, and makes no change', async () => {
    const refusal = { code: 'store', cause: expect.objectContaining({ code: 'invalid-packet' }) as unknown }
    const changes = [added(1), added(2, { topic: 'a/+' }), added(3)]
    expect(await failure(store.write('c', changes))).toMatchObject(refusal)
    expect(await store.load('c')).toEqual({ outgoing: [], received: [] })
  })

  describe('a damaged record', () => {
    const session: SessionChange[] = [added(1, {}, 5), releasing(2, 6), { kind: 'received', messageId: 7 }]
    /** The keys of the session x, by what they stand for. */
    const prefix = `${Buffer.from('!rxmqtt!').toString('hex')}000178`
    const head = `${prefix}01000000000000000100`
    const frame = `${prefix}01000000000000000101`
    const release = `${prefix}01000000000000000200`

    const damage = async (change: (database: ClassicLevel<Buffer, Buffer>) => Promise<void>): Promise<unknown> => {
      await store.write('x', session)
      await store.write('y', session)
      await store.close()
      const database = new ClassicLevel<Buffer, Buffer>(folder, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
      await change(database)
      await database.close()
      store = openStore(folder)
      expect((await store.load('y')).outgoing).toHaveLength(2)
      return failure(store.load('x'))
    }
    const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex')
    const named = (key: string, why: string): unknown =>
      expect.objectContaining({
        code: 'store',
        reasonCode: 0x83,
        message: `the record ${key} of the session "x" is damaged: ${why}`,
      })

    test.each<[string, string, string, string]>([
      ['an empty head', head, '', 'it is no head of an entry'],
      ['a cut head', head, '010005', 'it is no head of an entry'],
      ['a head of another kind', head, '030005', 'it is no head of an entry'],
      ['a release without packet identifier', release, '020000', 'it is no head of an entry'],
      ['a release that is too long', release, '02000100', 'it is no head of an entry'],
      ['an empty message', frame, '', 'it is no message'],
      ['a cut message', frame, '320800', 'it is no message'],
      ['a message with more behind it', frame, '3206000174000100c000', 'it is no message'],
      ['a message of QoS 0', frame, '30040001740078', 'it is no message'],
      ['another packet', frame, 'c000', 'it is no message'],
      ['a message without its head', `${prefix}01000000000000000901`, '3206000174000100', 'a message without its head'],
      ['a message after a release', `${prefix}01000000000000000201`, '3206000174000100', 'a message without its head'],
      ['a part that is none', `${prefix}01000000000000000902`, '', 'it is no key of a session'],
      ['a sequence over 2^53', `${prefix}01002000000000000000`, '', 'it is no key of a session'],
      ['a cut packet identifier', `${prefix}0200`, '', 'it is no key of a session'],
      ['a key of another kind', `${prefix}03`, '', 'it is no key of a session'],
    ])('is told with its key: %s', async (_, key, value, why) => {
      expect(await damage((database) => database.put(bytes(key), bytes(value)))).toEqual(named(key, why))
    })

    test('is told with its key: a head without its message', async () => {
      expect(await damage((database) => database.del(bytes(frame)))).toEqual(named(head, 'its message is missing'))
    })

    test('is told with its key: the last head without its message', async () => {
      const last = `${prefix}01000000000000000900`
      const value = '010000' + '7ff8000000000000'
      const told = await damage(async (database) => {
        await database.put(bytes(last), bytes(value))
        await database.del(bytes(`${prefix}020007`))
      })
      expect(told).toEqual(named(last, 'its message is missing'))
    })

    test('is told when its message is sent, and can be cleared', async () => {
      expect(await damage((database) => database.put(bytes(head), bytes('ff')))).toBeDefined()
      const sent = failure(store.write('x', [{ kind: 'sent', sequence: 1, messageId: 9 }]))
      expect(await sent).toEqual(named(head, 'it is no head of an entry'))
      await store.clear('x')
      expect(await store.load('x')).toEqual({ outgoing: [], received: [] })
      expect(await listed()).toEqual(['y'])
    })

    test('is told with its key where identifiers are listed', async () => {
      await damage((database) => database.put(bytes(`${prefix.slice(0, 16)}00ff78`), bytes('')))
      const told = { code: 'store', message: `the key ${prefix.slice(0, 16)}00ff78 is damaged` }
      expect(await failure(listed())).toMatchObject(told)
    })
  })
})
