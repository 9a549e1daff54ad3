import { merge, type Observable } from 'rxjs'
import { MqttError } from '../errors.js'
import type { PacketInput } from '../packet/fields.js'
import type { PacketType, ProtocolVersion } from '../packet/packet.js'
import { encode, failure } from '../spec-support/codec.js'
import { allTypes, packetOf } from '../spec-support/packets.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { FakeTransport } from '../testing/fake-transport.js'
import { flat, marbles } from '../testing/marbles.js'
import { packets } from '../testing/packets.js'
import { join, toHex, wire } from '../testing/wire.js'
import { Connection } from './connection.js'
import type { ConnectionOptions } from './options.js'

const unhandled = expectNoUnhandled()

const ping = wire('c0 00')
const connect = (version: ProtocolVersion): Uint8Array => encode(version, packetOf('connect', version))
const destroyed = new Error('destroyed')
/** A PUBLISH with packet identifier 0. */
const bad = wire('32 05 0001 "a" 0000')

/** How a stream ends, without its packets. */
function endOf(stream$: Observable<unknown>): string[] {
  const ends: string[] = []
  stream$.subscribe({
    complete: () => ends.push('complete'),
    error: (error: unknown) => ends.push(JSON.stringify(flat(error))),
  })
  return ends
}

const opened: Connection[] = []

// A goodbye that nobody answers would keep its timer.
afterEach(() => {
  for (const connection of opened.splice(0)) connection.destroy()
})

/** A server end that has read a CONNECT and, where asked, accepted it. */
function server(
  version: ProtocolVersion,
  options: ConnectionOptions = {},
  accepted = true,
): [Connection, FakeTransport] {
  const transport = new FakeTransport()
  const connection = new Connection(transport, options)
  opened.push(connection)
  connection.packets$.subscribe()
  transport.receive(connect(version))
  if (accepted) connection.connack()
  return [connection, transport]
}

/** A client end that has sent CONNECT and, where asked, was accepted. */
function client(
  version: ProtocolVersion,
  options: ConnectionOptions = {},
  accepted = true,
): [Connection, FakeTransport] {
  const transport = new FakeTransport()
  const connection = new Connection(transport, { ...options, protocolVersion: version })
  opened.push(connection)
  connection.packets$.subscribe()
  connection.connect({ clientId: 'me' })
  if (accepted) transport.receive(encode(version, { cmd: 'connack' }))
  return [connection, transport]
}

/** What left, in hex digits, then how the sink ended. */
function sent(transport: FakeTransport): string[] {
  const chunks: Uint8Array[] = []
  const ends: string[] = []
  transport.sent$.subscribe({
    next: (chunk) => chunks.push(chunk),
    complete: () => ends.push('complete'),
    error: (error: Error) => ends.push(`error ${error instanceof MqttError ? error.code : error.message}`),
  })
  return chunks.length === 0 ? ends : [toHex(join(...chunks)), ...ends]
}

/** Lets microtasks run, and with them what was written leave. */
async function microtasks(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve()
}

