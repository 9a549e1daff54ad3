import { jest } from '@jest/globals'
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import {
  Decoder,
  Encoder,
  type Message,
  MqttError,
  Protocol,
  type PublishPacket,
  type SessionChange,
  type SessionState,
} from '@rxmqtt/core'
import { ClassicLevel } from 'classic-level'
import { levelBrokerStore } from './level-store.js'
import type { BrokerStore, ClientRecord, RetainedMessage } from './store.js'

const hooks = new URL('../../../scripts/typescript-hooks.mjs', import.meta.url)
const writer = fileURLToPath(new URL('../test/store-writer.ts', import.meta.url))

const ids = ['', '!', 'a', 'aa', 'a/b', '__proto__', 'constructor', 'é', '\uffff', '\u{10ffff}', 'x'.repeat(65_535)]
const payload = new Uint8Array([0, 1, 255])

let folder: string
const opened: BrokerStore[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rxmqtt-broker-'))
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()))
  await rm(folder, { recursive: true })
})

const open = (): BrokerStore => {
  const store = levelBrokerStore(folder)
  opened.push(store)
  return store
}
const reopen = async (store: BrokerStore): Promise<BrokerStore> => {
  await store.close()
  return open()
}
const all = async <T>(values: AsyncIterable<T>): Promise<T[]> => {
  const list: T[] = []
  for await (const value of values) list.push(value)
  return list
}
const clientsOf = async (store: BrokerStore): Promise<ClientRecord[]> =>
  (await all(store.clients())).sort((a, b) => ids.indexOf(a.clientId) - ids.indexOf(b.clientId))
const clientIds = async (store: BrokerStore): Promise<string[]> => (await all(store.clients())).map((c) => c.clientId)
const topics = async (store: BrokerStore): Promise<string[]> => (await all(store.retained())).map(({ topic }) => topic)

const client = (clientId: string, more: Partial<ClientRecord> = {}): ClientRecord => ({
  clientId,
  expiryInterval: 3_600,
  disconnectedAt: undefined,
  subscriptions: [],
  will: undefined,
  ...more,
})
const retained = (topic: string, more: Partial<RetainedMessage> = {}): RetainedMessage => ({
  topic,
  payload,
  qos: 1,
  retain: true,
  expiresAt: undefined,
  ...more,
})
const added = (sequence: number): SessionChange => ({
  kind: 'added',
  entry: {
    kind: 'message',
    sequence,
    message: { topic: `m${sequence}`, payload, qos: 1, retain: false },
    expiresAt: undefined,
    messageId: undefined,
  },
})
const waiting = ({ outgoing }: SessionState): number[] => outgoing.map(({ sequence }) => sequence)

const protocol = new Protocol(5)
/** The bytes of a message, which show the order of its user properties. */
const wire = ({ topic, payload, qos, retain, properties }: Message): string => {
  const encoder = new Encoder({ protocol })
  encoder.write({ cmd: 'publish', topic, payload, qos, retain, properties, messageId: qos ? 1 : undefined })
  return Buffer.concat(encoder.take()).toString('hex')
}
/** As it comes from the wire: a name that is a number, one twice, and one between them. */
const parsed = ((): PublishPacket => {
  const property = (name: string, value: string): number[] => [
    0x26,
    ...[name, value].flatMap((text) => [0, text.length, ...Buffer.from(text)]),
  ]
  const properties = [...property('b', '1'), ...property('10', '2'), ...property('b', '3'), ...property('2', '4')]
  const body = [0, 1, 0x74, properties.length, ...properties, 1, 2, 3]
  const decoder = new Decoder({ protocol })
  decoder.push(Uint8Array.from([0x31, body.length, ...body]))
  return decoder.read() as PublishPacket
})()

/** The error, as what a test can compare. */
const failure = async (result: Promise<unknown>): Promise<unknown> => {
  try {
    await result
  } catch (error) {
    if (!(error instanceof MqttError)) throw error
    return { code: error.code, reasonCode: error.reasonCode, message: error.message }
  }
  return undefined
}
const failed = (message: string): unknown => ({
  code: 'store',
  reasonCode: 0x83,
  message: expect.stringContaining(message) as unknown,
})

