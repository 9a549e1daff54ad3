import { jest } from '@jest/globals'
import { delay, map, of, take } from 'rxjs'
import { mergeMapPausing } from '../operators/merge-map-pausing.js'
import { onBackpressureBuffer } from '../operators/on-backpressure-buffer.js'
import type { PacketInput } from '../packet/fields.js'
import type { Packet, PacketType } from '../packet/packet.js'
import { encode, failure } from '../spec-support/codec.js'
import { memoryInUse } from '../spec-support/memory.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { FakeTransport } from '../testing/fake-transport.js'
import { flat, marbles } from '../testing/marbles.js'
import { packets } from '../testing/packets.js'
import { join, toHex, wire } from '../testing/wire.js'
import { Connection } from './connection.js'
import type { ConnectionOptions } from './options.js'

expectNoUnhandled()

const ping = wire('c0 00')
const cmdOf = map(({ cmd }: Packet) => cmd)
const tooLarge = { code: 'packet-too-large', reasonCode: 0x95 }

/** A CONNECT of MQTT 5 of exactly `size` bytes, over 300. */
function connectOf(size: number): Uint8Array {
  const base = { cmd: 'connect', clientId: 'me', username: 'u', password: '' } as const
  const empty = encode(5, base).length
  const bytes = encode(5, { ...base, password: 'x'.repeat(size - empty - 1) })
  return bytes.length === size
    ? bytes
    : encode(5, { ...base, password: 'x'.repeat(size - empty - 1 - (bytes.length - size)) })
}

/** A PUBLISH of exactly `size` bytes, between 200 and 4,000. */
function publishOf(size: number): PacketInput {
  return { cmd: 'publish', topic: 'a', payload: new Uint8Array(size - 6) }
}

/** The same in MQTT 5, which has a byte more. */
function publish5(size: number): Uint8Array {
  return encode(5, publishOf(size - 1))
}

interface Seen {
  readonly connection: Connection
  readonly transport: FakeTransport
  readonly types: PacketType[]
  readonly ends: unknown[]
}

function open(options: ConnectionOptions): Seen {
  const transport = new FakeTransport()
  const connection = new Connection(transport, options)
  const seen: Seen = { connection, transport, types: [], ends: [] }
  connection.packets$.subscribe(({ cmd }) => seen.types.push(cmd))
  connection.closed$.subscribe({
    complete: () => seen.ends.push('complete'),
    error: (error: unknown) => seen.ends.push(flat(error)),
  })
  return seen
}

function sent(transport: FakeTransport): string {
  const chunks: Uint8Array[] = []
  transport.sent$.subscribe({ next: (chunk) => chunks.push(chunk), error: () => undefined })
  return toHex(join(...chunks))
}