describe('law 5: a bad outgoing packet throws at the call, writes nothing, and leaves the connection usable', () => {
  const invalid: readonly PacketInput[] = [
    { cmd: 'publish', topic: 'a/+' },
    { cmd: 'puback', messageId: 0 },
    { cmd: 'connect', clientId: '', clean: false, protocolVersion: 4 },
    { cmd: 'subscribe', messageId: 1, subscriptions: [] },
    { cmd: 'publish', topic: 'a', payload: new Uint8Array(101) },
    { cmd: 'other' } as never,
    {} as never,
    undefined as never,
    null as never,
    'publish' as never,
  ]
  const options: readonly ConnectionOptions[] = [{}, { role: 'client' }, { role: 'server' }]

  test.each(options)('%j', async (option) => {
    for (const packet of invalid) {
      const [connection, transport] = option.role === 'server' ? server(4, option) : client(4, { ...option })
      const small = new Connection(new FakeTransport(), { maximumPacketSize: 100 })
      const target = packet !== null && (packet as { payload?: unknown } | undefined)?.payload ? small : connection
      await microtasks()
      const [before] = sent(transport)
      expect(failure(() => target.write(packet))).toMatchObject({ code: 'invalid-packet' })
      await microtasks()
      expect(sent(transport)).toEqual([before])
      expect(connection.publish({ topic: 'a', payload: 'hi' })).toBe(true)
      await microtasks()
      expect(sent(transport)).toEqual([`${before}30050001616869`])
      expect(endOf(connection.closed$)).toEqual([])
      connection.destroy()
    }
  })

  test('each of the fifteen writers', () => {
    marbles(({ now, expectObservable }) => {
      const transport = new FakeTransport(now)
      const connection = new Connection(transport)
      const calls: readonly (() => unknown)[] = [
        () => connection.connect({ protocolVersion: 9 as never }),
        () => connection.connack({ returnCode: 9 as never }),
        () => connection.publish({ topic: '' }),
        () => connection.puback({ messageId: 0 }),
        () => connection.pubrec({ messageId: 70_000 }),
        () => connection.pubrel({ messageId: 1.5 }),
        () => connection.pubcomp({} as never),
        () => connection.subscribe({ messageId: 1, subscriptions: [] }),
        () => connection.suback({ messageId: 1, granted: [7 as never] }),
        () => connection.unsubscribe({ messageId: 1, unsubscriptions: ['#/a'] }),
        () => connection.unsuback({ messageId: -1 }),
        () => connection.disconnect({ reasonCode: 0 }),
        () => connection.auth({}),
      ]
      for (const call of calls) expect(failure(call)).toMatchObject({ code: 'invalid-packet' })
      connection.pingreq()
      connection.pingresp()
      expectObservable(transport.sent$).toBe('a', { a: wire('c000 d000') })
    })
  })

  test('a bad packet written inside a handler throws there, and the same packets are read on', async () => {
    const [connection, transport] = server(4)
    const seen: unknown[] = []
    connection.pingreq$.subscribe(() => {
      seen.push(failure(() => connection.puback({ messageId: 0 }))?.code)
      connection.pingresp()
    })
    transport.receive(join(ping, ping))
    expect(seen).toEqual(['invalid-packet', 'invalid-packet'])
    expect(await unhandled()).toEqual([])
    expect(sent(transport)).toEqual(['20020000' + 'd000d000'])
  })
})