describe('a store that is opened again', () => {
  test('has every client that was put', async () => {
    let store = open()
    const records = ids.map((id, i) =>
      client(id, {
        expiryInterval: i === 0 ? 0xffff_ffff : i,
        disconnectedAt: i % 2 === 0 ? undefined : 1_700_000_000_000 + i,
        subscriptions: [
          { topic: `$share/g/${id}/#`, qos: 2, nl: false, rap: true, rh: 2, identifier: 268_435_455 },
          { topic: '__proto__', qos: 0 },
        ],
      }),
    )
    await Promise.all(records.map((record) => store.putClient(record)))
    store = await reopen(store)
    expect(await clientsOf(store)).toEqual(records)
  })

  test('has wills as they were, user properties in their order', async () => {
    let store = open()
    const { userProperties } = parsed.properties!
    const will = {
      topic: 'w',
      payload,
      qos: 2,
      retain: true,
      properties: {
        willDelayInterval: 5,
        messageExpiryInterval: 7,
        payloadFormatIndicator: false,
        contentType: 'c',
        responseTopic: 'r',
        correlationData: payload.slice(),
        userProperties: userProperties!,
      },
    } as const
    const plain = { topic: 'w', payload: new Uint8Array(), qos: 0, retain: false } as const
    await store.putClient(client('a', { will }))
    await store.putClient(client('aa', { will: plain }))
    await store.putClient(client('a/b', { will: { ...plain, properties: { willDelayInterval: 0 } } }))
    store = await reopen(store)
    const [a, aa, ab] = await clientsOf(store)
    const { willDelayInterval, ...properties } = a!.will!.properties!
    const { willDelayInterval: _, ...expected } = will.properties
    expect(willDelayInterval).toBe(5)
    expect(wire({ ...a!.will!, properties })).toBe(wire({ ...will, properties: expected }))
    expect(aa!.will).toStrictEqual(plain)
    expect(ab!.will).toStrictEqual({ ...plain, properties: { willDelayInterval: 0 } })
  })

  test('has retained messages as they were, in the order of their arrival', async () => {
    let store = open()
    const messages = [
      retained('z', { expiresAt: 1_700_000_000_123, properties: parsed.properties }),
      retained('__proto__', { qos: 0, payload: new Uint8Array(100_000).fill(7) }),
      retained('\u{10ffff}/\uffff', { qos: 2 }),
      retained('a'.repeat(65_535), { properties: { messageExpiryInterval: 1, correlationData: payload } }),
    ]
    await Promise.all(messages.map((message) => store.putRetained(message)))
    await store.putRetained(retained('b'))
    await store.putRetained(retained('a'))
    store = await reopen(store)
    await store.putRetained(retained('b', { payload: new Uint8Array([9]) }))
    store = await reopen(store)
    const expected = [...messages, retained('a'), retained('b', { payload: new Uint8Array([9]) })]
    const found = await all(store.retained())
    expect(found.map(({ expiresAt }) => expiresAt)).toEqual(expected.map(({ expiresAt }) => expiresAt))
    expect(found.map(wire)).toEqual(expected.map(wire))
  })

  test('has sessions, and neither kind of key is in the way of another', async () => {
    let store = open()
    for (const id of ids) {
      await store.putClient(client(id))
      await store.sessions.write(id, [added(1), { kind: 'received', messageId: 5 }])
      if (id !== '') await store.putRetained(retained(id))
    }
    store = await reopen(store)
    expect((await clientsOf(store)).map(({ clientId }) => clientId)).toEqual(ids)
    expect(await topics(store)).toEqual(ids.slice(1))
    for (const id of ids) {
      const state = await store.sessions.load(id)
      expect([id, waiting(state), state.received]).toEqual([id, [1], [5]])
    }
    await store.sessions.clear('a')
    expect(waiting(await store.sessions.load('a'))).toEqual([])
    expect(waiting(await store.sessions.load('aa'))).toEqual([1])
  })

  test('does not have what was removed', async () => {
    let store = open()
    for (const id of ['a', 'aa', 'b']) {
      await store.putClient(client(id))
      await store.putRetained(retained(id))
      await store.sessions.write(id, [added(1)])
    }
    await Promise.all([store.removeClient('a'), store.removeRetained('a')])
    await Promise.all([store.removeClient('nobody'), store.removeRetained('nothing')])
    store = await reopen(store)
    expect(await clientIds(store)).toEqual(['aa', 'b'])
    expect(await topics(store)).toEqual(['aa', 'b'])
    expect(waiting(await store.sessions.load('a'))).toEqual([])
    expect(waiting(await store.sessions.load('aa'))).toEqual([1])
  })

  test('has no messages of a client whose record was gone when the process ended', async () => {
    let store = open()
    for (const id of ['a', 'b']) {
      await store.putClient(client(id))
      await store.sessions.write(id, [added(1)])
    }
    await store.close()
    const db = new ClassicLevel(folder)
    await db.del('!broker!ca')
    await db.close()
    store = open()
    expect(waiting(await store.sessions.load('a'))).toEqual([])
    expect(waiting(await store.sessions.load('b'))).toEqual([1])
  })
})

