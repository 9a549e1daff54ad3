import { concat, EMPTY, map, NEVER, of, type Observable, throwError, timer } from 'rxjs'
import { Connection } from '../connection/connection.js'
import { MqttError } from '../errors.js'
import { type MarbleHelpers, marbles, packets } from './index.js'

/** The message of what a marble test fails with; undefined where it passes. */
function failure(test: (helpers: MarbleHelpers) => void): string | undefined {
  try {
    marbles(test)
  } catch (error) {
    return (error as Error).message
  }
  return undefined
}

const ack = (messageId: number) => packets.puback({ messageId })

/** A client that sends its CONNECT at once and acknowledges what it gets. */
function client({ transport }: MarbleHelpers, inbound = '-c-(pq)', protocolVersion: 4 | 5 = 4) {
  const peer = transport(inbound, {
    c: packets.connack(),
    p: packets.publish({ topic: 'a/b', qos: 1, messageId: 7, payload: 'hi' }),
    q: packets.publish({ qos: 1, messageId: 8 }),
  })
  const connection = new Connection(peer, { protocolVersion })
  connection.publish$.subscribe(({ messageId }) => connection.puback({ messageId: messageId! }))
  connection.connect({ clientId: 'me' })
  return { peer, connection }
}

describe('expectSent', () => {
  const sent = (marble: string, given: Parameters<ReturnType<MarbleHelpers['expectSent']>['toBe']>[1]) =>
    failure((helpers) => helpers.expectSent(client(helpers).peer).toBe(marble, given))
  const c = packets.connect({ clientId: 'me' })

  test.each([4, 5] as const)('passes what is equal, in the version of the CONNECT that was sent, level %i', (level) => {
    marbles((helpers) => {
      const { peer } = client(helpers, '-c-(pq)', level)
      helpers.expectSent(peer).toBe('c--(ab)', { c, a: ack(7), b: ack(8) })
      helpers.expectSent(peer).toBe('c--(ab)', { c: { ...c, protocolVersion: level }, a: ack(7), b: ack(8) })
    })
  })

  test('tells a failure whole: both diagrams, and what differs in words', () => {
    const message = sent('c--(ab)-|', {
      c,
      a: packets.publish({ topic: 'a/b', qos: 1, messageId: 7, payload: 'hi' }),
      b: ack(9),
    })
    expect(message).toBe(`what was sent is not what was expected

  expected  c--(ab)-|
  actual    c--(de)

  - expected, + actual, at frame
    0  c  connect "me" MQTT 3.1.1
  - 3  a  publish a/b qos 1 #7 "hi"
  - 3  b  puback #9
  + 3  d  puback #7
  + 3  e  puback #8   (messageId: 8, not 9)
  - 8  |
`)
  })

  test.each([
    ['a wrong frame', 'c---(ab)', { c, a: ack(7), b: ack(8) }, ['- 4  a  puback #7', '+ 3  a  puback #7']],
    ['a wrong field', 'c--(ab)', { c, a: ack(7), b: ack(9) }, ['- 3  b  puback #9', '(messageId: 8, not 9)']],
    ['a wrong type', 'c--(ab)', { c, a: ack(7), b: packets.pubrec({ messageId: 8 }) }, ['- 3  b  pubrec #8']],
    ['a wrong order', 'c--(ba)', { c, a: ack(7), b: ack(8) }, ['- 3  b  puback #8', '  3  a  puback #7', '+ 3  b']],
    ['a batch too many', 'c--(ab)-a', { c, a: ack(7), b: ack(8) }, ['- 8  a  puback #7']],
    ['a batch too few', 'c', { c }, ['+ 3  a  puback #7', '+ 3  b  puback #8']],
    ['a packet too few in a batch', 'c--a', { c, a: ack(7) }, ['  3  a  puback #7', '+ 3  b  puback #8']],
    ['an end that did not come', 'c--(ab)|', { c, a: ack(7), b: ack(8) }, ['- 7  |']],
  ])('fails %s', (_, marble, given, lines) => {
    const message = sent(marble, given)
    for (const line of lines) expect(message).toContain(line)
  })

  test('| is the end of our side, # the transport destroyed, by any error or by the one that is given', () => {
    marbles((helpers) => {
      const { peer, connection } = client(helpers, '-')
      helpers.does('--(de)', { d: () => connection.disconnect(), e: () => connection.end() })
      helpers.expectSent(peer).toBe('c-(d|)', { c, d: packets.disconnect() })
    })
    const destroyed = (marble: string, error?: unknown) =>
      failure((helpers) => {
        const { peer, connection } = client(helpers, '-')
        helpers.does('--e', { e: () => connection.destroy(new MqttError('timeout', 'late', { reasonCode: 0x8d })) })
        helpers.expectSent(peer).toBe(marble, { c }, error)
      })
    expect(destroyed('c-#')).toBeUndefined()
    expect(destroyed('c-#', { code: 'timeout', reasonCode: 0x8d })).toBeUndefined()
    expect(destroyed('c--')).toContain('+ 2  #  timeout 0x8d KeepAliveTimeout "late"')
    expect(destroyed('c-#', { code: 'timeout' })).toContain('(reasonCode: 141, not undefined)')
    expect(destroyed('c-|')).toContain('- 2  |')
    expect(destroyed('c--#')).toContain('- 3  #  any error')
  })

  test('what is no MQTT is an error with the reason, also where any end is expected', () => {
    const bytes = (...given: number[]) =>
      failure(({ transport, expectSent }) => {
        const peer = transport()
        peer.sink.next(Uint8Array.from(given))
        peer.sink.complete()
        expectSent(peer).toBe('#')
      })
    expect(bytes(0x00, 0x00)).toContain('UnreadableError "what was sent is not MQTT: ')
    expect(bytes(0xc0)).toContain('UnreadableError "what was sent is not MQTT: ')
  })

  test('two expectations: the one that fails is told, its stack leads to its line', () => {
    let error: Error | undefined
    try {
      marbles((helpers) => {
        const { peer } = client(helpers)
        const first = helpers.expectSent(peer)
        const never = helpers.expectObservable(NEVER)
        helpers.expectReads(peer).toBe('^')
        never.toBe('-')
        first.toBe('c', { c })
      })
    } catch (reason) {
      error = reason as Error
    }
    expect(error?.message).toContain('what was sent is not')
    expect(error?.stack?.split('\n').find((line) => line.trim().startsWith('at '))).toContain('marbles.spec.ts')
  })
})