describe('law 3: limits hold before memory is spent', () => {
  test('a server reads at most maximumConnectSize before CONNACK: exactly, and refused at the length field', () => {
    for (const size of [999, 1_000, 1_001]) {
      const { connection, transport, types, ends } = open({ role: 'server', maximumConnectSize: 1_000 })
      const bytes = connectOf(size)
      expect(bytes).toHaveLength(size)
      transport.receive(bytes.slice(0, 4))
      if (size <= 1_000) transport.receive(bytes.slice(4))
      expect(types).toEqual(size <= 1_000 ? ['connect'] : [])
      expect(ends).toEqual(size <= 1_000 ? [] : [{ ...tooLarge, returnCode: undefined }])
      expect(sent(transport)).toBe('')
      connection.destroy()
    }
  })

  test('that is 64 KiB by default, and never more than maximumPacketSize', () => {
    for (const [options, limit] of [
      [{ role: 'server' }, 65_536],
      [{ role: 'server', maximumPacketSize: 500 }, 500],
    ] as const) {
      for (const size of [limit, limit + 1]) {
        const { connection, transport, types } = open(options)
        transport.receive(connectOf(size))
        expect(types).toEqual(size === limit ? ['connect'] : [])
        connection.destroy()
      }
    }
  })

  test('an accepting CONNACK lifts it to maximumPacketSize, a refusing one does not', () => {
    const options: ConnectionOptions = { role: 'server', maximumConnectSize: 1_000, maximumPacketSize: 2_000 }
    for (const size of [1_001, 2_000, 2_001]) {
      const { connection, transport, types, ends } = open(options)
      transport.receive(connectOf(400))
      connection.connack()
      transport.receive(publish5(size))
      expect(types).toEqual(size <= 2_000 ? ['connect', 'publish'] : ['connect'])
      transport.receiveEnd()
      expect(ends).toEqual(size <= 2_000 ? ['complete'] : [{ ...tooLarge, returnCode: undefined }])
    }
    const waiting = open(options)
    waiting.transport.receive(connectOf(400))
    waiting.transport.receive(publish5(1_001))
    expect([waiting.types, sent(waiting.transport)]).toEqual([['connect'], '2003009500'])
    waiting.connection.destroy()
  })

  test('without that role it is maximumPacketSize from the start, exactly', () => {
    for (const role of [undefined, 'client'] as const) {
      for (const size of [1_999, 2_000, 2_001]) {
        const { connection, transport, types, ends } = open({ role, maximumPacketSize: 2_000, protocolVersion: 5 })
        if (role === 'client') {
          connection.connect({ clientId: 'me' })
          transport.receive(encode(5, { cmd: 'connack' }))
        }
        transport.receive(publish5(size))
        expect(types.at(-1)).toBe(size <= 2_000 ? 'publish' : role && 'connack')
        transport.receiveEnd()
        expect(ends).toEqual(size <= 2_000 ? ['complete'] : [{ ...tooLarge, returnCode: undefined }])
      }
    }
  })

  test('what is written: exactly maximumPacketSize', () => {
    const { connection, transport, ends } = open({ maximumPacketSize: 2_000 })
    for (const size of [1_999, 2_000]) expect(failure(() => connection.write(publishOf(size)))).toBeUndefined()
    expect(failure(() => connection.write(publishOf(2_001)))).toMatchObject({
      code: 'invalid-packet',
      reasonCode: 0x95,
    })
    connection.end()
    expect(sent(transport).length / 2).toBe(3_999)
    transport.receiveEnd()
    expect(ends).toEqual(['complete'])
  })

  test('many packets of the limit in one chunk are no packet over it', () => {
    const { connection, transport, types } = open({ role: 'server', maximumConnectSize: 500, maximumPacketSize: 500 })
    connection.connect$.pipe(take(1)).subscribe(() => connection.connack())
    transport.receive(join(connectOf(500), ...Array.from({ length: 50 }, () => publish5(500))))
    expect(types).toHaveLength(51)
    connection.destroy()
  })

  test('a refused length keeps no memory, and a held back peer is held at its transport', () => {
    const before = memoryInUse()
    const seen = Array.from({ length: 200 }, () => {
      const each = open({ role: 'server' })
      each.transport.receive(wire('10 ff ff ff 7f'))
      each.transport.receive(new Uint8Array(65_536))
      return each
    })
    expect(seen.every(({ ends }) => ends.length === 1)).toBe(true)
    expect(memoryInUse() - before).toBeLessThan(200 * 32_768)
  })

  test("maximumBuffered: what waits for the peer, written or not yet handed over, is bounded, then 'overflow'", () => {
    const { connection, transport, ends } = open({ maximumBuffered: 1_000 })
    transport.buffered = 500
    expect(connection.write(publishOf(500))).toBe(true)
    expect(ends).toEqual([])
    expect(connection.pingreq()).toBe(false)
    expect(ends).toEqual([{ code: 'overflow', reasonCode: undefined, returnCode: undefined }])
    expect(connection.pingreq()).toBe(false)
    expect(sent(transport)).toBe('')
    const alone = open({ maximumBuffered: 1_000 })
    expect(alone.connection.write(publishOf(1_000))).toBe(true)
    alone.connection.destroy()
    const over = open({ maximumBuffered: 1_000 })
    expect(over.connection.write(publishOf(1_001))).toBe(false)
    expect(over.ends).toMatchObject([{ code: 'overflow' }])
  })
})