describe('law 6: a bad incoming packet ends the connection, never the process', () => {
  const told = (code: string, reasonCode: number, returnCode?: number): string[] => [
    JSON.stringify({ code, reasonCode, returnCode }),
  ]

  describe.each([undefined, 'server'] as const)('server end, role %s', (role) => {
    const options: ConnectionOptions = role === undefined ? {} : { role }

    test.each([
      ['rubbish', wire('00 00'), 'malformed-packet', 0x81],
      ['a broken rule', bad, 'protocol-error', 0x82],
      ['a packet over the limit', wire('30 ff ff ff 7f'), 'packet-too-large', 0x95],
    ] as const)(
      '%s after CONNACK: an MQTT 5 peer gets DISCONNECT with the reason, another none',
      (_, bytes, code, reason) => {
        for (const version of [3, 4, 5] as const) {
          const [connection, transport] = server(version, options)
          const streams = [connection.packets$, connection.publish$, connection.received$, connection.sent$].map(endOf)
          const closed = endOf(connection.closed$)
          transport.receive(bytes)
          if (version === 5) {
            expect(sent(transport)).toEqual([`2003000000e001${reason.toString(16)}`, 'complete'])
            transport.receiveEnd()
          }
          expect(closed).toEqual(told(code, reason))
          expect(streams).toEqual(Array.from(streams, () => ['complete']))
          expect(endOf(connection.closed$)).toEqual(closed)
          expect(sent(transport).at(-1)).toBe(version === 5 ? 'complete' : `error ${code}`)
          expect(connection.pingresp()).toBe(false)
        }
      },
    )

    test('before CONNACK: an MQTT 5 peer gets CONNACK with the reason, another none', () => {
      for (const version of [3, 4, 5] as const) {
        const [connection, transport] = server(version, options, false)
        const closed = endOf(connection.closed$)
        transport.receive(wire('32 05 0001 "a" 0000'))
        transport.receiveEnd()
        expect(sent(transport)).toEqual(version === 5 ? ['2003008200', 'complete'] : ['error protocol-error'])
        expect(closed).toEqual(told('protocol-error', 0x82))
      }
    })

    test.each([
      ['level 6', '10 0d 0004 "MQTT" 06 02 0000 0001 "a"', '2003008400', 'unsupported-version', 0x84, 1],
      ['level 2', '10 0d 0004 "MQTT" 02 02 0000 0001 "a"', '20020001', 'unsupported-version', 0x84, 1],
      ['a bridge of level 4', '10 0d 0004 "MQTT" 84 02 0000 0001 "a"', '20020001', 'unsupported-version', 0x84, 1],
      ['3.1.1, no client id without clean', '10 0c 0004 "MQTT" 04 00 0000 0000', '20020002', 'protocol-error', 0x85, 2],
      ['3.1, no client id', '10 0e 0006 "MQIsdp" 03 02 0000 0000', '20020002', 'protocol-error', 0x85, 2],
      [
        '5, reserved flag',
        '10 0e 0004 "MQTT" 05 03 0000 00 0001 "a"',
        '2003008100',
        'malformed-packet',
        0x81,
        undefined,
      ],
      [
        '5, will retain without will',
        '10 0e 0004 "MQTT" 05 22 0000 00 0001 "a"',
        '2003008200',
        'protocol-error',
        0x82,
        undefined,
      ],
    ] as const)(
      'a CONNECT that can be read but is refused gets CONNACK: %s',
      (_, bytes, connack, code, reason, returnCode) => {
        const transport = new FakeTransport()
        const connection = new Connection(transport, options)
        connection.packets$.subscribe()
        const closed = endOf(connection.closed$)
        transport.receive(wire(bytes))
        expect(sent(transport)).toEqual([connack, 'complete'])
        transport.receiveEnd()
        expect(closed).toEqual(told(code, reason, returnCode))
      },
    )

    test.each([
      ['rubbish', '00 00'],
      ['no protocol name', '10 0d 0004 "HTTP" 04 02 0000 0001 "a"'],
      ['a length over the limit', '10 ff ff ff 7f'],
      ['3.1.1, reserved flag', '10 0d 0004 "MQTT" 04 03 0000 0001 "a"'],
      ['cut strings', '10 03 0004 "M"'],
    ])('what cannot be read as a CONNECT gets nothing: %s', (_, bytes) => {
      const transport = new FakeTransport()
      const connection = new Connection(transport, options)
      connection.packets$.subscribe()
      const closed = endOf(connection.closed$)
      transport.receive(wire(bytes))
      expect(sent(transport)).toHaveLength(1)
      expect(sent(transport)[0]).toMatch(/^error /)
      expect(closed).toHaveLength(1)
    })
  })

  describe.each([undefined, 'client'] as const)('client end, role %s', (role) => {
    const options: ConnectionOptions = role === undefined ? {} : { role }

    test('an MQTT 5 server gets DISCONNECT with the reason, before and after CONNACK; another nothing', () => {
      for (const version of [3, 4, 5] as const) {
        for (const accepted of [true, false]) {
          const [connection, transport] = client(version, options, accepted)
          const closed = endOf(connection.closed$)
          transport.receive(wire('00'))
          transport.receiveEnd()
          const left = sent(transport)
          if (version === 5) expect(left).toEqual([`${toHex(connect(5))}e00181`, 'complete'])
          else expect(left.at(-1)).toBe('error malformed-packet')
          expect(closed).toEqual(told('malformed-packet', 0x81))
        }
      }
    })
  })

  test('nobody listens to closed$: no unhandled error', async () => {
    const [connection, transport] = server(5)
    transport.receive(wire('00'))
    transport.receiveEnd()
    expect(await unhandled()).toEqual([])
    expect(endOf(connection.closed$)).toHaveLength(1)
  })

  test('packets before the bad one are handed over, and none after it', () => {
    const [connection, transport] = server(4)
    const seen: PacketType[] = []
    connection.packets$.subscribe(({ cmd }) => seen.push(cmd))
    transport.receive(join(ping, ping, wire('00 00'), ping))
    transport.receive(ping)
    expect(seen).toEqual(['pingreq', 'pingreq'])
  })

  test('a limit too small for the farewell: the connection ends all the same', async () => {
    for (const maximumPacketSize of [2, 3, 4]) {
      const transport = new FakeTransport()
      const connection = new Connection(transport, { maximumPacketSize, protocolVersion: 5 })
      const closed = endOf(connection.closed$)
      connection.packets$.subscribe()
      transport.receive(wire('30 7f'))
      transport.receiveEnd()
      expect(closed).toEqual(told('packet-too-large', 0x95))
      expect(await unhandled()).toEqual([])
    }
  })
})

