import { delay, filter, map, type Observable } from 'rxjs'
import { Connection } from '../connection/connection.js'
import type { ConnectionOptions } from '../connection/options.js'
import { encode, failure } from '../spec-support/codec.js'
import { random } from '../spec-support/random.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import type { FakeTransport } from '../testing/fake-transport.js'
import { flat, type MarbleHelpers, marbles } from '../testing/marbles.js'
import { join, toHex, wire } from '../testing/wire.js'
import { keepAlive } from './keep-alive.js'
import { keepAliveOf } from './keep-alive-of.js'
import { watchKeepAlive } from './watch-keep-alive.js'

expectNoUnhandled()

const timeout = { code: 'timeout', reasonCode: undefined, returnCode: undefined }
const pong = wire('d0 00')
const publish = wire('30 05 0001 "a" "hi"')
const chunks = { r: pong, m: publish, 1: publish.slice(0, 3) }

interface Scene extends MarbleHelpers {
  readonly connection: Connection
  readonly fake: FakeTransport
  /** A letter for each PINGREQ that leaves. */
  readonly pings$: Observable<string>
  /** Has the peer answer each PINGREQ so much later. */
  answers(milliseconds: number): void
}

/** A connection whose packets are read and whose peer sends what the diagram says. */
function scene(inbound: string, test: (scene: Scene) => void, options: ConnectionOptions = {}): void {
  marbles((helpers) => {
    const fake = helpers.transport(inbound, chunks)
    const connection = new Connection(fake, options)
    connection.packets$.subscribe()
    const pings$ = fake.sent$.pipe(
      filter((chunk) => toHex(chunk) === 'c000'),
      map(() => 'p'),
    )
    const answers = (milliseconds: number): void => {
      pings$.pipe(delay(milliseconds)).subscribe({ next: () => fake.receive(pong), error: () => undefined })
    }
    test({ ...helpers, connection, fake, pings$, answers })
  })
}

