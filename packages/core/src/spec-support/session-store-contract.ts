import fc from 'fast-check'
import type { SessionChange, SessionState, SessionStore, StoredEntry, StoredMessage } from '../session/session-store.js'
import { MqttError } from '../errors.js'
import type { PublishPacket } from '../packet/packet.js'
import { toHex, utf8, wire } from '../testing/wire.js'
import { packetOf } from './arbitraries.js'
import { decode, encode } from './codec.js'
import { plain } from './plain.js'

/** A store, as a test uses it. */
export interface StoreUnderTest {
  readonly store: SessionStore
  /** Gives up the store, and a new one over the same data; undefined where data ends with its store. */
  readonly reopen?: (() => Promise<StoreUnderTest>) | undefined
  /** Ends it and removes its data. */
  close(): Promise<void>
}

const ids = [
  '',
  'a',
  'aa',
  'a!o',
  'a/b',
  '!',
  '\u{1f600}',
  '\uffff',
  '__proto__',
  'constructor',
  'é',
  'e\u0301',
  'x'.repeat(300),
]

/** A state as a test compares it: messages as their bytes on the wire, so that the order of user properties counts. */
export function shownState({ outgoing, received }: SessionState): unknown {
  return { outgoing: outgoing.map(shownEntry), received: [...received].sort((a, b) => a - b) }
}

function shownEntry(entry: StoredEntry): unknown {
  const { kind, sequence, messageId } = entry
  if (kind === 'release') return { kind, sequence, messageId }
  const { topic, payload, qos, retain, properties } = entry.message
  const publish = encode(5, { cmd: 'publish', topic, payload, qos, retain, properties, messageId: 1 })
  return { kind, sequence, messageId, expiresAt: entry.expiresAt, publish: plain(publish) }
}

export function message(text: string, fields: Partial<StoredMessage> = {}): StoredMessage {
  return { topic: 't', payload: utf8(text), qos: 1, retain: false, ...fields }
}

/** A new message as a change. */
export function added(sequence: number, fields: Partial<StoredMessage> = {}, messageId?: number): SessionChange {
  const entry = { kind: 'message', sequence, message: message(`m${sequence}`, fields), messageId } as const
  return { kind: 'added', entry: { ...entry, expiresAt: undefined } }
}

export function releasing(sequence: number, messageId: number): SessionChange {
  return { kind: 'added', entry: { kind: 'release', sequence, messageId } }
}

const messages: fc.Arbitrary<StoredMessage> = packetOf('publish', 5).map((given) => {
  const [packet] = decode(5, encode(5, { ...given, qos: 2, dup: false, messageId: 1 } as PublishPacket))
  const { topic, payload, retain, properties } = packet as PublishPacket
  return { topic, payload, qos: given.cmd === 'publish' && given.qos === 2 ? 2 : 1, retain, properties }
})

/** What a store must be like, in the plainest words. */
class Model {
  #outgoing: readonly StoredEntry[] = []
  #received: ReadonlySet<number> = new Set()

  get state(): SessionState {
    const outgoing = [...this.#outgoing].sort((a, b) => a.sequence - b.sequence)
    return { outgoing, received: [...this.#received] }
  }

  find(sequence: number): StoredEntry | undefined {
    return this.#outgoing.find((entry) => entry.sequence === sequence)
  }

  apply(change: SessionChange): void {
    if (change.kind === 'added') {
      this.#outgoing = [...this.#outgoing, change.entry]
    } else if (change.kind === 'removed') {
      this.#outgoing = this.#outgoing.filter(({ sequence }) => sequence !== change.sequence)
    } else if (change.kind === 'sent') {
      const { sequence, messageId } = change
      this.#outgoing = this.#outgoing.map((entry) => (entry.sequence === sequence ? { ...entry, messageId } : entry))
    } else {
      const others = [...this.#received].filter((id) => id !== change.messageId)
      this.#received = new Set(change.kind === 'received' ? [...others, change.messageId] : others)
    }
  }
}

interface Step {
  readonly kind: SessionChange['kind'] | 'releasing'
  readonly sequence: number
  readonly messageId: number
  readonly isSent: boolean
  readonly message: StoredMessage
  readonly expiresAt: number | undefined
}

const steps: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('added', 'added', 'releasing', 'sent', 'removed', 'received', 'released'),
  sequence: fc.oneof({ weight: 3, arbitrary: fc.nat(12) }, { weight: 1, arbitrary: fc.maxSafeNat() }),
  messageId: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 65_535 })),
  isSent: fc.boolean(),
  message: messages,
  expiresAt: fc.option(fc.oneof(fc.maxSafeNat(), fc.double({ min: 0, noNaN: true })), { nil: undefined }),
})

