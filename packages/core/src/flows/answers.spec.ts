import { delay, EMPTY, map, NEVER, of, tap, throwError } from 'rxjs'
import { Connection } from '../connection/connection.js'
import { MqttError } from '../errors.js'
import type { PacketInput } from '../packet/fields.js'
import type { ProtocolVersion } from '../packet/packet.js'
import { encode } from '../spec-support/codec.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import type { FakeTransport } from '../testing/fake-transport.js'
import { flat, type MarbleHelpers, marbles } from '../testing/marbles.js'
import { packets } from '../testing/packets.js'
import { join } from '../testing/wire.js'
import { answerSubscribe, answerUnsubscribe } from './answers.js'

expectNoUnhandled()

const versions = [3, 4, 5] as const

interface Scene extends MarbleHelpers {
  readonly connection: Connection
  readonly peer: FakeTransport
}

/** An accepted client of a server, which sends what the diagram says from frame 1 on. */
function scene(
  version: ProtocolVersion,
  inbound: string,
  values: Record<string, PacketInput | Uint8Array>,
  test: (scene: Scene) => void,
  fields: object = {},
): void {
  marbles((helpers) => {
    const connect = packets.connect({ protocolVersion: version, ...fields })
    const peer = helpers.transport(`c${inbound}`, { c: connect, ...values })
    const connection = new Connection(peer, { role: 'server', pauseTimeout: 0 })
    connection.connect$.subscribe(() => connection.connack())
    test({ ...helpers, connection, peer })
  })
}

const topics = (...filters: string[]): object => ({
  subscriptions: filters.map((topic) => ({ topic, qos: Number(topic.at(-1)) })),
})
const error = (code: string, reasonCode?: number): object => ({ code, reasonCode, returnCode: undefined })