describe('keepAlive', () => {
  test('with nothing else to send, a PINGREQ leaves every half of the time, as long as it is answered', () => {
    scene('-', ({ connection, pings$, answers, expectObservable }) => {
      answers(10)
      expectObservable(keepAlive(connection, 2), '^ 3500ms !').toBe('-')
      expectObservable(pings$).toBe('1s p 999ms p 999ms p')
    })
  })

  test('no PINGREQ while packets go both ways, and none of what is sent is counted twice', () => {
    scene('500ms m 999ms m 999ms m', ({ connection, pings$, answers, does, expectObservable }) => {
      answers(10)
      does('900ms s 999ms s', { s: () => connection.publish({ topic: 'a' }) })
      expectObservable(keepAlive(connection, 2), '^ 3500ms !').toBe('-')
      expectObservable(pings$).toBe('3s p')
    })
  })

  test('where nothing comes back, a client that only sends asks too', () => {
    scene('-', ({ connection, pings$, does, expectObservable }) => {
      does('500ms s 999ms s 999ms s', { s: () => connection.publish({ topic: 'a' }) })
      expectObservable(keepAlive(connection, 2)).toBe('3s #', null, timeout)
      expectObservable(pings$).toBe('1s p')
    })
  })

  test('also where something came before', () => {
    scene('600ms m', ({ connection, pings$, does, expectObservable }) => {
      does('500ms s 999ms s 999ms s', { s: () => connection.publish({ topic: 'a' }) })
      expectObservable(keepAlive(connection, 2, { timeout: 300 })).toBe('2300ms #', null, timeout)
      expectObservable(pings$).toBe('2s p')
    })
  })

  test('no answer: errors when the timeout is over, exactly, and an answer in time saves it', () => {
    for (const [at, end] of [
      [1_299, '-'],
      [1_300, '-'],
      [1_301, '1300ms #'],
    ] as const) {
      scene(`${at}ms r`, ({ connection, pings$, expectObservable }) => {
        expectObservable(keepAlive(connection, 2, { timeout: 300 }), '^ 1900ms !').toBe(end, null, timeout)
        expectObservable(pings$).toBe('1s p')
      })
    }
  })

  test('the timeout is 30 s, or the keep-alive where that is less', () => {
    for (const [seconds, end] of [
      [2, '1s 2s #'],
      [30, '15s 30s #'],
      [31, '15500ms 30s #'],
      [65_535, `${65_535 * 500}ms 30s #`],
    ] as const) {
      scene('-', ({ connection, expectObservable }) => {
        expectObservable(keepAlive(connection, seconds)).toBe(end, null, timeout)
      })
    }
  })

  test('any packet is an answer; a part of one is not', () => {
    for (const [letter, end] of [
      ['m', '-'],
      ['1', '1300ms #'],
    ] as const) {
      scene(`1100ms ${letter}`, ({ connection, expectObservable }) => {
        expectObservable(keepAlive(connection, 2, { timeout: 300 }), '^ 1900ms !').toBe(end, null, timeout)
      })
    }
  })

  test('an answer that is read in the turn of the deadline counts: a stalled process looks before it blames', () => {
    scene('-', ({ connection, answers, expectObservable }) => {
      // In the frame of the deadline, after its timer.
      answers(300)
      expectObservable(keepAlive(connection, 2, { timeout: 300 }), '^ 3900ms !').toBe('-')
    })
  })

  test('a timeout longer than the keep-alive does not stop the pinging, and runs from the first unanswered one', () => {
    scene('-', ({ connection, pings$, expectObservable }) => {
      expectObservable(keepAlive(connection, 2, { timeout: 3_500 })).toBe('4500ms #', null, timeout)
      expectObservable(pings$).toBe('1s p 999ms p 999ms p 999ms p')
    })
  })

  test('each PINGREQ has the whole timeout, though the one before was answered late', () => {
    scene('-', ({ connection, pings$, answers, expectObservable }) => {
      answers(950)
      expectObservable(keepAlive(connection, 2, { timeout: 1_800 }), '^ 4500ms !').toBe('-')
      expectObservable(pings$).toBe('1s p 999ms p 999ms p 999ms p')
    })
  })

  test('while nobody reads it goes on pinging, and holds no missing answer against the server', () => {
    scene('-', ({ connection, pings$, does, expectObservable }) => {
      does('500ms p 5s r', { p: () => connection.pause(), r: () => connection.resume() })
      expectObservable(keepAlive(connection, 2, { timeout: 1_500 })).toBe('7s #', null, timeout)
      expectObservable(pings$).toBe('1s p 999ms p 999ms p 999ms p 999ms p 999ms p 999ms p')
    })
    // Held back without a pause: nobody is subscribed.
    marbles(({ transport, expectObservable }) => {
      const fake = transport('-')
      expectObservable(keepAlive(new Connection(fake), 2), '^ 9500ms !').toBe('-')
      expect(fake.subscriptions).toEqual([])
    })
  })

  test('what came during a pause is read before the server is blamed', () => {
    scene('1100ms r', ({ connection, does, expectObservable }) => {
      does('500ms p 799ms r', { p: () => connection.pause(), r: () => connection.resume() })
      expectObservable(keepAlive(connection, 2, { timeout: 300 }), '^ 1900ms !').toBe('-')
    })
  })

  test('0 seconds: does nothing until the connection is over', () => {
    scene('-', ({ connection, pings$, does, now, expectObservable, flush }) => {
      does('9s x', { x: () => connection.destroy() })
      expectObservable(keepAlive(connection, 0)).toBe('9s |')
      expectObservable(pings$).toBe('9s #', null, new Error('destroyed'))
      flush()
      expect(now()).toBe(9_000)
    })
  })

  test('completes when the connection is over, however, and leaves no timer', () => {
    for (const over of ['end', 'destroy', 'broken', 'peer', 'before'] as const) {
      scene('-', ({ connection, fake, does, now, expectObservable, flush }) => {
        const end = {
          end: () => (connection.end(), fake.receiveEnd()),
          destroy: () => connection.destroy(new Error('no')),
          broken: () => fake.close(),
          peer: () => (fake.receiveEnd(), fake.close()),
          before: () => undefined,
        }
        if (over === 'before') connection.destroy(new Error('no'))
        // With a PINGREQ on its way.
        expectObservable(keepAlive(connection, 2)).toBe(over === 'before' ? '|' : '1500ms |')
        does('1500ms x', { x: end[over] })
        flush()
        expect(now()).toBe(1_500)
      })
    }
  })

  test('does not error while a goodbye is under way, nor write into it', () => {
    scene(
      '-',
      ({ connection, pings$, does, expectObservable }) => {
        does('1500ms x', { x: () => connection.end() })
        expectObservable(keepAlive(connection, 2)).toBe('1500ms 5s |')
        expectObservable(pings$).toBe('1s p 499ms |')
      },
      { drainTimeout: 5_000 },
    )
  })

  test('stops with its subscription, and starts again with each', () => {
    scene('-', ({ connection, pings$, now, expectObservable, flush }) => {
      expectObservable(keepAlive(connection, 2), '^ 1499ms !').toBe('-')
      expectObservable(keepAlive(connection, 2), '5s ^ 1499ms !').toBe('-')
      expectObservable(pings$).toBe('1s p 4999ms p')
      flush()
      expect(now()).toBe(6_500)
    })
  })

  test('a PINGREQ that overflows the connection leaves no timer', () => {
    scene(
      '-',
      ({ connection, fake, now, expectObservable, flush }) => {
        fake.buffered = 100
        expectObservable(keepAlive(connection, 2)).toBe('1s |')
        flush()
        expect(now()).toBe(1_000)
      },
      { maximumBuffered: 100 },
    )
  })

  test('a PINGREQ that may not be sent yet is an error of the stream', () => {
    scene(
      '-',
      ({ connection, expectObservable }) => {
        const invalid = { code: 'invalid-packet', reasonCode: undefined, returnCode: undefined }
        expectObservable(keepAlive(connection, 2)).toBe('1s #', null, invalid)
      },
      { role: 'client' },
    )
  })

  test.each([-1, 0.5, 65_536, Number.NaN, '1' as unknown as number])('%p seconds are an invalid option', (seconds) => {
    scene('-', ({ connection }) => {
      expect(failure(() => keepAlive(connection, seconds))).toMatchObject({ code: 'invalid-option' })
    })
  })

  test.each([-1, 0.5, 2_147_483_648, Number.NaN])('a timeout of %p is an invalid option', (milliseconds) => {
    scene('-', ({ connection }) => {
      const failed = failure(() => keepAlive(connection, 1, { timeout: milliseconds }))
      expect(failed).toMatchObject({ code: 'invalid-option' })
    })
  })
})