/** The change that a step is where it fits the state; undefined where it doesn't. */
function changeOf(step: Step, there: StoredEntry | undefined): SessionChange | undefined {
  const { kind, sequence, messageId, isSent, message, expiresAt } = step
  switch (kind) {
    case 'added': {
      const entry = {
        kind: 'message',
        sequence,
        message,
        expiresAt,
        messageId: isSent ? messageId : undefined,
      } as const
      return there === undefined ? { kind, entry } : undefined
    }
    case 'releasing':
      return there === undefined ? releasing(sequence, messageId) : undefined
    case 'sent':
      return there?.kind === 'message' ? { kind, sequence, messageId } : undefined
    case 'removed':
      return { kind, sequence }
    case 'received':
    case 'released':
      return { kind, messageId }
  }
}

/** The code of what a write says no with, whether it throws or rejects; undefined where it says yes. */
async function refused(
  store: SessionStore,
  id: string,
  changes: readonly SessionChange[],
): Promise<string | undefined> {
  try {
    await store.write(id, changes)
  } catch (error) {
    return error instanceof MqttError ? error.code : `no MqttError: ${String(error)}`
  }
  return undefined
}

/** Everything that the {@link SessionStore} interface promises. A spec of a store is a set-up and a call of this. */
export function sessionStoreContract(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`${name}: the SessionStore contract`, () => {
    let made: StoreUnderTest
    let store: SessionStore

    const load = async (id = 'c'): Promise<unknown> => shownState(await store.load(id))
    const expectState = async (changes: readonly SessionChange[], id = 'c'): Promise<void> => {
      const model = new Model()
      for (const change of changes) model.apply(change)
      expect(await load(id)).toEqual(shownState(model.state))
      if (made.reopen === undefined) return
      made = await made.reopen()
      store = made.store
      expect(await load(id)).toEqual(shownState(model.state))
    }

    beforeEach(async () => {
      made = await make()
      store = made.store
    })
    afterEach(() => made.close())

    test('knows nothing of an identifier that is new', async () => {
      expect(await store.load('c')).toEqual({ outgoing: [], received: [] })
    })

    test.each<[string, SessionChange[]]>([
      ['a message that waits', [added(1)]],
      ['a message that is sent at once', [added(1, { qos: 2 }, 65_535)]],
      ['a message that is sent later', [added(1), { kind: 'sent', sequence: 1, messageId: 7 }]],
      [
        'a message that is sent again under another identifier',
        [added(1, {}, 6), { kind: 'sent', sequence: 1, messageId: 7 }],
      ],
      ['a message that is over', [added(1), added(2), { kind: 'removed', sequence: 1 }]],
      [
        'a sent message that is over',
        [added(1), { kind: 'sent', sequence: 1, messageId: 7 }, { kind: 'removed', sequence: 1 }],
      ],
      ['a release', [releasing(1, 9)]],
      ['a release that is over', [releasing(1, 9), { kind: 'removed', sequence: 1 }]],
      [
        'identifiers taken',
        [
          { kind: 'received', messageId: 1 },
          { kind: 'received', messageId: 65_535 },
        ],
      ],
      [
        'an identifier released',
        [
          { kind: 'received', messageId: 1 },
          { kind: 'received', messageId: 2 },
          { kind: 'released', messageId: 1 },
        ],
      ],
      ['a retained message without payload', [added(1, { retain: true, payload: new Uint8Array(0) })]],
      ['a sequence used again', [added(1, {}, 5), { kind: 'removed', sequence: 1 }, added(1)]],
      [
        'a release in the place of its message',
        [added(1, { qos: 2 }, 5), { kind: 'removed', sequence: 1 }, releasing(2, 5)],
      ],
    ])('keeps %s, in one write and in several', async (_, changes) => {
      await store.write('c', changes)
      await expectState(changes)
      for (const change of changes) await store.write('d', [change])
      await expectState(changes, 'd')
    })

    test.each<[string, SessionChange[]]>([
      ['removed, of nothing', [{ kind: 'removed', sequence: 1 }]],
      ['removed, twice', [added(1), { kind: 'removed', sequence: 1 }, { kind: 'removed', sequence: 1 }]],
      ['released, of nothing', [{ kind: 'released', messageId: 1 }]],
      [
        'received, twice',
        [
          { kind: 'received', messageId: 1 },
          { kind: 'received', messageId: 1 },
        ],
      ],
      ['nothing at all', []],
    ])('takes no offence at %s', async (_, changes) => {
      for (const change of changes) await store.write('c', [change])
      await store.write('d', changes)
      await expectState(changes)
      await expectState(changes, 'd')
    })

    test('keeps the time at which a message expires', async () => {
      const entry = { kind: 'message', sequence: 1, message: message('x'), messageId: undefined } as const
      const times = [0, 1, 1_790_000_000_000, Number.MAX_SAFE_INTEGER]
      const changes = times.map(
        (expiresAt, i) => ({ kind: 'added', entry: { ...entry, sequence: i, expiresAt } }) as const,
      )
      await store.write('c', changes)
      await store.write('c', [{ kind: 'sent', sequence: 2, messageId: 3 }])
      await expectState([...changes, { kind: 'sent', sequence: 2, messageId: 3 }])
    })

    test('gives entries in the order of their sequence', async () => {
      const sequences = [0, 1, 9, 10, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]
      const changes = sequences.map((sequence, i) => (i % 3 === 0 ? releasing(sequence, 1 + i) : added(sequence)))
      await store.write('c', [...changes].reverse())
      const { outgoing } = await store.load('c')
      expect(outgoing.map(({ sequence }) => sequence)).toEqual(sequences)
      await expectState(changes)
    })

    const wrong: readonly [string, SessionChange[]][] = [
      ['sent, of nothing', [{ kind: 'sent', sequence: 99, messageId: 1 }]],
      ['sent, of a release', [{ kind: 'sent', sequence: 2, messageId: 1 }]],
      [
        'sent, of what a change before it removed',
        [
          { kind: 'removed', sequence: 1 },
          { kind: 'sent', sequence: 1, messageId: 1 },
        ],
      ],
      ['added, with a sequence that is there', [added(1)]],
      ['added, a release with a sequence that is there', [releasing(1, 4)]],
      ['added, with the sequence of a change before it', [added(50), releasing(50, 4)]],
      ['added, with a sequence that is none', [added(-1)]],
      ['added, with half a sequence', [added(1.5)]],
      ['added, with the packet identifier 0', [added(50, {}, 0)]],
      ['added, a release without its packet identifier', [releasing(50, 0)]],
      ['sent, with the packet identifier 0', [{ kind: 'sent', sequence: 1, messageId: 0 }]],
      ['sent, with the packet identifier 65536', [{ kind: 'sent', sequence: 1, messageId: 65_536 }]],
      ['removed, with a sequence that is none', [{ kind: 'removed', sequence: Number.NaN }]],
      ['received, with the packet identifier 65536', [{ kind: 'received', messageId: 65_536 }]],
      ['released, with half a packet identifier', [{ kind: 'released', messageId: 1.5 }]],
    ]
    test.each(wrong)('makes all changes or none: %s', async (_, changes) => {
      const before: SessionChange[] = [added(1), releasing(2, 3), { kind: 'received', messageId: 4 }]
      const fine: SessionChange[] = [
        added(3, {}, 8),
        { kind: 'removed', sequence: 2 },
        { kind: 'received', messageId: 5 },
        { kind: 'released', messageId: 4 },
      ]
      await store.write('c', before)
      expect(await refused(store, 'c', [...fine.slice(0, 1), ...changes, ...fine.slice(1)])).toBe('store')
      expect(await refused(store, 'c', [...fine, ...changes])).toBe('store')
      await expectState(before)
      await store.write('c', fine)
      await expectState([...before, ...fine])
    })

    test('forgets everything of one identifier', async () => {
      const changes: SessionChange[] = [added(1, {}, 2), releasing(2, 3), { kind: 'received', messageId: 4 }]
      for (const id of ids) await store.write(id, changes)
      for (const [i, id] of ids.entries()) {
        await store.clear(id)
        await expectState([], id)
        for (const other of ids.slice(i + 1)) expect(await load(other)).toEqual(shownState(modelOf(changes)))
      }
      await store.clear('nobody')
      await store.write('a', changes)
      await expectState(changes, 'a')
    })

    test('keeps identifiers apart, whatever they are', async () => {
      const changesOf = (i: number): SessionChange[] => [
        added(i),
        releasing(1_000 + i, i + 1),
        { kind: 'received', messageId: i + 1 },
      ]
      await Promise.all(ids.map(async (id, i) => store.write(id, changesOf(i))))
      for (const [i, id] of ids.entries()) await expectState(changesOf(i), id)
      await store.write('a', [
        { kind: 'removed', sequence: 1 },
        { kind: 'released', messageId: 2 },
      ])
      for (const [i, id] of ids.entries()) {
        if (id !== 'a') await expectState(changesOf(i), id)
      }
    })

    test('one identifier does not suffer from the changes of another that are refused', async () => {
      const written = ids.map((id, i) =>
        refused(store, id, i % 2 === 0 ? [added(i)] : [{ kind: 'sent', sequence: 1, messageId: 1 }]),
      )
      expect(await Promise.all(written)).toEqual(ids.map((_, i) => (i % 2 === 0 ? undefined : 'store')))
      for (const [i, id] of ids.entries()) await expectState(i % 2 === 0 ? [added(i)] : [], id)
    })

    test('gives the same state again, of which nothing is shared', async () => {
      const changes = [added(1, { payload: Uint8Array.of(1, 2, 3), properties: { correlationData: Uint8Array.of(4) } })]
      await store.write('c', changes)
      const first = await store.load('c')
      const shown = shownState(first)
      expect(shownState(await store.load('c'))).toEqual(shown)
      for (const entry of first.outgoing) {
        if (entry.kind === 'release') continue
        entry.message.payload.fill(0)
        entry.message.properties?.correlationData?.fill(0)
      }
      ;(first.outgoing as StoredEntry[]).length = 0
      ;(first.received as number[]).push(7)
      expect(await load()).toEqual(shown)
      const second = await store.load('c')
      await store.write('c', [
        { kind: 'sent', sequence: 1, messageId: 1 },
        { kind: 'received', messageId: 9 },
      ])
      expect(shownState(second)).toEqual(shown)
    })

    test('keeps what it was given, whatever becomes of that', async () => {
      const chunk = Buffer.from('..payload..')
      const correlationData = Uint8Array.of(1, 2, 3)
      const subscriptionIdentifier = [1, 2]
      const userProperties = { a: ['1', '2'], b: '3' }
      const properties = { correlationData, subscriptionIdentifier, userProperties, contentType: 'text' }
      const payload = chunk.subarray(2, 9)
      await store.write('c', [added(1, { payload, properties })])
      const shown = await load()
      chunk.fill(0)
      correlationData.fill(0)
      subscriptionIdentifier.pop()
      userProperties.a.reverse()
      userProperties.b = '4'
      properties.contentType = 'other'
      expect(await load()).toEqual(shown)
      const { outgoing } = await store.load('c')
      const kept = outgoing[0]?.kind === 'message' ? outgoing[0].message.payload : undefined
      expect(kept).toEqual(new Uint8Array(utf8('payload')))
      expect(kept?.constructor).toBe(Uint8Array)
      expect(kept?.buffer.byteLength).toBe(7)
    })

    test('keeps the order of user properties, also where their names come again', async () => {
      // An object can't show that b comes before and after a.
      const pairs = '26 0001 "b" 0001 "1" 26 0001 "a" 0001 "3" 26 0001 "b" 0001 "2"'
      const [packet] = decode(5, wire(`30 19 0001 "t" 15 ${pairs}`))
      const change = added(1, { properties: (packet as PublishPacket).properties })
      await store.write('c', [change])
      await expectState([change])
      const { outgoing } = await store.load('c')
      const publish = expect.stringContaining(toHex(wire(pairs))) as unknown
      expect(shownEntry(outgoing[0]!)).toHaveProperty('publish', publish)
    })

    test('keeps large payloads, and many messages', async () => {
      const large = [
        added(1, { payload: new Uint8Array(3_000_000).fill(7) }),
        added(2, { payload: new Uint8Array(5_000).fill(8) }),
      ]
      await store.write('large', large)
      await store.write('large', [{ kind: 'sent', sequence: 1, messageId: 5 }])
      await expectState([...large, { kind: 'sent', sequence: 1, messageId: 5 }], 'large')
      const many = Array.from({ length: 3_000 }, (_, i) => added(i, {}, i + 1))
      await store.write('many', many)
      await expectState(many, 'many')
      await store.clear('many')
      await expectState([], 'many')
    })

    test('is what a simple model is, after any changes', async () => {
      let run = 0
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(steps, { maxLength: 6 }), { maxLength: 8 }),
          fc.nat(8),
          async (writes, reopenAt) => {
            const id = `run ${run++}`
            const model = new Model()
            for (const [i, write] of writes.entries()) {
              const changes: SessionChange[] = []
              for (const step of write) {
                const change = changeOf(step, model.find(step.sequence))
                if (change === undefined) continue
                changes.push(change)
                model.apply(change)
              }
              await store.write(id, changes)
              if (i === reopenAt && made.reopen !== undefined) {
                made = await made.reopen()
                store = made.store
              }
              expect(await load(id)).toEqual(shownState(model.state))
            }
          },
        ),
        { numRuns: 60 },
      )
    })
  })
}

function modelOf(changes: readonly SessionChange[]): SessionState {
  const model = new Model()
  for (const change of changes) model.apply(change)
  return model.state
}