describe('writes', () => {
  test('are made in the order of their calls', async () => {
    let store = open()
    const last = [
      store.putRetained(retained('a')),
      store.removeRetained('a'),
      store.putRetained(retained('b')),
      store.removeRetained('b'),
      store.putRetained(retained('b', { qos: 2 })),
      store.putClient(client('c', { expiryInterval: 1 })),
      store.putClient(client('c', { expiryInterval: 2 })),
    ]
    await Promise.all(last)
    store = await reopen(store)
    expect((await all(store.retained())).map(({ topic, qos }) => [topic, qos])).toEqual([['b', 2]])
    expect((await clientsOf(store)).map(({ expiryInterval }) => expiryInterval)).toEqual([2])
  })

  test('of one time are one commit, on the disk before they are told', async () => {
    const batch = jest.spyOn(ClassicLevel.prototype, 'batch')
    try {
      const store = open()
      await store.putRetained(retained('first'))
      batch.mockClear()
      await Promise.all(
        Array.from({ length: 100 }, (_, i) => [
          store.putRetained(retained(`t/${i}`)),
          store.putClient(client(`c${i}`)),
          store.removeRetained('first'),
        ]).flat(),
      )
      const calls = batch.mock.calls as unknown as [unknown[], { sync: boolean }][]
      expect(calls.map(([operations, { sync }]) => [operations.length, sync])).toEqual([[300, true]])
    } finally {
      batch.mockRestore()
    }
  })

  test('of a session that was begun before its client was removed are gone, later ones are not', async () => {
    const store = open()
    await store.putClient(client('a'))
    await store.sessions.write('a', [added(1)])
    const before = store.sessions.write('a', [added(2)])!
    const removed = store.removeClient('a')
    const found = store.sessions.load('a')
    const again = store.putClient(client('a', { expiryInterval: 9 }))
    const later = store.sessions.write('a', [added(3)])
    await Promise.all([removed, again])
    await before
    await later
    expect(waiting(await found)).toEqual([])
    expect(waiting(await store.sessions.load('a'))).toEqual([3])
    expect((await clientsOf(store)).map(({ expiryInterval }) => expiryInterval)).toEqual([9])
  })

  test('of one client do not wait for the removal of another', async () => {
    const store = open()
    const order: string[] = []
    await store.putClient(client('a'))
    for (let i = 1; i < 50; i++) await store.sessions.write('a', [added(i)])
    await Promise.all([
      store.removeClient('a').then(() => order.push('removed')),
      store.putClient(client('b')).then(() => order.push('put')),
    ])
    expect(order).toEqual(['put', 'removed'])
  })

  test('that were begun are made before it is closed', async () => {
    let store = open()
    await store.putClient(client('b'))
    const begun = [store.putRetained(retained('a')), store.putClient(client('a')), store.removeClient('b')]
    const written = store.sessions.write('a', [added(1)])
    store = await reopen(store)
    await Promise.all(begun)
    await written
    expect([await topics(store), await clientIds(store)]).toEqual([['a'], ['a']])
    expect(waiting(await store.sessions.load('a'))).toEqual([1])
  })
})

test('a commit that waits for the one before it is made before the store is closed', async () => {
  let store = open()
  await store.putRetained(retained('first'))
  const begun = [store.putRetained(retained('a'))]
  await new Promise((resolve) => setImmediate(resolve))
  begun.push(store.putRetained(retained('b')))
  store = await reopen(store)
  await Promise.all(begun)
  expect(await topics(store)).toEqual(['first', 'a', 'b'])
})