test('what nothing was expected of yet is not taken for what is', () => {
  const message = failure(({ expectObservable, expectReads, transport }) => {
    expectObservable(NEVER)
    expectReads(transport()).toBe('^')
  })
  expect(message).toContain('bytes$ was not subscribed as expected')
})

describe('expectReads', () => {
  const reads = (...expected: readonly string[]) =>
    failure((helpers) => {
      const { peer, connection } = client(helpers, '-')
      helpers.does('--p- 30s r', { p: () => connection.pause(), r: () => connection.resume() })
      helpers.expectReads(peer).toBe(...expected)
    })

  test('a pause is a gap', () => {
    expect(reads('^-!', '---- 30s ^')).toBeUndefined()
  })

  test.each([
    ['no gap', ['^']],
    ['another end', ['^--!', '---- 30s ^']],
    ['another start', ['^-!', '---- 20s ^']],
    ['no subscription', []],
    ['one too many', ['^-!', '---- 30s ^', '---- 40s ^']],
  ])('fails %s', (_, expected) => {
    expect(reads(...expected)).toContain('bytes$ was not subscribed as expected')
  })

  test('tells a failure whole: a diagram a subscription', () => {
    expect(reads('^--!', '-----^')).toBe(`bytes$ was not subscribed as expected

  expected  ^--!
            -----^
  actual    ^-!
             30004ms ^
`)
  })

  test('never read is none', () => {
    marbles(({ transport, expectReads }) => expectReads(transport('-a', { a: packets.pingreq() })).toBe())
    expect(failure(({ transport, expectReads }) => expectReads(transport('-')).toBe('^'))).toContain('actual    -')
  })
})