describe('law 9: backpressure is lossless both ways', () => {
  test('writable follows the transport; a write returns it', () => {
    marbles((helpers) => {
      const transport = helpers.transport('-')
      const connection = new Connection(transport)
      const results: boolean[] = []
      const write = (): void => void results.push(connection.pingreq(), connection.writable)
      helpers.does('-w-s-w-o-w-e', {
        w: write,
        s: () => (transport.writable = false),
        o: () => (transport.writable = true),
        e: () => {
          connection.end()
          write()
          transport.receiveEnd()
          expect(results).toEqual([true, true, false, false, true, true, false, false])
        },
      })
      helpers.expectObservable(connection.writable$).toBe('a--b---a---(b|)', { a: true, b: false })
      helpers.expectObservable(connection.writable$, '----^-!').toBe('----b', { b: false })
    })
  })

  test('onBackpressureBuffer on a connection: what it lets pass is never refused', () => {
    marbles((helpers) => {
      const transport = helpers.transport('-')
      const connection = new Connection(transport)
      const source$ = helpers.hot('a-bcdef|')
      helpers.does('-s-----o', { s: () => (transport.writable = false), o: () => (transport.writable = true) })
      const written$ = source$.pipe(
        onBackpressureBuffer(connection, { capacity: 10, overflow: 'error' }),
        map((topic) => (expect(connection.writable).toBe(true), connection.publish({ topic }), topic)),
      )
      helpers.expectObservable(written$).toBe('a------(bcdef|)')
    })
  })

  test('a slow handler stops the transport: what is held is one chunk and the queue', () => {
    const transport = new FakeTransport(() => 0)
    const connection = new Connection(transport)
    const seen: string[] = []
    const slow$ = connection.publish$.pipe(
      mergeMapPausing(connection, ({ topic }) => of(topic).pipe(delay(1_000_000)), { capacity: 5 }),
    )
    const subscription = slow$.subscribe((topic) => seen.push(topic))
    for (let i = 0; i < 100; i++) transport.receive(encode(4, { cmd: 'publish', topic: `${i}` }))
    // One runs, five wait; the others are where the peer is held back.
    expect(transport.subscriptions).toEqual([{ subscribedFrame: 0, unsubscribedFrame: 0 }])
    subscription.unsubscribe()
    const rest: string[] = []
    connection.publish$.subscribe(({ topic }) => rest.push(topic))
    return Promise.resolve().then(() => {
      expect(rest).toEqual(Array.from({ length: 94 }, (_, i) => `${i + 6}`))
      connection.destroy()
    })
  })
})

