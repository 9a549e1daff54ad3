import { Observable, of, Subject, take } from 'rxjs'
import { Encoder } from '../codec/encoder.js'
import { Protocol } from '../codec/protocol.js'
import { MqttError } from '../errors.js'
import type { PacketInput } from '../packet/fields.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { flat, marbles } from '../testing/marbles.js'
import { join, wire } from '../testing/wire.js'
import { generate } from './generate.js'

const unhandled = expectNoUnhandled()

const ping = wire('c0 00')
const pong = wire('d0 00')
const p: PacketInput = { cmd: 'pingreq' }
const q: PacketInput = { cmd: 'pingresp' }
const bad: PacketInput = { cmd: 'publish', topic: 'a/+' }
const inputs = { p, q, x: bad }
const invalidTopic = { code: 'invalid-packet', reasonCode: 0x82 }

describe('generate', () => {
  test('empty, and never', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const empty$ = cold<PacketInput>('--|')
      expectObservable(empty$.pipe(generate())).toBe('--|')
      expectSubscriptions(empty$.subscriptions).toBe('^-!')
      const never$ = cold<PacketInput>('-')
      expectObservable(never$.pipe(generate()), '^---!').toBe('-')
      expectSubscriptions(never$.subscriptions).toBe('^---!')
    })
  })

  test('the packets of one frame are one chunk, in order', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold<PacketInput>('-p-(qpq)--p|', inputs)
      expectObservable(source.pipe(generate())).toBe('-a-b------a|', { a: ping, b: join(pong, ping, pong) })
      expectSubscriptions(source.subscriptions).toBe('^----------!')
    })
  })

  test('a chunk leaves in a microtask, not in the call', async () => {
    const source = new Subject<PacketInput>()
    const chunks: Uint8Array[] = []
    source.pipe(generate()).subscribe((chunk) => chunks.push(chunk))
    source.next(p)
    source.next(q)
    expect(chunks).toEqual([])
    await Promise.resolve()
    await Promise.resolve()
    expect(flat(chunks)).toEqual(['c000d000'])
    source.complete()
  })

  test('what waits leaves before the end and before an error of the source', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const completing$ = cold<PacketInput>('-(pq|)', inputs)
      expectObservable(completing$.pipe(generate())).toBe('-(a|)', { a: join(ping, pong) })
      const failing$ = cold<PacketInput>('-(pq#)', inputs, new MqttError('timeout', 'late'))
      expectObservable(failing$.pipe(generate())).toBe('-(a#)', { a: join(ping, pong) }, { code: 'timeout' })
      expectSubscriptions(failing$.subscriptions).toBe('^!')
    })
  })

  test('an invalid packet errors after the packets before it, and ends the subscription to the source', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold<PacketInput>('-(pqxp)-p', inputs)
      expectObservable(source.pipe(generate())).toBe('-(a#)', { a: join(ping, pong) }, invalidTopic)
      expectSubscriptions(source.subscriptions).toBe('^!')
    })
  })

  test('early unsubscribe drops what waits and leaves no task', () => {
    marbles(({ cold, hot, expectObservable, expectSubscriptions }) => {
      const source = hot<PacketInput>('-p-p-p|', inputs)
      expectObservable(source.pipe(generate()), '^--!').toBe('-a', { a: ping })
      expectSubscriptions(source.subscriptions).toBe('^--!')
      const one$ = cold<PacketInput>('(pq)', inputs)
      expectObservable(one$.pipe(generate(), take(1))).toBe('(a|)', { a: join(ping, pong) })
      expectSubscriptions(one$.subscriptions).toBe('(^!)')
    })
  })

  test('what waits at an unsubscribe stays in a given encoder', async () => {
    const encoder = new Encoder()
    const source = new Subject<PacketInput>()
    const subscription = source.pipe(generate({ encoder })).subscribe()
    source.next(p)
    subscription.unsubscribe()
    await Promise.resolve()
    await Promise.resolve()
    expect(flat(encoder.take())).toEqual(['c000'])
  })

  test('unsubscribing inside next: nothing more is emitted', () => {
    const source = new Subject<PacketInput>()
    const chunks: Uint8Array[] = []
    const subscription = source.pipe(generate({ chunkSize: 2 })).subscribe((chunk) => {
      chunks.push(chunk)
      subscription.unsubscribe()
      source.next(q)
    })
    source.next(p)
    expect(flat(chunks)).toEqual(['c000'])
    expect(source.observed).toBe(false)
  })

  test('chunkSize: a full chunk leaves in the call', () => {
    const source = new Subject<PacketInput>()
    const chunks: Uint8Array[] = []
    source.pipe(generate({ chunkSize: 4 })).subscribe((chunk) => chunks.push(chunk))
    source.next(p)
    expect(chunks).toEqual([])
    source.next(p)
    source.next(q)
    expect(flat(chunks)).toEqual(['c000c000'])
    source.complete()
    expect(flat(chunks)).toEqual(['c000c000', 'd000'])
  })

  test('a large payload is a chunk of its own, uncopied, in order', () => {
    const payload = new Uint8Array(4097).fill(7)
    const chunks: Uint8Array[] = []
    of<PacketInput[]>(p, { cmd: 'publish', topic: 'a', payload }, q)
      .pipe(generate())
      .subscribe((chunk) => chunks.push(chunk))
    expect(flat([chunks[0], chunks[2]])).toEqual(['c000308420000161', 'd000'])
    expect(chunks[1]).toBe(payload)
    expect(chunks).toHaveLength(3)
    const small: Uint8Array[] = []
    of<PacketInput[]>({ cmd: 'publish', topic: 'a', payload: payload.subarray(1) })
      .pipe(generate())
      .subscribe((chunk) => small.push(chunk))
    expect(small.map((chunk) => chunk.length)).toEqual([4096 + 6])
  })

  test('packets that come inside next keep their order', async () => {
    for (const chunkSize of [2, 100]) {
      const source = new Subject<PacketInput>()
      const chunks: Uint8Array[] = []
      let depth = 0
      let deepest = 0
      source.pipe(generate({ chunkSize })).subscribe((chunk) => {
        deepest = Math.max(deepest, ++depth)
        chunks.push(chunk)
        if (chunks.length === 1) {
          source.next(q)
          source.next(q)
          source.next(p)
        }
        depth--
      })
      source.next(p)
      await Promise.resolve()
      await Promise.resolve()
      expect(flat(join(...chunks))).toBe('c000d000d000c000')
      expect(deepest).toBe(1)
    }
  })

  test('the source completing or failing inside next: the chunks of the same flush come first', () => {
    for (const end of ['complete', 'error'] as const) {
      const source = new Subject<PacketInput>()
      const seen: unknown[] = []
      source.pipe(generate()).subscribe({
        next: (chunk) => {
          if (seen.push(chunk.length) === 1) source[end](new Error('the end'))
        },
        complete: () => seen.push('complete'),
        error: () => seen.push('error'),
      })
      source.next(p)
      // Over chunkSize, so that it leaves in the call, as two chunks.
      source.next({ cmd: 'publish', topic: 'a', payload: new Uint8Array(70_000) })
      expect(seen).toEqual([2 + 7, 70_000, end])
      expect(source.observed).toBe(false)
    }
  })

  test('the version follows a CONNECT, and an encoder is gone on with', () => {
    marbles(({ cold, expectObservable }) => {
      const encoder = new Encoder({ protocol: new Protocol(4) })
      encoder.write(q)
      const source = cold<PacketInput>('(cd|)', {
        c: { cmd: 'connect', clientId: 'a', protocolVersion: 5 },
        d: { cmd: 'disconnect', reasonCode: 4 },
      })
      expectObservable(source.pipe(generate({ encoder }))).toBe('(a|)', {
        a: wire('d0 00 10 0e 0004 "MQTT" 05 02 0000 00 0001 "a" e0 01 04'),
      })
    })
  })

  test('each subscription has an encoder of its own', () => {
    marbles(({ hot, expectObservable }) => {
      const bytes$ = hot<PacketInput>('--d-d', { d: { cmd: 'disconnect' } }).pipe(
        generate({ protocol: new Protocol(5) }),
      )
      expectObservable(bytes$).toBe('--a-a', { a: wire('e0 00') })
      expectObservable(bytes$, '---^').toBe('----a', { a: wire('e0 00') })
    })
  })

  test('refuses options out of range when subscribed', () => {
    marbles(({ cold, expectObservable }) => {
      const source = cold<PacketInput>('-')
      for (const options of [{ chunkSize: 0 }, { chunkSize: 1.5 }, { maximumPacketSize: 1 }]) {
        expectObservable(source.pipe(generate(options))).toBe('#', null, { code: 'invalid-option' })
      }
    })
  })

  test('an observer that throws is reported by RxJS, and the stream goes on', async () => {
    const source = new Subject<PacketInput>()
    const seen: Uint8Array[] = []
    source.pipe(generate({ chunkSize: 2 })).subscribe((chunk) => {
      seen.push(chunk)
      if (seen.length === 1) throw new Error('in a handler')
    })
    source.next(p)
    source.next(q)
    expect(flat(seen)).toEqual(['c000', 'd000'])
    expect(flat(await unhandled())).toEqual([{ error: 'Error', message: 'in a handler' }])
  })

  test('an observable that throws while subscribing is an error', () => {
    marbles(({ expectObservable }) => {
      const throwing$ = new Observable<PacketInput>(() => {
        throw new MqttError('refused', 'no')
      })
      expectObservable(throwing$.pipe(generate())).toBe('#', null, { code: 'refused' })
    })
  })
})