describe('how a connection ends', () => {
  test('the peer ends between packets: everything completes, once, and the sink is completed', () => {
    marbles(({ transport: make, expectObservable, expectSent }) => {
      const transport = make('-a--|', { a: packets.pingreq() })
      const connection = new Connection(transport)
      expectObservable(connection.pingreq$).toBe('-a--|', { a: { cmd: 'pingreq', length: 0 } })
      expectObservable(connection.publish$).toBe('----|')
      expectObservable(connection.received$).toBe('-a--|', { a: { cmd: 'pingreq', length: 0 } })
      expectObservable(connection.sent$).toBe('----|')
      expectObservable(connection.closed$).toBe('----|')
      expectObservable(connection.writable$).toBe('a---(b|)', { a: true, b: false })
      expectSent(transport).toBe('----|')
      for (const late$ of [connection.packets$, connection.closed$, connection.received$, connection.sent$]) {
        expectObservable(late$, '-------^').toBe('-------|')
      }
    })
  })

  test('law 10: a FIN in the middle of a packet is an error, not a clean end', () => {
    marbles(({ transport: make, expectObservable }) => {
      const transport = make('-a--|', { a: join(ping, ping.subarray(0, 1)) })
      const connection = new Connection(transport)
      expectObservable(connection.pingreq$).toBe('-a--|', { a: { cmd: 'pingreq', length: 0 } })
      expectObservable(connection.closed$).toBe('----#', null, { code: 'malformed-packet', reasonCode: 0x81 })
    })
  })

  test('a broken transport: closed$ errors with its error, streams complete', () => {
    marbles(({ transport: make, does, expectObservable }) => {
      const transport = make('-a', { a: ping })
      const connection = new Connection(transport)
      does('----x', { x: () => transport.receiveEnd(new MqttError('transport', 'reset')) })
      expectObservable(connection.packets$).toBe('-a--|', { a: { cmd: 'pingreq', length: 0 } })
      expectObservable(connection.closed$).toBe('----#', null, { code: 'transport' })
      expectObservable(connection.closed$, '------^').toBe('------#', null, { code: 'transport' })
      const unread = make('-a', { a: ping })
      const idle = new Connection(unread)
      does('----x', { x: () => unread.receiveEnd(new MqttError('transport', 'reset')) })
      expectObservable(idle.closed$).toBe('----#', null, { code: 'transport' })
    })
  })

  test('an error of the transport that is no MqttError becomes the cause of one', () => {
    const transport = new FakeTransport()
    const connection = new Connection(transport)
    const errors: unknown[] = []
    connection.closed$.subscribe({ error: (error: unknown) => errors.push(error) })
    transport.close(new Error('ECONNRESET') as MqttError)
    expect(errors).toMatchObject([{ code: 'transport', cause: { message: 'ECONNRESET' } }])
  })

  test('unread packets are delivered after the transport closed, then the end; the reason was told before', () => {
    marbles(({ now, does, expectObservable }) => {
      const transport = new FakeTransport(now)
      const connection = new Connection(transport)
      const once$ = connection.pingreq$
      const values = { a: { cmd: 'pingreq', length: 0 } }
      expectObservable(once$, '^-!').toBe('-a', values)
      does('-a', {
        a: () => {
          once$.subscribe(() => connection.pause())
          transport.receive(join(ping, ping, ping))
        },
      })
      does('---x-----r', {
        x: () => transport.close(new MqttError('transport', 'reset')),
        r: () => connection.resume(),
      })
      expectObservable(connection.closed$).toBe('---#', null, { code: 'transport' })
      expectObservable(connection.packets$, '-----^').toBe('---------a', values)
    })
  })

  test('a transport that is over before the connection is made, read and unread', () => {
    marbles(({ now, expectObservable }) => {
      const over = new FakeTransport(now)
      over.close()
      const connection = new Connection(over)
      expectObservable(connection.closed$).toBe('|')
      expectObservable(connection.packets$).toBe('|')
      expect(connection.pingreq()).toBe(false)
      const unread = new FakeTransport(now)
      unread.receive(ping)
      unread.close()
      const late = new Connection(unread)
      expectObservable(late.closed$).toBe('|')
      expectObservable(late.packets$, '--^').toBe('--(a|)', { a: { cmd: 'pingreq', length: 0 } })
    })
  })

  test('a transport that tells its end before its last bytes were read: no waiting for a goodbye', () => {
    marbles(({ now, does, expectObservable }) => {
      const transport = new FakeTransport(now)
      const connection = new Connection(transport)
      does('-a', {
        a: () => {
          transport.receive(ping)
          transport.closeBeforeRead()
        },
      })
      expectObservable(connection.packets$).toBe('-(a|)', { a: { cmd: 'pingreq', length: 0 } })
      expectObservable(connection.closed$).toBe('-|')
    })
  })

  test('a subscriber that comes in the turn in which the transport ends: no waiting for a goodbye', () => {
    marbles(({ now, does, expectObservable }) => {
      const transport = new FakeTransport(now)
      const connection = new Connection(transport, { role: 'server', pauseTimeout: 1_000 })
      // Probing keeps the first chunk; then somebody subscribes, and the link breaks, in one turn.
      does('-ab', {
        a: () => transport.receive(connect(4)),
        b: () => {
          connection.packets$.subscribe()
          transport.close(new MqttError('transport', 'reset'))
        },
      })
      expectObservable(connection.closed$).toBe('--#', null, { code: 'transport' })
    })
  })
})