describe('law 11: a pause is bounded', () => {
  const timeout = { code: 'timeout' }

  test('paused for longer than pauseTimeout: closed with its code, whatever the peer did', () => {
    marbles((helpers) => {
      const transport = helpers.transport('-a', { a: ping })
      const connection = new Connection(transport, { pauseTimeout: 5 })
      helpers.does('--p', { p: () => connection.pause() })
      helpers.expectObservable(connection.packets$.pipe(cmdOf)).toBe('-a-----|', { a: 'pingreq' })
      helpers.expectObservable(connection.closed$).toBe('-------#', null, timeout)
      helpers.expectObservable(transport.closed$).toBe('-------#', null, timeout)
    })
  })

  test('nobody subscribed while bytes wait: the time runs from the first of them', () => {
    marbles((helpers) => {
      const transport = helpers.transport('---a-a', { a: ping })
      const connection = new Connection(transport, { pauseTimeout: 5 })
      helpers.expectObservable(connection.closed$).toBe('--------#', null, timeout)
      // It reads until the first chunk, which it keeps.
      helpers.expectReads(transport).toBe('^--!')
    })
  })

  test('nobody subscribed and nothing waits: not held back, however long', () => {
    marbles((helpers) => {
      const transport = helpers.transport('- 100ms a', { a: ping })
      const connection = new Connection(transport, { pauseTimeout: 5 })
      helpers.expectObservable(connection.closed$).toBe('- 105ms #', null, timeout)
    })
  })

  test('a connection that only writes is not held back, and sees its peer end', () => {
    marbles((helpers) => {
      const transport = helpers.transport('- 50ms |')
      const connection = new Connection(transport, { pauseTimeout: 5 })
      helpers.does('a 9ms a 9ms a', { a: () => connection.pingreq() })
      helpers.expectSent(transport).toBe('a 9ms a 9ms a 30ms |', { a: packets.pingreq() })
      helpers.expectObservable(connection.closed$).toBe('- 50ms |')
    })
  })

  test('what came while it waited for the first bytes is lost to nobody', () => {
    marbles((helpers) => {
      const transport = helpers.transport('-a-b', { a: join(ping, ping.subarray(0, 1)), b: ping.subarray(1) })
      const connection = new Connection(transport, { pauseTimeout: 9 })
      helpers.expectObservable(connection.packets$.pipe(cmdOf), '-----^').toBe('-----(aa)', { a: 'pingreq' })
      helpers.expectObservable(connection.closed$).toBe('-')
    })
  })

  test('a break begins the time anew', () => {
    marbles((helpers) => {
      const transport = helpers.transport('-')
      const connection = new Connection(transport, { pauseTimeout: 5 })
      connection.packets$.subscribe()
      helpers.does('-p---rp---r----p', { p: () => connection.pause(), r: () => connection.resume() })
      helpers.expectObservable(connection.closed$).toBe('20ms #', null, timeout)
    })
  })

  test('a second pause, an end of a subscription, or one more while paused is no break', () => {
    marbles((helpers) => {
      const transport = helpers.transport('-')
      const connection = new Connection(transport, { pauseTimeout: 5 })
      connection.packets$.subscribe()
      helpers.does('-p-p-r', { p: () => connection.pause(), r: () => connection.resume() })
      helpers.expectObservable(connection.publish$, '--^-!').toBe('-')
      helpers.expectObservable(connection.closed$).toBe('------#', null, timeout)
    })
  })

  test('is 60 s with role server, off otherwise, and off with 0', () => {
    for (const [options, at] of [
      [{ role: 'server' }, '60s #'],
      [{ role: 'client' }, '-'],
      [{}, '-'],
      [{ role: 'server', pauseTimeout: 0 }, '-'],
    ] as const) {
      marbles((helpers) => {
        const connection = new Connection(helpers.transport('-'), options)
        connection.packets$.subscribe()
        connection.pause()
        helpers.expectObservable(connection.closed$, '^ 200s !').toBe(at, null, timeout)
      })
    }
  })

  test('no timer is left: after a resume, an end, a destroy, a broken transport', () => {
    for (const over of ['resume', 'destroy', 'end', 'broken', 'peer'] as const) {
      marbles((helpers) => {
        const transport = helpers.transport('-')
        const connection = new Connection(transport, { pauseTimeout: 50, drainTimeout: 7 })
        const subscription = connection.packets$.subscribe()
        connection.pause()
        helpers.does('--o', {
          o: () => {
            if (over === 'broken') transport.close()
            else if (over === 'peer') connection.end()
            else connection[over]()
            if (over === 'peer') transport.receiveEnd()
          },
        })
        const end = { resume: '-', destroy: '--|', end: '-- 7ms |', broken: '--|', peer: '--|' }[over]
        helpers.expectObservable(connection.closed$).toBe(end)
        helpers.flush()
        // Virtual time stands where the last task was: a timer that is left would have moved it on.
        expect(helpers.now()).toBeLessThanOrEqual(over === 'end' ? 9 : 2)
        subscription.unsubscribe()
      })
    }
  })
})

describe('law 8: time is RxJS time', () => {
  test('a connection that writes, pauses, times out and says goodbye uses no other clock', () => {
    const spies = [
      jest.spyOn(globalThis, 'setTimeout'),
      jest.spyOn(globalThis, 'setInterval'),
      jest.spyOn(globalThis, 'setImmediate'),
      jest.spyOn(globalThis, 'queueMicrotask'),
      jest.spyOn(Date, 'now'),
      jest.spyOn(performance, 'now'),
    ]
    try {
      marbles((helpers) => {
        const connection = new Connection(helpers.transport('-a', { a: ping }), { pauseTimeout: 1_000 })
        connection.packets$.subscribe(() => connection.pause())
        helpers.does('a---e', { a: () => connection.pingreq(), e: () => connection.disconnect() })
        helpers.expectObservable(connection.closed$).toBe('1001ms #', null, { code: 'timeout' })
        const ending = new Connection(helpers.transport('-'))
        helpers.does('-e', { e: () => ending.end() })
        helpers.expectObservable(ending.closed$).toBe('- 2s |')
      })
      for (const spy of spies) expect(spy).not.toHaveBeenCalled()
    } finally {
      for (const spy of spies) spy.mockRestore()
    }
  })
})