describe('answerSubscribe', () => {
  test.each(versions)(
    'MQTT 5 and 3.1.1 [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-6] [MQTT-3.9.3-1]: one SUBACK with the id and a code an entry, in order, in level %i',
    (version) => {
      const first = packets.subscribe({ messageId: 7, ...topics('a0', 'b1', 'c2') })
      const second = packets.subscribe({ messageId: 9, ...topics('d1') })
      scene(version, '-1--2', { 1: first, 2: second }, ({ connection, peer, expectSent, expectObservable }) => {
        const answered$ = answerSubscribe(connection, ({ qos }) => qos)
        const told$ = answered$.pipe(
          map(({ packet, granted, errors }) => `${packet.messageId}: ${granted.join()} ${errors.length}`),
        )
        expectObservable(told$).toBe('--1--2', { 1: '7: 0,1,2 0', 2: '9: 1 0' })
        expectSent(peer).toBe('a-1--2', {
          a: packets.connack(),
          1: packets.suback({ messageId: 7, granted: [0, 1, 2] }),
          2: packets.suback({ messageId: 9, granted: [1] }),
        })
      })
    },
  )

  test('MQTT 5 [MQTT-3.8.4-1]: SUBACKs keep the order of their SUBSCRIBEs, reading is paused while decide works', () => {
    const chunk = join(
      encode(5, packets.subscribe({ messageId: 1, ...topics('slow1', 'quick2') })),
      encode(5, packets.subscribe({ messageId: 2, ...topics('quick1') })),
      encode(5, packets.publish()),
    )
    scene(5, '-s', { s: chunk }, ({ connection, peer, expectSent, expectReads, expectObservable }) => {
      const decide = ({ topic, qos }: { topic: string; qos: 0 | 1 | 2 }) =>
        of(qos).pipe(delay(topic.startsWith('slow') ? 4 : 0))
      expectObservable(answerSubscribe(connection, decide).pipe(map(({ packet }) => String(packet.messageId)))).toBe(
        '------(12)',
      )
      expectObservable(connection.publish$.pipe(map(() => 'p'))).toBe('------p')
      expectSent(peer).toBe('a-----(12)', {
        a: packets.connack(),
        1: packets.suback({ messageId: 1, granted: [1, 2] }),
        2: packets.suback({ messageId: 2, granted: [1] }),
      })
      expectReads(peer).toBe('^-!', '------^')
    })
  })

  const codes = [0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2] as const
  test.each(codes)("a refusal with %i is told in the terms of the version, and granted has MQTT 5's", (code) => {
    for (const [version, told] of [
      [5, code],
      [4, 0x80],
      // MQTT 3.1 can't refuse: a positive answer, and nothing is delivered.
      [3, 2],
    ] as const) {
      scene(version, '-s', { s: packets.subscribe(topics('a1', 'b2')) }, (all) => {
        const decide = ({ topic }: { topic: string }) => (topic === 'b2' ? code : 1)
        const granted$ = answerSubscribe(all.connection, decide).pipe(map(({ granted }) => granted))
        all.expectObservable(granted$).toBe('--g', { g: [1, code] })
        all.expectSent(all.peer).toBe('a-s', { a: packets.connack(), s: packets.suback({ granted: [1, told] }) })
      })
    }
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('no')
      },
      0x80,
      { error: 'Error', message: 'no' },
    ],
    ['errors', () => throwError(() => new Error('no')), 0x80, { error: 'Error', message: 'no' }],
    [
      'errors with a reason of SUBACK',
      () => throwError(() => new MqttError('refused', 'no', { reasonCode: 0x87 })),
      0x87,
      error('refused', 0x87),
    ],
    [
      'errors with another reason',
      () => throwError(() => new MqttError('refused', 'no', { reasonCode: 0x86 })),
      0x80,
      error('refused', 0x86),
    ],
    [
      'errors with a reason that grants',
      () => throwError(() => new MqttError('refused', 'no', { reasonCode: 1 })),
      0x80,
      error('refused', 1),
    ],
    ['gives nothing', () => EMPTY, 0x80, error('invalid-option')],
    ['gives what is no code', () => 3 as never, 0x80, error('invalid-packet')],
    ['gives a string', () => ['1'] as never, 0x80, error('invalid-packet')],
    ['returns undefined', () => undefined as never, 0x80, expect.anything()],
  ] as const)('decide %s: that entry alone is refused, and the error is told', (_, decide, code, reason) => {
    scene(5, '-s--s', { s: packets.subscribe(topics('a1', 'bad2', 'c0')) }, (all) => {
      const seen: unknown[] = []
      answerSubscribe(all.connection, (entry) => (entry.topic === 'bad2' ? decide() : entry.qos)).subscribe(
        ({ granted, errors }) => seen.push([granted, flat(errors)]),
      )
      const answer = packets.suback({ granted: [1, code, 0] })
      all.expectSent(all.peer).toBe('a-s--s', { a: packets.connack(), s: answer })
      all.flush()
      expect(seen).toEqual(Array(2).fill([[1, code, 0], [reason]]))
    })
  })

  test('decide gets the packet too', () => {
    scene(5, '-s', { s: packets.subscribe({ messageId: 7, ...topics('a1') }) }, (all) => {
      const seen: unknown[] = []
      const decide = (_: unknown, { messageId }: { messageId: number }) => {
        seen.push(messageId)
        return 0 as const
      }
      answerSubscribe(all.connection, decide).subscribe()
      all.flush()
      expect(seen).toEqual([7])
    })
  })

  test('never decided: unsubscribing ends the work and the pause', () => {
    scene(
      5,
      '-s',
      { s: packets.subscribe() },
      ({ connection, expectObservable, expectSubscriptions, cold, does, flush }) => {
        const work$ = cold<0>('-')
        expectObservable(
          answerSubscribe(connection, () => work$),
          '^---!',
        ).toBe('-----')
        expectSubscriptions(work$.subscriptions).toBe('--^-!')
        does('-----x', { x: () => connection.packets$.subscribe() })
        flush()
        expect(connection.reading).toBe(true)
      },
    )
  })

  test('completes when the connection is over, and answers nothing after it', () => {
    scene(5, '-s-|', { s: packets.subscribe() }, ({ connection, peer, expectObservable, expectSent }) => {
      expectObservable(answerSubscribe(connection, ({ qos }) => qos).pipe(map(() => 's'))).toBe('--s-|')
      expectSent(peer).toBe('a-s-|', { a: packets.connack(), s: packets.suback() })
    })
    scene(5, '-s', { s: packets.subscribe() }, ({ connection, peer, expectObservable, expectSent, does }) => {
      expectObservable(answerSubscribe(connection, () => of(0 as const).pipe(delay(2)))).toBe('----|')
      does('---x', { x: () => connection.destroy() })
      expectSent(peer).toBe('a--#', { a: packets.connack() })
    })
    scene(5, '-s', { s: packets.subscribe() }, ({ connection, expectObservable }) => {
      const decide = () => {
        connection.destroy()
        return 0 as const
      }
      expectObservable(answerSubscribe(connection, decide)).toBe('--|')
    })
  })

  test('a client that takes no packet as large as its SUBACK is an error', () => {
    const values = { s: packets.subscribe(topics('a0', 'b0', 'c0')) }
    scene(
      5,
      '-s',
      values,
      ({ connection, expectObservable }) => {
        const answered$ = answerSubscribe(connection, () => 0)
        expectObservable(answered$).toBe('--#', null, error('invalid-packet', 0x95))
      },
      { properties: { maximumPacketSize: 6 } },
    )
  })

  test('a subscriber sees the SUBACK written', () => {
    scene(5, '-s', { s: packets.subscribe() }, ({ connection, flush }) => {
      const seen: number[] = []
      answerSubscribe(connection, () => 0)
        .pipe(tap(() => seen.push(connection.packetsSent)))
        .subscribe()
      flush()
      expect(seen).toEqual([2])
    })
  })
})