describe('keepAliveOf', () => {
  test.each([
    [{}, {}, 0],
    [{ keepalive: 60 }, {}, 60],
    [{ keepalive: 60 }, { properties: {} }, 60],
    [{ keepalive: 60 }, { properties: undefined }, 60],
    [{ keepalive: 60 }, { properties: { serverKeepAlive: 10 } }, 10],
    [{ keepalive: 60 }, { properties: { serverKeepAlive: 100 } }, 100],
    [{ keepalive: 60 }, { properties: { serverKeepAlive: 0 } }, 0],
    [{}, { properties: { serverKeepAlive: 10 } }, 10],
  ])('%j and %j: %i s', (connect, connack, seconds) => {
    expect(keepAliveOf({ connect, connack })).toBe(seconds)
  })
})

/** Everything that left of a connection, over a thousand keep-alives with work in between at any time. */
function longestGap(seconds: number, numbers: (limit: number) => number): number {
  let longest = 0
  scene('-', ({ connection, fake, answers, now, cold, flush }) => {
    answers(5)
    let last = 0
    fake.sent$.subscribe({
      next: () => {
        longest = Math.max(longest, now() - last)
        last = now()
      },
      error: () => undefined,
    })
    const limit = seconds * 1_000_000
    // Never in the frame of another timer: two that are due at once, one of which stops the other, trip the TestScheduler.
    for (let at = 3; at < limit; at += 10 * (1 + numbers(300 * seconds))) {
      cold(`${at}ms x`).subscribe(() => connection.publish({ topic: 'a' }))
    }
    const subscription = keepAlive(connection, seconds, { timeout: 77 }).subscribe()
    cold(`${limit + 9}ms x`).subscribe(() => subscription.unsubscribe())
    flush()
  })
  return longest
}