describe('transport', () => {
  test('encodes packets in the version that is spoken at their frame, given or by the CONNECT that went by', () => {
    marbles(({ transport, expectObservable }) => {
      const inbound = { c: packets.connect({ protocolVersion: 5 }), d: packets.disconnect({ reasonCode: 4 }) }
      const server = new Connection(transport('-c-d', inbound))
      expectObservable(server.packets$).toBe('-c-d', inbound)
      const v5 = new Connection(transport('-u', { u: packets.unsuback() }, { protocolVersion: 5 }), {
        protocolVersion: 5,
      })
      expectObservable(v5.unsuback$).toBe('-u', { u: packets.unsuback({ granted: [0] }) })
    })
  })

  test('bytes go as they are, a CONNECT among them is seen however it is cut', () => {
    marbles(({ transport, expectObservable }) => {
      const whole = [0x10, 0x0d, 0, 4, 0x4d, 0x51, 0x54, 0x54, 5, 2, 0, 0, 0, 0, 0]
      const a = Uint8Array.from(whole.slice(0, 7))
      const b = Uint8Array.from(whole.slice(7))
      const d = packets.disconnect({ reasonCode: 0x81 })
      expectObservable(new Connection(transport('-a-b-d', { a, b, d })).packets$).toBe('---c-d', {
        c: packets.connect({ clientId: '', protocolVersion: 5 }),
        d,
      })
      const rubbish = transport('-r-p', { r: Uint8Array.of(0, 0), p: packets.pingreq() })
      expectObservable(rubbish.bytes$.pipe(map((chunk) => chunk[0]))).toBe('-r-p', { r: 0, p: 0xc0 })
    })
  })

  test('| ends the peer, # breaks the link', () => {
    marbles(({ transport, expectObservable }) => {
      expectObservable(transport('--|').bytes$).toBe('--|')
      expectObservable(transport('--#').bytes$).toBe('--#', undefined, { code: 'transport' })
      const error = new MqttError('timeout', 'late')
      expectObservable(transport('--#', {}, { error }).closed$).toBe('--#', undefined, { code: 'timeout' })
    })
  })

  test('a letter without a value, and a packet that the version has no place for, are told', () => {
    expect(failure(({ transport }) => transport('-a 10ms b', { a: packets.pingreq() }))).toBe(
      "transport('-a 10ms b'): no value for b",
    )
    expect(failure(({ expectSent, transport }) => expectSent(transport()).toBe('xyx'))).toBe(
      "expectSent('xyx'): no value for x, y",
    )
    const message = failure(({ transport }) => transport('-d', { d: packets.disconnect({ reasonCode: 0x81 }) }))
    expect(message).toBe("the peer can't send disconnect 0x81 MalformedPacket: DISCONNECT reasonCode needs MQTT 5")
  })
})

describe('does and now', () => {
  test('an action runs at its frame', () => {
    const seen: number[] = []
    marbles(({ does, now }) => does('-a-(bc) 2s a', { a: () => seen.push(now()), b: () => seen.push(-1), c: () => 0 }))
    expect(seen).toEqual([1, -1, 2_007])
  })

  test('what an action throws is what the test fails with, whatever else does', () => {
    const message = failure(({ does, expectObservable }) => {
      does('-a', {
        a: () => {
          throw new Error('mine')
        },
      })
      expectObservable(NEVER).toBe('|')
    })
    expect(message).toBe('mine')
    expect(failure(({ does }) => does('-b', { a: () => 0 }))).toBe("does('-b'): no value for b")
  })
})

