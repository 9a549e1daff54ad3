import { jest } from '@jest/globals'
import { asyncScheduler } from 'rxjs'
import { Connection } from '../connection/connection.js'
import type { ConnectionOptions } from '../connection/options.js'
import { failure } from '../spec-support/codec.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import type { FakeTransport } from '../testing/fake-transport.js'
import { flat, type MarbleHelpers, marbles } from '../testing/marbles.js'
import { join, wire } from '../testing/wire.js'
import { watchKeepAlive } from './watch-keep-alive.js'

expectNoUnhandled()

const timeout = { code: 'timeout', reasonCode: 0x8d, returnCode: undefined }
const ping = wire('c0 00')
const publish = wire('30 05 0001 "a" "hi"')
const chunks = { p: ping, m: publish, q: join(ping, ping), 1: publish.slice(0, 1), 2: publish.slice(1, 3) }

interface Scene extends MarbleHelpers {
  readonly connection: Connection
  readonly fake: FakeTransport
}

/** A connection whose packets are read and whose peer sends what the diagram says. */
function scene(inbound: string, test: (scene: Scene) => void, options: ConnectionOptions = {}): void {
  marbles((helpers) => {
    const fake = helpers.transport(inbound, chunks)
    const connection = new Connection(fake, options)
    connection.packets$.subscribe()
    test({ ...helpers, connection, fake })
  })
}