describe('group C', () => {
  for (const [version, id] of [
    [5, 'MQTT 5 [MQTT-3.1.2-20]'],
    [4, 'MQTT 3.1.1 [MQTT-3.1.2-23]'],
  ] as const) {
    test(`${id}: never more than the keep-alive between two packets of the client, PINGREQ where there is no other`, () => {
      for (const seconds of [1, 3]) {
        const longest = longestGap(seconds, random(version))
        expect(longest).toBeLessThanOrEqual(seconds * 1_000)
        expect(longest).toBeGreaterThan(seconds * 900)
      }
    })
  }

  test('MQTT 5 [MQTT-3.1.2-21]: the client uses the Server Keep Alive that CONNACK has, in place of its own', () => {
    const connect = { clientId: 'me', keepalive: 60, protocolVersion: 5 } as const
    scene('-', ({ connection, fake, pings$, answers, expectObservable }) => {
      answers(1)
      connection.connect(connect)
      connection.connack$.subscribe((connack) => {
        expectObservable(keepAlive(connection, keepAliveOf({ connect, connack })), '^ 2500ms !').toBe('-')
      })
      fake.receive(encode(5, { cmd: 'connack', properties: { serverKeepAlive: 2 } }))
      expectObservable(pings$, '^ 2500ms !').toBe('1s p 999ms p')
    })
  })

  test.each([
    ['MQTT 5 [MQTT-3.2.2-21]: the server too uses the Server Keep Alive that it sent', 60, 2, '3s #'],
    ['MQTT 5 [MQTT-3.2.2-22]: where it sent none, what the client asked for', 4, undefined, '6s #'],
    ['MQTT 5 [MQTT-3.2.2-21]: a Server Keep Alive of 0 is none', 4, 0, '-'],
  ])('%s', (_, keepalive, serverKeepAlive, end) => {
    const connect = { clientId: 'me', keepalive }
    const connack = { properties: { serverKeepAlive } }
    scene('-', ({ connection, expectObservable }) => {
      const seconds = keepAliveOf({ connect, connack })
      expectObservable(watchKeepAlive(connection, seconds), '^ 9s !').toBe(end, null, { ...timeout, reasonCode: 0x8d })
    })
  })

  test.each([
    [5, 'MQTT 5 [MQTT-3.1.2-22]'],
    [4, 'MQTT 3.1.1 [MQTT-3.1.2-24]'],
  ] as const)(
    '%i, %s: without a packet in one and a half times the keep-alive, the server is told to close',
    (version, _name) => {
      for (const [at, end] of [
        [2_999, 5_999],
        [3_000, 6_000],
        [3_001, 3_000],
      ] as const) {
        marbles(({ transport, expectObservable }) => {
          const opening = encode(version, { cmd: 'connect', clientId: 'me', keepalive: 2, protocolVersion: version })
          const fake = transport(`a ${at - 1}ms p`, { a: opening, p: wire('c0 00') })
          const connection = new Connection(fake, { role: 'server' })
          connection.packets$.subscribe(({ cmd }) => {
            if (cmd === 'connect') connection.connack()
          })
          const seconds = keepAliveOf({ connect: { keepalive: 2 }, connack: {} })
          const error = { ...timeout, reasonCode: 0x8d }
          expectObservable(watchKeepAlive(connection, seconds)).toBe(`${end}ms #`, null, error)
        })
      }
    },
  )
})

test('a PINGREQ is two bytes in each version', () => {
  for (const version of [3, 4, 5] as const) {
    scene(
      '-',
      ({ connection, fake, flush }) => {
        const seen: Uint8Array[] = []
        fake.sent$.subscribe((chunk) => seen.push(chunk))
        keepAlive(connection, 2, { timeout: 1 }).subscribe({
          error: (error: unknown) => expect(flat(error)).toEqual(timeout),
        })
        flush()
        expect(toHex(join(...seen))).toBe('c000')
      },
      { protocolVersion: version },
    )
  }
})