describe('expectObservable and expectSubscriptions', () => {
  const observed = (source$: Observable<unknown>, ...expected: [string, Record<string, unknown>?, unknown?]) =>
    failure(({ expectObservable }) => expectObservable(source$).toBe(...expected))

  test.each<[string, Observable<unknown>, [string, Record<string, unknown>?, unknown?]]>([
    ['empty', EMPTY, ['|']],
    ['never', NEVER, ['-']],
    ['letters', of('a', 'b'), ['(ab|)']],
    ['values', timer(2).pipe(map(() => [{ x: 1, y: undefined }])), ['--(a|)', { a: [{ x: 1 }] }]],
    ['a packet as it is given to a writer', of({ cmd: 'puback', messageId: 7, length: 2 }), ['(a|)', { a: ack(7) }]],
    ['an error', throwError(() => new Error('x')), ['#', {}, new Error('x')]],
    ['an MqttError', throwError(() => new MqttError('timeout', 'x')), ['#', {}, new MqttError('timeout', 'y')]],
    ['a matcher of the runner', of({ at: 5 }), ['(a|)', { a: { at: expect.any(Number) as unknown } }]],
  ])('passes %s', (_, source$, expected) => {
    expect(observed(source$, ...expected)).toBeUndefined()
  })

  const refused = new MqttError('refused', 'no', { reasonCode: 0x87, returnCode: 5 })
  test.each<[string, Observable<unknown>, [string, Record<string, unknown>?, unknown?], string]>([
    ['an end', EMPTY, ['-'], '+ 0  |'],
    ['a value', of(1), ['(a|)', { a: 2 }], '- 0  a  2\n  + 0  b  1\n'],
    ['another code', throwError(() => refused), ['#', {}, { code: 'timeout' }], '(code: "refused", not "timeout")'],
    ['another reason', throwError(() => refused), ['#', {}, new MqttError('refused', 'no')], '(reasonCode: 135, not'],
    ['another message', throwError(() => new Error('x')), ['#', {}, new Error('y')], '(message: "x", not "y")'],
    ['an error for an end', throwError(() => refused), ['|'], '+ 0  #  refused 0x87 NotAuthorized returnCode 5 "no"'],
    ['a matcher', of(1), ['(a|)', { a: expect.any(String) as unknown }], '- 0  a  Any<String>'],
  ])('fails %s', (_, source$, expected, line) => {
    expect(observed(source$, ...expected)).toContain(line)
  })

  test('toEqual, inner Observables, subscriptions of a source', () => {
    expect(failure(({ expectObservable }) => expectObservable(of(1)).toEqual(of(2)))).toContain('- 0  a  2')
    marbles(({ cold, hot, expectObservable, expectSubscriptions }) => {
      const inner$ = cold('a|')
      expectObservable(hot('-x', { x: inner$ })).toBe('-x', { x: inner$ })
      expectObservable(concat(inner$, inner$)).toEqual(concat(inner$, inner$))
      const source = hot('-a-a-')
      expectObservable(source, '^--!').toBe('-a-')
      expectSubscriptions(source.subscriptions).toBe('^--!')
    })
    const message = failure(({ hot, expectObservable, expectSubscriptions }) => {
      const source = hot('-')
      expectObservable(source, '^--!').toBe('-')
      expectSubscriptions(source.subscriptions).toBe('^-!')
    })
    expect(message).toContain('expected  ^-!\n  actual    ^--!')
  })

  test('many lines are cut around the first difference', () => {
    const numbers = Array.from({ length: 200 }, (_, index) => index)
    const message = failure(({ expectObservable }) =>
      expectObservable(of(...numbers)).toEqual(of(...numbers.map((value) => (value < 50 ? value : -value)))),
    )!
    expect(message).toContain('… 40 equal before')
    expect(message).toMatch(/… \d+ more\n$/)
    expect(message.split('\n').length).toBeLessThan(80)
  })
})