describe('law 10: end()', () => {
  test('says what was written, completes the sink, discards what still comes, ends with the peer', () => {
    marbles(({ transport: make, does, expectObservable, expectReads, expectSent }) => {
      const transport = make('-a-a-a-|', { a: ping })
      const connection = new Connection(transport)
      does('--e', {
        e: () => {
          connection.disconnect()
          connection.end()
        },
      })
      expectObservable(connection.packets$).toBe('-a-----|', { a: { cmd: 'pingreq', length: 0 } })
      expectObservable(connection.closed$).toBe('-------|')
      expectSent(transport).toBe('--(a|)', { a: packets.disconnect() })
      expectObservable(connection.sent$).toBe('--(a|)', { a: { cmd: 'disconnect', length: 0 } })
      expectReads(transport).toBe('^-!', '--^----!')
    })
  })

  test.each([
    ['nobody subscribed', (): void => {}],
    ['paused', (connection: Connection): void => connection.pause()],
  ])('drains whatever the demand: %s', (_, prepare) => {
    marbles(({ transport: make, does, expectObservable, expectReads }) => {
      const transport = make('aaaaaa|', { a: ping })
      const connection = new Connection(transport)
      prepare(connection)
      does('--e', { e: () => connection.end() })
      expectObservable(connection.closed$).toBe('------|')
      expectReads(transport).toBe('--^---!')
    })
  })

  test('a peer that does not end: destroyed after drainTimeout, and no timer is left', () => {
    marbles(({ transport: make, does, expectObservable }) => {
      const transport = make('-')
      const connection = new Connection(transport, { drainTimeout: 7 })
      does('-e', { e: () => connection.end() })
      expectObservable(connection.closed$).toBe('- 7ms |')
      expectObservable(connection.packets$).toBe('- 7ms |')
      const normal = new Connection(make('-'))
      normal.end()
      expectObservable(normal.closed$).toBe('2s |')
    })
  })

  test('where the end has a reason, the transport is told it at drainTimeout', () => {
    marbles(({ transport: make, expectObservable }) => {
      const transport = make('-a', { a: join(connect(5), bad) })
      const connection = new Connection(transport, { drainTimeout: 5 })
      connection.packets$.subscribe()
      expectObservable(connection.closed$).toBe('- 5ms #', null, { code: 'protocol-error', reasonCode: 0x82 })
      expectObservable(transport.closed$).toBe('- 5ms #', null, { code: 'protocol-error', reasonCode: 0x82 })
    })
  })

  test('where the peer has ended too, the transport is told the reason, unless bytes still wait for it', () => {
    marbles(({ transport: make, expectObservable }) => {
      const reason = { code: 'protocol-error', reasonCode: 0x82 }
      const transport = make('-a--|', { a: join(connect(5), bad) })
      const connection = new Connection(transport, { drainTimeout: 9 })
      connection.packets$.subscribe()
      expectObservable(connection.closed$).toBe('----#', null, reason)
      expectObservable(transport.closed$).toBe('----#', null, reason)
      const full = make('-a--|', { a: join(connect(5), bad) })
      full.buffered = 10
      const waiting = new Connection(full, { drainTimeout: 9 })
      waiting.packets$.subscribe()
      expectObservable(waiting.closed$).toBe('10ms #', null, reason)
    })
  })

  test('inside a handler: the packet reaches the others, no packet follows', () => {
    const [connection, transport] = server(4)
    const seen: string[] = []
    connection.packets$.subscribe(({ cmd }) => {
      seen.push(`first ${cmd}`)
      connection.disconnect()
      connection.end()
    })
    connection.pingreq$.subscribe({ next: () => seen.push('second'), complete: () => seen.push('complete') })
    transport.receive(join(ping, ping))
    transport.receive(ping)
    expect(seen).toEqual(['first pingreq', 'second'])
    expect(sent(transport)).toEqual(['20020000' + 'e000', 'complete'])
    transport.receiveEnd()
    expect(seen).toEqual(['first pingreq', 'second', 'complete'])
  })

  test('inside a handler of sent$: everything written leaves first', () => {
    const [connection, transport] = client(5)
    connection.sent$.subscribe(({ cmd }) => {
      if (cmd === 'publish') connection.end()
    })
    connection.publish({ topic: 'a', payload: new Uint8Array(70_000) })
    const [bytes, end] = sent(transport)
    expect([bytes?.length, end]).toEqual([2 * (connect(5).length + 8 + 70_000), 'complete'])
  })

  test('inside a handler of sent$, with packets of the same turn after it: they leave too', async () => {
    const [connection, transport] = client(4)
    connection.sent$.subscribe(({ cmd }) => {
      if (cmd === 'pingreq') connection.end()
    })
    connection.pingreq()
    connection.publish({ topic: 'a', payload: new Uint8Array(5_000) })
    connection.disconnect()
    await microtasks()
    const [bytes, end] = sent(transport)
    expect([bytes?.length, bytes?.slice(-4), end]).toEqual([2 * (16 + 2 + 6 + 5_000 + 2), 'e000', 'complete'])
  })

  test('idempotent; writers after it do nothing and return false', () => {
    marbles(({ transport: make, expectObservable, expectSent }) => {
      const transport = make('--|')
      const connection = new Connection(transport)
      connection.pingreq()
      connection.end()
      connection.end()
      for (const cmd of allTypes) expect(connection.write(packetOf(cmd, 4))).toBe(false)
      expect(connection.write({ cmd: 'publish', topic: '#' })).toBe(false)
      expect(connection.writable).toBe(false)
      expectSent(transport).toBe('(a|)', { a: packets.pingreq() })
      expectObservable(connection.closed$).toBe('--|')
    })
  })

  test('with a role, DISCONNECT and a refusing CONNACK end the connection by themselves, in both directions', () => {
    for (const version of [4, 5] as const) {
      const refuse: PacketInput =
        version === 5 ? { cmd: 'connack', reasonCode: 0x87 } : { cmd: 'connack', returnCode: 5 }
      const [refusing, atServer] = server(version, { role: 'server' }, false)
      refusing.write(refuse)
      expect(sent(atServer)).toEqual([toHex(encode(version, refuse)), 'complete'])
      const [leaving, atClient] = client(version, { role: 'client' })
      leaving.disconnect()
      expect(sent(atClient)).toEqual([`${toHex(connect(version))}e000`, 'complete'])
      const [left, peer] = server(version, { role: 'server' })
      const seen: string[] = []
      left.disconnect$.subscribe(() => seen.push('disconnect'))
      peer.receive(wire('e0 00'))
      expect([seen, sent(peer).at(-1)]).toEqual([['disconnect'], 'complete'])
      const [refused, other] = client(version, { role: 'client' }, false)
      refused.connack$.subscribe(() => seen.push('connack'))
      other.receive(encode(version, refuse))
      expect([seen.at(-1), sent(other).at(-1)]).toEqual(['connack', 'complete'])
      for (const transport of [atServer, atClient, peer, other]) transport.receiveEnd()
      expect([refusing, leaving, left, refused].map(({ closed$ }) => endOf(closed$))).toEqual(
        Array.from({ length: 4 }, () => ['complete']),
      )
    }
  })

  test('without a role they do not: the conversation is yours', () => {
    const [connection, transport] = server(4)
    transport.receive(join(wire('e0 00'), ping))
    connection.disconnect()
    expect(connection.pingresp()).toBe(true)
    expect(endOf(connection.closed$)).toEqual([])
    connection.destroy()
  })
})

