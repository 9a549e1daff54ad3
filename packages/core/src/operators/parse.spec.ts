import { concat, Observable, of, Subject, take, throwError } from 'rxjs'
import { Decoder } from '../codec/decoder.js'
import { Protocol } from '../codec/protocol.js'
import { MqttError } from '../errors.js'
import type { Packet, PacketType } from '../packet/packet.js'
import { failure } from '../spec-support/codec.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { flat, marbles } from '../testing/marbles.js'
import { join, wire } from '../testing/wire.js'
import { parse } from './parse.js'

const unhandled = expectNoUnhandled()

const ping = wire('c0 00')
const pong = wire('d0 00')
const packets = { p: { cmd: 'pingreq', length: 0 }, q: { cmd: 'pingresp', length: 0 } } as const
const malformed = { code: 'malformed-packet', reasonCode: 0x81 }

describe('parse', () => {
  test('empty, and never', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const empty$ = cold<Uint8Array>('--|')
      expectObservable(empty$.pipe(parse())).toBe('--|')
      expectSubscriptions(empty$.subscriptions).toBe('^-!')
      const never$ = cold<Uint8Array>('-')
      expectObservable(never$.pipe(parse()), '^---!').toBe('-')
      expectSubscriptions(never$.subscriptions).toBe('^---!')
    })
  })

  test('one packet in a chunk, many in a chunk, one over many chunks, in order', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const chunks = { a: ping, b: join(pong, ping, pong), c: ping.subarray(0, 1), d: join(ping.subarray(1), pong) }
      const source = cold('   -a--b------c--d---|', chunks)
      expectObservable(source.pipe(parse())).toBe('-p--(qpq)-----(pq)|', packets)
      expectSubscriptions(source.subscriptions).toBe('^-----------------!')
    })
  })

  test('an empty chunk is no packet', () => {
    marbles(({ cold, expectObservable }) => {
      const source = cold('a-b-|', { a: new Uint8Array(0), b: ping })
      expectObservable(source.pipe(parse())).toBe('--p-|', packets)
    })
  })

  test('the error of the source comes after the packets before it, also inside a packet', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const broken = new MqttError('transport', 'reset')
      const source = cold('-a-b--#', { a: ping, b: ping.subarray(0, 1) }, broken)
      expectObservable(source.pipe(parse())).toBe('-p----#', packets, { code: 'transport' })
      expectSubscriptions(source.subscriptions).toBe('^-----!')
    })
  })

  test('a bad packet errors after the packets before it in the chunk, and ends the subscription to the source', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('-a--b-', { a: join(ping, pong, wire('00 00'), ping), b: ping })
      expectObservable(source.pipe(parse())).toBe('-(pq#)', packets, malformed)
      expectSubscriptions(source.subscriptions).toBe('^!')
    })
  })

  test('each kind of bad packet has its code and reason', () => {
    marbles(({ cold, expectObservable }) => {
      const errorOf = (bytes: string, maximumPacketSize = 100) =>
        expectObservable(cold('a', { a: wire(bytes) }).pipe(parse({ maximumPacketSize })))
      errorOf('c1 00').toBe('#', null, malformed)
      errorOf('32 05 0001 "a" 0000').toBe('#', null, { code: 'protocol-error', reasonCode: 0x82 })
      errorOf('30 63').toBe('#', null, { code: 'packet-too-large', reasonCode: 0x95 })
      errorOf('10 0d 0004 "MQTT" 06 02 0000 0001 "a"').toBe('#', null, {
        code: 'unsupported-version',
        reasonCode: 0x84,
        returnCode: 1,
      })
    })
  })

  test('a source that completes inside a packet is an error', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('a--|', { a: join(ping, ping.subarray(0, 1)) })
      expectObservable(source.pipe(parse())).toBe('p--#', packets, malformed)
      expectSubscriptions(source.subscriptions).toBe('^--!')
    })
  })

  test('early unsubscribe ends the subscription to the source', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('-a-a-a-|', { a: ping })
      expectObservable(source.pipe(parse()), '^---!').toBe('-p-p', packets)
      expectSubscriptions(source.subscriptions).toBe('^---!')
    })
  })

  test('unsubscribing inside next stops between two packets; another subscription goes on there', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const decoder = new Decoder()
      const first$ = cold('-a-', { a: join(ping, pong, ping) })
      expectObservable(first$.pipe(parse({ decoder }), take(1))).toBe('-(p|)', packets)
      expectSubscriptions(first$.subscriptions).toBe('^!')
      const second$ = cold('----a|', { a: pong })
      // What the decoder holds comes first, before the source is subscribed to.
      expectObservable(second$.pipe(parse({ decoder })), '-----^').toBe('-----(qp)q|', packets)
    })
  })

  test('what a decoder still holds comes first, in a microtask, then the source', () => {
    const seen: string[] = []
    marbles(({ cold, does, now, expectSubscriptions }) => {
      const decoder = new Decoder()
      decoder.push(join(ping, pong, ping.subarray(0, 1)))
      const source = cold('----a|', { a: ping.subarray(1) })
      const subscribe = (): void => {
        source.pipe(parse({ decoder })).subscribe({
          next: ({ cmd }) => seen.push(`${cmd} at ${now()}`),
          complete: () => seen.push(`complete at ${now()}`),
        })
        seen.push('subscribed')
      }
      does('-a', { a: subscribe })
      expectSubscriptions(source.subscriptions).toBe('-^----!')
    })
    expect(seen).toEqual(['subscribed', 'pingreq at 1', 'pingresp at 1', 'pingreq at 5', 'complete at 6'])
  })

  test('unsubscribing before that microtask neither reads nor subscribes', () => {
    const decoder = new Decoder()
    decoder.push(ping)
    marbles(({ cold, expectSubscriptions, does }) => {
      const source = cold<Uint8Array>('-')
      does('a', { a: () => source.pipe(parse({ decoder })).subscribe().unsubscribe() })
      expectSubscriptions(source.subscriptions).toBe([])
    })
    expect(decoder.buffered).toBe(2)
  })

  test('a chunk, an end or an error that comes while a packet is handed over waits its turn', () => {
    for (const end of ['complete', 'error'] as const) {
      const source = new Subject<Uint8Array>()
      const seen: string[] = []
      source.pipe(parse()).subscribe({
        next: ({ cmd }) => {
          seen.push(`>${cmd}`)
          if (seen.length === 1) {
            source.next(pong)
            source[end](new Error('the end'))
          }
          seen.push(`<${cmd}`)
        },
        complete: () => seen.push('complete'),
        error: ({ message }: Error) => seen.push(message === 'the end' ? 'error' : message),
      })
      source.next(join(ping, ping))
      expect(seen).toEqual(['>pingreq', '<pingreq', '>pingreq', '<pingreq', '>pingresp', '<pingresp', end])
      expect(source.observed).toBe(false)
    }
  })

  test('the version follows a CONNECT inside a chunk', () => {
    const protocol = new Protocol()
    const seen: Packet[] = []
    const connect = wire('10 0e 0004 "MQTT" 05 02 0000 00 0001 "a"')
    of(join(connect, wire('e0 02 04 00')))
      .pipe(parse({ protocol }))
      .subscribe((packet) => seen.push(packet))
    expect(seen).toMatchObject([
      { cmd: 'connect', protocolVersion: 5 },
      { cmd: 'disconnect', reasonCode: 4 },
    ])
    expect(protocol.version).toBe(5)
  })

  test('each subscription has a decoder of its own', () => {
    marbles(({ cold, expectObservable }) => {
      const packets$ = cold('-a-b|', { a: ping.subarray(0, 1), b: ping.subarray(1) }).pipe(parse())
      expectObservable(packets$).toBe('---p|', packets)
      expectObservable(packets$, '--^').toBe('-----p|', packets)
    })
  })

  test('an observer that throws is reported by RxJS and does not touch the stream', async () => {
    const source = new Subject<Uint8Array>()
    const seen: string[] = []
    source.pipe(parse()).subscribe((packet) => {
      seen.push(packet.cmd)
      if (seen.length === 1) throw new Error('in a handler')
    })
    source.next(join(ping, pong))
    source.next(ping)
    expect(seen).toEqual(['pingreq', 'pingresp', 'pingreq'])
    expect(flat(await unhandled())).toEqual([{ error: 'Error', message: 'in a handler' }])
  })

  test('an error thrown by the source while subscribing is passed on', () => {
    marbles(({ expectObservable }) => {
      const refused = new MqttError('refused', 'no')
      expectObservable(throwError(() => refused).pipe(parse())).toBe('#', null, { code: 'refused' })
      const throwing$ = new Observable<Uint8Array>(() => {
        throw refused
      })
      expectObservable(throwing$.pipe(parse())).toBe('#', null, { code: 'refused' })
      expectObservable(concat(of(ping), throwing$).pipe(parse())).toBe('(p#)', packets, { code: 'refused' })
    })
  })

  test('what expect throws comes as an MqttError, after the packets before it', () => {
    const refused = new MqttError('refused', 'not now')
    const broken = new TypeError('in expect')
    for (const [thrown, code, cause] of [
      [refused, 'refused', undefined],
      [broken, 'transport', broken],
    ] as const) {
      const refuse = (cmd: PacketType): void => {
        if (cmd === 'pingresp') throw thrown
      }
      const seen: unknown[] = []
      of(join(ping, pong, ping))
        .pipe(parse({ expect: refuse }))
        .subscribe({ next: ({ cmd }) => seen.push(cmd), error: (error: unknown) => seen.push(error) })
      expect(seen).toEqual(['pingreq', expect.any(MqttError)])
      const error = seen[1] as MqttError
      expect([error.code, error.message]).toEqual([code, thrown.message])
      expect(error.cause).toBe(cause)
    }
  })

  test('refuses options out of range when subscribed', () => {
    marbles(({ cold, expectObservable }) => {
      const packets$ = cold<Uint8Array>('-').pipe(parse({ maximumPacketSize: 1 }))
      expectObservable(packets$).toBe('#', null, { code: 'invalid-option' })
    })
    expect(failure(() => new Decoder({ maximumPacketSize: 2.5 }))).toMatchObject({ code: 'invalid-option' })
  })
})