describe('a failure', () => {
  test('of a message that no packet can carry changes nothing', async () => {
    const store = open()
    expect(await failure(store.putRetained(retained('a/+')))).toEqual(failed("must not contain '+'"))
    expect(await failure(store.putRetained(retained('\ud800')))).toEqual(failed('UTF-8'))
    expect(await failure(store.putClient(client('\ud800')))).toEqual(failed('UTF-8'))
    await store.putRetained(retained('b'))
    expect(await topics(store)).toEqual(['b'])
    expect(await clientIds(store)).toEqual([])
  })

  test('of the database is told by every call', async () => {
    const first = open()
    await first.putRetained(retained('a'))
    const second = open()
    const calls = [
      second.putRetained(retained('a')),
      second.removeRetained('a'),
      second.putClient(client('a')),
      second.removeClient('a'),
      second.sessions.load('a'),
      Promise.resolve(second.sessions.write('a', [added(1)])),
      second.sessions.clear('a'),
      all(second.clients()),
      all(second.retained()),
    ]
    for (const told of await Promise.all(calls.map(failure))) expect(told).toEqual(failed('lock'))
  })

  test('comes after the end', async () => {
    const store = open()
    await store.close()
    expect(await failure(store.putRetained(retained('a')))).toEqual(failed('not open'))
    expect(await failure(store.sessions.load('a'))).toEqual(failed('not open'))
    expect(await failure(all(store.clients()))).toEqual(failed('not open'))
    await store.close()
  })

  test('is an empty name of a directory', () => {
    const options = { code: 'invalid-option' }
    expect(() => levelBrokerStore('')).toThrow(expect.objectContaining(options) as Error)
  })

  const record = (head: unknown, frame = ''): Buffer => {
    const json = Buffer.from(typeof head === 'string' ? head : JSON.stringify(head))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(json.length)
    return Buffer.concat([length, json, Buffer.from(frame, 'hex')])
  }
  const right = { expiryInterval: 1, subscriptions: [] }
  /** PUBLISH of the topic `t`, without payload. */
  const frame = '30040001' + '74' + '00'

  test.each<[string, Buffer]>([
    ['!broker!c', Buffer.alloc(3)],
    ['!broker!ca', record('{')],
    ['!broker!ca', record('null')],
    ['!broker!ca', record(right).subarray(0, -1)],
    ['!broker!ca', record({ ...right, expiryInterval: null })],
    ['!broker!ca', record({ ...right, disconnectedAt: 'now' })],
    ['!broker!ca', record({ ...right, subscriptions: [{ topic: 1, qos: 0 }] })],
    ['!broker!ca', record({ ...right, subscriptions: [null] })],
    ['!broker!ca', record({ ...right, willDelayInterval: '1' }, frame)],
    ['!broker!ca', record(right, frame.slice(0, -2))],
    ['!broker!ca', record(right, frame + frame)],
    ['!broker!ca', record(right, 'c000')],
    ['!broker!rt', record({ order: 1 })],
    ['!broker!rt', record({}, frame)],
    ['!broker!ru', record({ order: 1 }, frame)],
    ['!broker!rt', record({ order: 1, expiresAt: '1' }, frame)],
  ])('names the key %s of the damaged record %o', async (key, value) => {
    const db = new ClassicLevel<string, Buffer>(folder, { valueEncoding: 'buffer' })
    await db.put('!broker!ca', record(right, frame))
    await db.put('!broker!rt', record({ order: 1 }, frame))
    const store = await db.close().then(open)
    expect([await clientIds(store), await topics(store)]).toEqual([['a'], ['t']])
    await store.close()
    await db.open()
    await db.put(key, value)
    await db.close()
    const again = open()
    const read = key.startsWith('!broker!c') ? all(again.clients()) : all(again.retained())
    expect(await failure(read)).toEqual(failed(`"${key}" is damaged: `))
  })
})

test('a process that is killed leaves all that was told, and nothing by halves', async () => {
  const args = ['--import', hooks.href, writer, folder]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<unknown>((resolve) => child.once('close', (_, signal) => resolve(signal)))
  let last = -1
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      last = Number(line)
      if (last === 20) child.kill('SIGKILL')
    }
    expect(await ended).toBe('SIGKILL')
  } finally {
    child.kill('SIGKILL')
    await ended
  }
  const store = open()
  const steps = Array.from({ length: last + 1 }, (_, i) => i)
  const found = (await all(store.retained())).map(({ payload }) => Number(Buffer.from(payload).toString()))
  expect(found.slice(0, steps.length)).toEqual(steps)
  expect(found.length).toBeLessThanOrEqual(steps.length + 1)
  const clients = await all(store.clients())
  for (const step of steps) {
    const { subscriptions } = clients.find(({ clientId }) => clientId === `c${step}`)!
    expect(subscriptions).toEqual([{ topic: `t/${step}`, qos: 1 }])
    expect(waiting(await store.sessions.load(`c${step}`))).toEqual([1])
  }
}, 60_000)