describe('answerUnsubscribe', () => {
  test.each(versions)(
    'MQTT 5 and 3.1.1 [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.11.3-1]: one UNSUBACK with the id, in MQTT 5 with a code an entry, in level %i',
    (version) => {
      const values = {
        1: packets.unsubscribe({ messageId: 7, unsubscriptions: ['a', 'b', 'c'] }),
        2: packets.unsubscribe({ messageId: 9, unsubscriptions: ['a'] }),
      }
      scene(version, '-1--2', values, ({ connection, peer, expectSent, expectObservable }) => {
        const filters = new Set(['a', 'b'])
        const decide = (filter: string) =>
          filter === 'c' ? of(0x87 as const).pipe(delay(1)) : filters.delete(filter) ? 0x00 : 0x11
        const granted$ = answerUnsubscribe(connection, decide).pipe(map(({ granted }) => granted.join()))
        expectObservable(granted$).toBe('---1-2', { 1: '0,0,135', 2: '17' })
        const five = version === 5
        expectSent(peer).toBe('a--1-2', {
          a: packets.connack(),
          1: packets.unsuback({ messageId: 7, ...(five && { granted: [0, 0, 0x87] }) }),
          2: packets.unsuback({ messageId: 9, ...(five && { granted: [0x11] }) }),
        })
      })
    },
  )

  test('decide that fails refuses its entry alone', () => {
    const packet = packets.unsubscribe({ unsubscriptions: ['a', 'b'] })
    scene(5, '-u', { u: packet }, ({ connection, peer, expectSent, flush }) => {
      const seen: unknown[] = []
      const decide = (filter: string) => {
        if (filter === 'a') throw new MqttError('store', 'x', { reasonCode: 0x83 })
        return 0x01 as never
      }
      answerUnsubscribe(connection, decide).subscribe(({ errors }) => seen.push(flat(errors)))
      expectSent(peer).toBe('a-u', { a: packets.connack(), u: packets.unsuback({ granted: [0x83, 0x80] }) })
      flush()
      expect(seen).toEqual([[error('store', 0x83), error('invalid-packet')]])
    })
  })

  test('unsubscribing ends the work', () => {
    scene(5, '-u', { u: packets.unsubscribe() }, ({ connection, expectObservable, expectReads, peer }) => {
      expectObservable(
        answerUnsubscribe(connection, () => NEVER),
        '^---!',
      ).toBe('-----')
      expectReads(peer).toBe('^-!', '----^')
    })
  })
})
