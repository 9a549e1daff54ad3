import { EMPTY, merge, type Observable } from 'rxjs'
import { MqttError } from '../errors.js'
import { FakeTransport, marbles, packets, wire } from './index.js'

const a = Uint8Array.of(1)
const b = Uint8Array.of(2)

/** What an Observable tells, as letters. */
function told(source$: Observable<unknown>): string[] {
  const seen: string[] = []
  source$.subscribe({
    next: (value) => seen.push(value instanceof Uint8Array ? String(value[0]) : String(value)),
    error: (error: unknown) => seen.push(error instanceof MqttError ? error.code : String(error)),
    complete: () => seen.push('|'),
  })
  return seen
}

const turn = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

describe('FakeTransport keeps the Transport contract', () => {
  test('gives the same Observables and sink each time, and says what it is', () => {
    const transport = new FakeTransport()
    for (const key of ['bytes$', 'sink', 'closed$', 'writable$', 'info', 'sent$', 'sentPackets$'] as const) {
      expect(transport[key]).toBe(transport[key])
    }
    expect(transport.info.kind).toBe('fake')
  })

  test('bytes wait for a subscriber, none is told inside subscribe(), one reader at a time', async () => {
    const transport = new FakeTransport()
    transport.receive(a)
    transport.receive(b)
    const seen: unknown[] = []
    const subscription = transport.bytes$.subscribe((chunk) => seen.push(chunk))
    expect(seen).toEqual([])
    expect(told(transport.bytes$)).toEqual(['Error: bytes$ has a subscriber'])
    await turn()
    expect(seen).toEqual([a, b])
    subscription.unsubscribe()
    transport.receive(a)
    await turn()
    expect(seen).toEqual([a, b])
    const rest = told(transport.bytes$)
    await turn()
    expect(rest).toEqual(['1'])
  })

  test.each([
    ['cleanly', undefined, '|'],
    ['broken', new MqttError('transport', 'reset'), 'transport'],
  ])('what is unread comes before the end, %s, also for a later subscriber', async (_, error, end) => {
    const transport = new FakeTransport()
    transport.receive(a)
    transport.receiveEnd(error)
    const first = told(transport.bytes$)
    expect(first).toEqual([])
    await turn()
    expect(first).toEqual(['1', end])
    const late = told(transport.bytes$)
    await turn()
    expect(late).toEqual([end])
  })

  test('sink: complete sends what is queued and ends, then next is ignored', () => {
    const transport = new FakeTransport()
    transport.sink.next(a)
    transport.sink.complete()
    transport.sink.next(b)
    transport.sink.complete()
    expect(told(transport.sent$)).toEqual(['1', '|'])
    expect(told(transport.closed$)).toEqual([])
    transport.receiveEnd()
    const read = told(transport.bytes$)
    return turn().then(() => {
      expect(read).toEqual(['|'])
      expect(told(transport.closed$)).toEqual(['|'])
    })
  })

  test.each([
    [undefined, 'Error: destroyed', '|'],
    [new MqttError('timeout', 'late'), 'timeout', 'timeout'],
  ])('sink: error drops what is unread and is how it is over', async (error, sent, closed) => {
    const transport = new FakeTransport()
    transport.receive(a)
    transport.sink.error(error)
    transport.sink.next(b)
    transport.sink.error(new MqttError('overflow', 'again'))
    expect(told(transport.sent$)).toEqual([sent])
    await turn()
    expect(told(transport.closed$)).toEqual([closed])
    const read = told(transport.bytes$)
    await turn()
    expect(read).toEqual([closed])
  })

  test('writable$ replays, tells changes, completes at the end', () => {
    const transport = new FakeTransport()
    const seen = told(transport.writable$)
    transport.writable = true
    transport.writable = false
    transport.writable = true
    expect(seen).toEqual(['true', 'false', 'true'])
    transport.close()
    transport.close(new MqttError('transport', 'again'))
    expect(seen).toEqual(['true', 'false', 'true', 'false', '|'])
    expect(told(transport.closed$)).toEqual(['|'])
  })

  test('closeBeforeRead: closed$ tells first, what is unread can still be read', async () => {
    const transport = new FakeTransport()
    transport.receive(a)
    transport.closeBeforeRead()
    expect(told(transport.closed$)).toEqual(['|'])
    const read = told(transport.bytes$)
    await turn()
    expect(read).toEqual(['1', '|'])
  })
})

describe('FakeTransport and packets', () => {
  test('subscriptions are told in virtual time without being given a clock', () => {
    marbles(({ does, expectSubscriptions }) => {
      const transport = new FakeTransport()
      does('--a-b', { a: () => transport.bytes$.subscribe(), b: () => transport.receiveEnd() })
      expectSubscriptions(transport.subscriptions).toBe('--^-!')
    })
  })

  test('a CONNECT settles the version of both directions, in either direction', () => {
    const connect = packets.connect({ protocolVersion: 5 })
    const received = new FakeTransport()
    expect(received.protocol.version).toBe(4)
    received.receive(connect)
    expect(received.protocol.version).toBe(5)
    const sent = new FakeTransport(undefined, 3)
    expect(sent.protocol.version).toBe(3)
    sent.sink.next(wire('10 0d 0004 "MQTT" 05 02 0000 00 0000 20'))
    expect(sent.protocol.version).toBe(5)
    sent.sink.next(wire('03 00 87 00'))
    const seen: unknown[] = []
    sent.sentPackets$.subscribe((packet) => seen.push(packet))
    expect(seen).toMatchObject([{ cmd: 'connect' }, { cmd: 'connack', reasonCode: 0x87 }])
  })

  test('a packet that may not be sent throws, and nothing arrives', async () => {
    const transport = new FakeTransport()
    expect(() => transport.receive(packets.publish({ topic: 'a/#' }))).toThrow('[MQTT-3.3.2-2]')
    const read = told(transport.bytes$)
    await turn()
    expect(read).toEqual([])
  })

  test('what is no MQTT: sent$ has it, sentPackets$ errors with the reason, nothing is thrown', () => {
    const transport = new FakeTransport()
    transport.sink.next(wire('c0 00 00 00'))
    const errors: Error[] = []
    const seen: unknown[] = []
    transport.sentPackets$.subscribe({
      next: (packet) => seen.push(packet),
      error: (error: Error) => errors.push(error),
    })
    expect(seen).toEqual([{ cmd: 'pingreq', length: 0 }])
    expect(errors.map(({ cause }) => (cause as MqttError).code)).toEqual(['malformed-packet'])
    expect(told(merge(transport.sent$, EMPTY))).toEqual(['192'])
  })
})