describe('destroy()', () => {
  test('drops what is queued and unread, tells the transport the reason, and everything ends at once', () => {
    marbles(({ transport: make, does, expectObservable, expectReads, expectSent }) => {
      const transport = make('-a-a-a', { a: ping })
      const connection = new Connection(transport)
      does('--d', {
        d: () => {
          connection.pingreq()
          connection.destroy(new MqttError('refused', 'go'))
          expect(connection.pingreq()).toBe(false)
        },
      })
      expectObservable(connection.packets$).toBe('-a|', { a: { cmd: 'pingreq', length: 0 } })
      expectObservable(connection.sent$).toBe('--|')
      expectObservable(connection.received$).toBe('-a|', { a: { cmd: 'pingreq', length: 0 } })
      expectObservable(connection.closed$).toBe('--#', null, { code: 'refused' })
      expectSent(transport).toBe('--#', {}, { code: 'refused' })
      expectObservable(transport.closed$).toBe('--#', null, { code: 'refused' })
      expectReads(transport).toBe('^-!')
    })
  })

  test('without an error: completes; with one that is no MqttError: its cause', () => {
    marbles(({ transport: make, expectObservable, expectSent }) => {
      const transport = make('-')
      const connection = new Connection(transport)
      connection.destroy()
      connection.destroy(new Error('too late'))
      connection.end()
      expectObservable(connection.closed$).toBe('|')
      expectSent(transport).toBe('#', {}, destroyed)
    })
    const connection = new Connection(new FakeTransport())
    connection.destroy(new Error('mine'))
    const errors: unknown[] = []
    connection.closed$.subscribe({ error: (error: unknown) => errors.push(error) })
    expect(errors).toMatchObject([{ code: 'transport', cause: { message: 'mine' } }])
  })

  test('inside a handler: no packet follows, others complete', () => {
    const [connection, transport] = server(4)
    const seen: string[] = []
    connection.packets$.subscribe({ next: () => connection.destroy(), complete: () => seen.push('complete') })
    connection.pingreq$.subscribe({ next: () => seen.push('next'), complete: () => seen.push('complete') })
    transport.receive(join(ping, ping))
    transport.receive(ping)
    expect(seen).toEqual(['complete', 'complete'])
    expect(transport.subscriptions.every((log) => Number.isFinite(log.unsubscribedFrame))).toBe(true)
  })

  test('during a goodbye ends it; after a clean end drops what nobody read', () => {
    marbles(({ now, transport: make, does, expectObservable }) => {
      const transport = make('-')
      const connection = new Connection(transport)
      connection.end()
      does('--d', { d: () => connection.destroy(new MqttError('timeout', 'enough')) })
      expectObservable(connection.closed$).toBe('--#', null, { code: 'timeout' })
      const over = new FakeTransport(now)
      const told = new Connection(over)
      over.receive(ping)
      over.close()
      told.destroy(new MqttError('timeout', 'not the first'))
      expectObservable(told.closed$).toBe('|')
      expectObservable(told.packets$).toBe('|')
    })
  })

  test('inside a handler of closed$, or writing and subscribing there, is harmless', async () => {
    const [connection, transport] = server(4)
    const seen: unknown[] = []
    const subscribeLate = (): void => {
      connection.destroy(new MqttError('timeout', 'again'))
      seen.push(connection.pingreq())
      connection.packets$.subscribe({ next: () => seen.push('packet'), complete: () => seen.push('late complete') })
    }
    connection.closed$.subscribe({ complete: subscribeLate })
    transport.receive(ping)
    connection.destroy()
    transport.receive(ping)
    await microtasks()
    expect(seen).toEqual([false, 'late complete'])
    expect(transport.subscriptions.every((log) => Number.isFinite(log.unsubscribedFrame))).toBe(true)
  })
})