describe('watchKeepAlive', () => {
  test('errors one and a half times the seconds after its start where nothing comes', () => {
    scene('-', ({ connection, expectObservable }) => {
      expectObservable(watchKeepAlive(connection, 1)).toBe('1500ms #', null, timeout)
      expectObservable(watchKeepAlive(connection, 65_535)).toBe(`${65_535 * 1_500}ms #`, null, timeout)
    })
  })

  test.each([
    ['-p', 1],
    ['1499ms p', 1_499],
    ['1500ms p', 1_500],
    ['700ms p 699ms p', 1_400],
    ['700ms m 799ms q', 1_500],
    ['1s p 1s p 1s p 1s p 1s p', 5_004],
  ])('counts from the last packet: %s', (inbound, last) => {
    scene(inbound, ({ connection, expectObservable }) => {
      expectObservable(watchKeepAlive(connection, 1)).toBe(`${last + 1_500}ms #`, null, timeout)
    })
  })

  test('what is read in the turn of the deadline still counts: a stalled process looks before it blames', () => {
    scene('1500ms p', ({ connection, now, flush }) => {
      const seen: unknown[] = []
      // Before the peer's packet in the same frame, as timers run before sockets are polled.
      watchKeepAlive(connection, 1).subscribe({ error: (error: unknown) => seen.push(error, now()) })
      flush()
      expect(flat(seen)).toEqual([timeout, 3_000])
    })
  })

  test.each([
    [3_600_000, 500, 3_000],
    [-3_600_000, 500, 3_000],
    [3_600_000, 1_000, 3_000],
    [-3_600_000, 1_000, 3_000],
    [-700, 500, 3_000],
    // Too little to tell from a busy machine, and too little to matter.
    [-250, 500, 2_150],
    [250, 500, 2_650],
  ])('a clock that is set by %i ms at %i ms ends no connection whose peer sent at 900', (jump, at, end) => {
    const clock = asyncScheduler.now.bind(asyncScheduler)
    scene('900ms p', ({ connection, now, flush }) => {
      const seen: unknown[] = []
      const spy = jest.spyOn(asyncScheduler, 'now').mockImplementation(() => clock() + (now() < at ? 0 : jump))
      try {
        watchKeepAlive(connection, 1).subscribe({ error: () => seen.push(now()) })
        flush()
        expect(seen).toEqual([end])
      } finally {
        spy.mockRestore()
      }
    })
  })

  test('a packet of 1 ms later is too late', () => {
    scene('1501ms p', ({ connection, expectObservable }) => {
      expectObservable(watchKeepAlive(connection, 1)).toBe('1500ms #', null, timeout)
    })
  })

  test('bytes of a packet that is not whole do not count, however they trickle', () => {
    scene('500ms 1 500ms 2 300ms 2', ({ connection, expectObservable }) => {
      expectObservable(watchKeepAlive(connection, 1)).toBe('1500ms #', null, timeout)
    })
  })

  test('0 seconds: nothing is watched, until the connection is over', () => {
    scene('-', ({ connection, expectObservable, does, now, flush }) => {
      expectObservable(watchKeepAlive(connection, 0)).toBe('9s |')
      does('9s x', { x: () => connection.destroy() })
      flush()
      expect(now()).toBe(9_000)
    })
  })

  test('completes when the connection is over, however, and leaves no timer', () => {
    for (const over of ['end', 'destroy', 'broken', 'peer', 'before'] as const) {
      scene('-', ({ connection, fake, expectObservable, does, now, flush }) => {
        const end = {
          end: () => (connection.end(), fake.receiveEnd()),
          destroy: () => connection.destroy(new Error('no')),
          broken: () => fake.sink.error(new Error('broken')),
          peer: () => (fake.receiveEnd(), fake.close()),
          before: () => undefined,
        }
        if (over === 'before') connection.destroy(new Error('no'))
        expectObservable(watchKeepAlive(connection, 10)).toBe(over === 'before' ? '|' : '--|')
        does('--x', { x: end[over] })
        flush()
        // Virtual time stands where the last task was: a timer that is left would have moved it on.
        expect(now()).toBe(2)
      })
    }
  })

  test('does not error while a goodbye is under way', () => {
    scene(
      '-',
      ({ connection, expectObservable, does }) => {
        expectObservable(watchKeepAlive(connection, 1)).toBe('1s 5s |')
        does('1s x', { x: () => connection.end() })
      },
      { drainTimeout: 5_000 },
    )
  })

  test('stops with its subscription, and starts again with each', () => {
    scene('-', ({ connection, expectObservable, now, flush }) => {
      const watch$ = watchKeepAlive(connection, 1)
      expectObservable(watch$, '^ 799ms !').toBe('-')
      expectObservable(watch$, '1s ^ 1s !').toBe('-')
      flush()
      expect(now()).toBe(2_001)
    })
  })

  test('also in the turn of reading before the error', () => {
    scene('-', ({ connection, does, flush }) => {
      const seen: unknown[] = []
      const subscription = watchKeepAlive(connection, 1).subscribe({ error: (error: unknown) => seen.push(error) })
      does('1500ms x', { x: () => subscription.unsubscribe() })
      flush()
      expect(seen).toEqual([])
    })
  })

  test('creates no demand: with nobody reading, nothing is read and the clock stands still', () => {
    marbles(({ transport, expectObservable }) => {
      const fake = transport('100ms p', chunks)
      const connection = new Connection(fake)
      expectObservable(watchKeepAlive(connection, 1), '^ 9s !').toBe('-')
      expect(fake.subscriptions).toEqual([])
    })
  })

  test('while the connection is paused the clock stands still, and after it a whole interval is given', () => {
    scene('-', ({ connection, expectObservable, does }) => {
      expectObservable(watchKeepAlive(connection, 1)).toBe('4500ms #', null, timeout)
      does('1s p 2499ms r', { p: () => connection.pause(), r: () => connection.resume() })
    })
  })

  test('what the peer sent during a pause is read first', () => {
    scene('1s m', ({ connection, expectObservable, does }) => {
      expectObservable(watchKeepAlive(connection, 1)).toBe('2998ms #', null, timeout)
      does('500ms p 997ms r', { p: () => connection.pause(), r: () => connection.resume() })
    })
  })

  test('a pause is bounded by pauseTimeout of the connection', () => {
    scene(
      '-',
      ({ connection, expectObservable, does }) => {
        expectObservable(watchKeepAlive(connection, 1)).toBe('100ms 7s |')
        expectObservable(connection.closed$).toBe('100ms 7s #', null, { ...timeout, reasonCode: undefined })
        does('100ms p', { p: () => connection.pause() })
      },
      { pauseTimeout: 7_000 },
    )
  })

  test('packets use no timer: one runs, whatever the traffic', () => {
    scene('10ms (mmmmm) 5ms (mmmmm) 8ms m', ({ connection, expectObservable, flush }) => {
      // 10 + 5 + 8 ms and the groups, as wide as they are written.
      expectObservable(watchKeepAlive(connection, 1)).toBe('1537ms #', null, timeout)
      flush()
    })
  })

  test.each([-1, 0.5, 65_536, Number.NaN, '1' as unknown as number])('%p seconds are an invalid option', (seconds) => {
    scene('-', ({ connection }) => {
      expect(failure(() => watchKeepAlive(connection, seconds))).toMatchObject({ code: 'invalid-option' })
    })
  })

  test('the message names the time and the rule', () => {
    scene('-', ({ connection, flush }) => {
      const seen: unknown[] = []
      watchKeepAlive(connection, 3).subscribe({ error: (error: unknown) => seen.push(error) })
      flush()
      expect(flat(seen)).toEqual([timeout])
      expect((seen[0] as Error).message).toMatch(/4\.5 s.*\[MQTT-3\.1\.2-22\]/)
    })
  })
})