describe('law 12: one connection fails alone', () => {
  test('a sink that throws destroys its connection, and no other of the same turn', async () => {
    const [good, broken] = [new FakeTransport(), new FakeTransport()]
    const sink = { ...broken.sink, next: () => expect('the sink').toBe('broken') }
    Object.defineProperty(broken, 'sink', { value: sink })
    const connections = [new Connection(good), new Connection(broken), new Connection(good)]
    const ends = connections.map(({ closed$ }) => endOf(closed$))
    for (const connection of connections) connection.pingreq()
    await microtasks()
    expect(sent(good)).toEqual(['c000c000'])
    expect(ends.map(({ length }) => length)).toEqual([0, 1, 0])
    expect(ends[1]?.[0]).toContain('"code":"transport"')
    expect(await unhandled()).toEqual([])
  })

  test('a handler of closed$ that throws is reported, the streams complete all the same', async () => {
    const [connection] = server(4)
    const ends = endOf(merge(connection.packets$, connection.sent$))
    connection.closed$.subscribe({
      complete: () => {
        throw new Error('in closed$')
      },
    })
    connection.destroy()
    expect(ends).toEqual(['complete'])
    expect(((await unhandled()) as Error[]).map(({ message }) => message)).toEqual(['in closed$'])
  })

  test('options are checked at the call', () => {
    for (const options of [
      { role: 'broker' },
      { protocolVersion: 6 },
      { maximumPacketSize: 1 },
      { maximumConnectSize: 0 },
      { maximumBuffered: 0 },
      { drainTimeout: -1 },
      { pauseTimeout: 0.5 },
      { pauseTimeout: 2 ** 31 },
      { drainTimeout: 2 ** 31 },
    ]) {
      const make = (): unknown => new Connection(new FakeTransport(), options as ConnectionOptions)
      expect(failure(make)).toMatchObject({ code: 'invalid-option' })
    }
  })
})
