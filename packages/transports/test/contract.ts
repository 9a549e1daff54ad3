import { MqttError, type Transport } from '@rxmqtt/core'
import { digest, ending, flatten, type Ending, pattern, pause, read, sendCut, until } from './helpers.js'

/** Two ends of one link. */
export interface Pair {
  readonly client: Transport
  readonly server: Transport
  /** Ends both, and whatever made them, and waits until it is gone. */
  close(): Promise<void>
}

/** What a transport may be unable to do. */
export interface Capabilities {
  /**
   * Without a subscriber the client's peer is held back. A WebSocket of a browser can't: it has no way to read less; what it
   * does with what comes meanwhile is in its own spec. The server end of every link here can.
   */
  readonly holdsPeerBack: boolean
  /** After the peer's end this side can still send. */
  readonly halfClose: boolean
  /** Breaks the link from the given end, without a goodbye; undefined where there is no such thing. */
  readonly reset: ((transport: Transport) => void) | undefined
}

export interface ContractOptions extends Capabilities {
  readonly kind: string
  /** What the server end says, where that is another transport. @default kind */
  readonly serverKind?: string | undefined
  make(): Promise<Pair>
}

const MEBIBYTE = 1_048_576

/** Everything that the Transport interface promises. A spec of a transport is a set-up and a call of this. */
export function transportContract(
  name: string,
  { kind, serverKind = kind, make, holdsPeerBack, halfClose, reset }: ContractOptions,
): void {
  describe(`${name}: the Transport contract`, () => {
    let pair: Pair
    let client: Transport
    let server: Transport

    beforeEach(async () => {
      pair = await make()
      client = pair.client
      server = pair.server
    })
    afterEach(() => pair.close())

    test('says what it is', () => {
      expect([client.info.kind, server.info.kind]).toEqual([kind, serverKind])
      expect(client.info).toBe(client.info)
    })

    test('gives the same Observables and sink each time', () => {
      expect(client.bytes$).toBe(client.bytes$)
      expect(client.closed$).toBe(client.closed$)
      expect(client.writable$).toBe(client.writable$)
      expect(client.sink).toBe(client.sink)
    })

    test('delivers in order, small and big chunks of one turn mixed', async () => {
      const reading = read(server)
      const sent: Buffer[] = []
      for (let i = 0; i < 300; i += 1) sent.push(pattern([1, 3, 100, 20_000, 7][i % 5] as number, i))
      for (const chunk of sent) client.sink.next(Buffer.from(chunk))
      const all = Buffer.concat(sent)
      await until(() => reading.length() >= all.length, 'all bytes')
      expect(digest(reading.bytes())).toBe(digest(all))
    })

    test('ignores empty chunks', async () => {
      const reading = read(server)
      client.sink.next(new Uint8Array(0))
      client.sink.next(new Uint8Array([1]))
      client.sink.next(new Uint8Array(0))
      await until(() => reading.length() === 1, 'the byte')
      expect(reading.chunks).toHaveLength(1)
    })

    test.each([999, 65_536, MEBIBYTE])('carries a megabyte each way at once, in chunks of %i', async (size) => {
      const [up, down] = [pattern(MEBIBYTE, 1), pattern(MEBIBYTE, 2)]
      const [atServer, atClient] = [read(server), read(client)]
      sendCut(client, up, size)
      sendCut(server, down, size)
      await until(() => atServer.length() >= MEBIBYTE && atClient.length() >= MEBIBYTE, 'both megabytes')
      expect(digest(atServer.bytes())).toBe(digest(up))
      expect(digest(atClient.bytes())).toBe(digest(down))
    })

    test('emits nothing inside subscribe, next or the end, now or late', async () => {
      client.sink.next(pattern(5_000))
      await pause(30)
      let subscribing = true
      const seen: boolean[] = []
      const observer = {
        next: () => seen.push(subscribing),
        complete: () => seen.push(subscribing),
      }
      const first = server.bytes$.subscribe(observer)
      subscribing = false
      await until(() => seen.length > 0, 'the bytes')
      first.unsubscribe()
      client.sink.complete()
      const end = read(server)
      await until(() => end.endings.length > 0, 'the end')
      subscribing = true
      const late = server.bytes$.subscribe(observer)
      subscribing = false
      await until(() => late.closed, 'the end, late')
      expect(seen).not.toContain(true)
    })

    test('emits nothing synchronously inside sink.next', async () => {
      const reading = read(server)
      client.sink.next(new Uint8Array([1]))
      expect(reading.length()).toBe(0)
      await until(() => reading.length() === 1, 'the byte')
    })

    test('stops at once and loses nothing when unsubscribed inside next, however it is subscribed again', async () => {
      const sent = pattern(MEBIBYTE)
      const got: Uint8Array[] = []
      let length = 0
      let late = 0
      let rounds = 0
      const again = [
        (go: () => void) => go(),
        (go: () => void) => queueMicrotask(go),
        (go: () => void) => process.nextTick(go),
        (go: () => void) => setImmediate(go),
        (go: () => void) => setTimeout(go, 1),
      ]
      const go = (): void => {
        const subscription = server.bytes$.subscribe((chunk) => {
          if (subscription.closed) late += 1
          got.push(Uint8Array.prototype.slice.call(chunk))
          length += chunk.length
          subscription.unsubscribe()
          rounds += 1
          if (length < sent.length) (again[rounds % again.length] as (go: () => void) => void)(go)
        })
      }
      go()
      sendCut(client, sent, 1_000)
      await until(() => length >= sent.length, 'all bytes', 15_000)
      expect(late).toBe(0)
      expect(rounds).toBeGreaterThan(1)
      expect(digest(Buffer.concat(got))).toBe(digest(sent))
    })

    const ways = holdsPeerBack ? (['client', 'server'] as const) : (['server'] as const)
    test.each(ways)('holds the peer back while nobody reads at the %s, and loses nothing', async (reader) => {
      const total = 12 * MEBIBYTE
      const sent = pattern(total)
      const [from, to] = reader === 'server' ? [client, server] : [server, client]
      const told: boolean[] = []
      const subscription = from.writable$.subscribe((writable) => told.push(writable))
      sendCut(from, sent, 65_536)
      await pause(100)
      expect(from.writable).toBe(false)
      expect(from.buffered).toBeGreaterThan(65_536)
      expect(from.buffered).toBeLessThanOrEqual(total + 100_000)
      const held = from.buffered
      await pause(30)
      expect(from.buffered).toBe(held)
      const reading = read(to)
      await until(() => reading.length() >= total, 'all bytes', 15_000)
      await until(() => from.writable && from.buffered === 0, 'an empty queue')
      expect(digest(reading.bytes())).toBe(digest(sent))
      expect(told).toEqual([true, false, true])
      subscription.unsubscribe()
      reading.subscription.unsubscribe()
    })

    test('is writable by its mark: who waits for writable$ keeps the queue bounded', async () => {
      const total = 4 * MEBIBYTE
      const sent = pattern(total)
      let at = 0
      let most = 0
      const subscription = client.writable$.subscribe((writable) => {
        while (writable && client.writable && at < total) {
          client.sink.next(sent.subarray(at, at + 10_000))
          at += 10_000
          most = Math.max(most, client.buffered)
        }
      })
      await pause(50)
      const reading = read(server)
      await until(() => reading.length() >= total, 'all bytes', 15_000)
      subscription.unsubscribe()
      expect(most).toBeLessThanOrEqual(65_536 + 10_000 + 1_000)
      expect(digest(reading.bytes())).toBe(digest(sent))
    })

    test('delivers what is unread before a clean end, to a late subscriber', async () => {
      const sent = pattern(10_000)
      client.sink.next(Buffer.from(sent))
      client.sink.complete()
      await pause(50)
      const reading = read(server)
      await until(() => reading.endings.length > 0, 'the end')
      expect(digest(reading.bytes())).toBe(digest(sent))
      expect(reading.endings).toEqual(['complete'])
      const late = read(server)
      await until(() => late.endings.length > 0, 'the end, late')
      expect([late.length(), late.endings]).toEqual([0, ['complete']])
    })

    test('sends all that is queued, then ends', async () => {
      const sent = pattern(4 * MEBIBYTE)
      sendCut(client, sent, 50_000)
      client.sink.complete()
      await pause(20)
      const reading = read(server)
      await until(() => reading.endings.length > 0, 'the end', 15_000)
      expect(digest(reading.bytes())).toBe(digest(sent))
      expect(reading.endings).toEqual(['complete'])
    })

    test('is over when both ends completed and were read: closed$ completes, once, also late', async () => {
      const ends: string[] = []
      client.closed$.subscribe({ complete: () => ends.push('closed') })
      read(client)
      read(server)
      client.sink.complete()
      server.sink.complete()
      expect(await ending(client.closed$)).toBe('complete')
      expect(await ending(server.closed$)).toBe('complete')
      client.sink.error(new Error('too late'))
      client.sink.complete()
      await pause(10)
      expect(ends).toEqual(['closed'])
      expect(await ending(client.closed$)).toBe('complete')
      expect([client.buffered, client.writable]).toEqual([0, false])
    })

    test('does not throw away unread bytes by itself after sink.complete', async () => {
      let closed = false
      server.closed$.subscribe({ complete: () => (closed = true) })
      client.sink.next(pattern(3_000))
      await pause(30)
      server.sink.complete()
      client.sink.complete()
      await pause(50)
      expect(closed).toBe(false)
      const reading = read(server)
      await until(() => closed, 'the end')
      expect([reading.length(), reading.endings]).toEqual([3_000, ['complete']])
    })

    if (halfClose) {
      test('can still send after the peer has ended', async () => {
        const [atServer, atClient] = [read(server), read(client)]
        let over = false
        server.closed$.subscribe({ complete: () => (over = true) })
        client.sink.next(new Uint8Array([1]))
        client.sink.complete()
        await until(() => atServer.endings.length > 0, 'the end')
        await pause(20)
        expect(over).toBe(false)
        expect(server.writable).toBe(true)
        const answer = pattern(300_000)
        sendCut(server, answer, 5_000)
        server.sink.complete()
        await until(() => atClient.endings.length > 0, 'the other end')
        expect(digest(atClient.bytes())).toBe(digest(answer))
        expect(await ending(client.closed$)).toBe('complete')
        expect(await ending(server.closed$)).toBe('complete')
      })
    }

    test('takes one subscriber at a time', async () => {
      const first = read(server)
      const second = read(server)
      await until(() => second.endings.length > 0, 'the refusal')
      expect(second.endings).toMatchObject([{ code: 'transport' }])
      client.sink.next(new Uint8Array([1, 2]))
      await until(() => first.length() === 2, 'the bytes')
      first.subscription.unsubscribe()
      const third = read(server)
      client.sink.next(new Uint8Array([3]))
      await until(() => third.length() === 1, 'the third byte')
      expect(second.length()).toBe(0)
    })

    test('writable$ replays, tells the end and completes, also late', async () => {
      const told: unknown[] = []
      client.writable$.subscribe({ next: (value) => told.push(value), complete: () => told.push('end') })
      expect(told).toEqual([true])
      read(client)
      read(server)
      client.sink.complete()
      expect(told).toEqual([true, false])
      expect(client.writable).toBe(false)
      server.sink.complete()
      await ending(client.closed$)
      expect(told).toEqual([true, false, 'end'])
      const late: unknown[] = []
      client.writable$.subscribe({ next: (value) => late.push(value), complete: () => late.push('end') })
      expect(late).toEqual([false, 'end'])
    })

    test('tells every observer of writable$ the same order, also when one writes inside', async () => {
      const [first, second]: [boolean[], boolean[]] = [[], []]
      let wrote = false
      client.writable$.subscribe((value) => {
        first.push(value)
        if (wrote && value) {
          wrote = false
          sendCut(client, pattern(12 * MEBIBYTE), 65_536)
        }
      })
      client.writable$.subscribe((value) => second.push(value))
      read(server)
      wrote = true
      sendCut(client, pattern(12 * MEBIBYTE), 65_536)
      await until(() => first.length >= 5, 'two rounds')
      expect(first).toEqual([true, false, true, false, true])
      expect(second).toEqual(first)
    })

    test('ignores next after complete', async () => {
      const reading = read(server)
      client.sink.next(new Uint8Array([1]))
      client.sink.complete()
      client.sink.next(new Uint8Array([2]))
      client.sink.complete()
      await until(() => reading.endings.length > 0, 'the end')
      expect(reading.bytes()).toEqual(Buffer.from([1]))
    })

    const mine = new MqttError('refused', 'I said so')
    const other = new Error('something else')
    test.each([
      ['undefined', undefined, 'complete'],
      ['an MqttError', mine, flatten(mine)],
      ['anything else', other, { code: 'transport', message: 'something else', cause: 'something else' }],
    ] as const)('sink.error(%s) drops everything and tells that end', async (_, argument, expected) => {
      for (const transport of [client, server]) {
        const reading = read(transport)
        const closed = ending(transport.closed$)
        const ends: Ending[] = []
        transport.closed$.subscribe({
          complete: () => ends.push('complete'),
          error: (e: unknown) => ends.push(flatten(e)),
        })
        if (transport === server) transport.sink.complete()
        transport.sink.error(argument)
        transport.sink.error(new Error('not the first'))
        transport.sink.next(new Uint8Array([1]))
        transport.sink.complete()
        expect([transport.writable, transport.buffered]).toEqual([false, 0])
        const first = await closed
        // The server may have seen the client's end before it destroyed itself.
        if (transport === client) {
          expect(first).toEqual(expected)
          await until(() => reading.endings.length > 0, 'the end')
          expect(reading.endings).toEqual([expected])
        }
        expect(ends).toEqual([first])
        expect(await ending(transport.closed$)).toEqual(first)
      }
    })

    test('sink.error drops what is queued and unread', async () => {
      server.sink.next(pattern(1_000))
      sendCut(client, pattern(12 * MEBIBYTE), 65_536)
      await pause(30)
      client.sink.error(undefined)
      expect(client.buffered).toBe(0)
      const reading = read(client)
      await until(() => reading.endings.length > 0, 'the end')
      expect([reading.length(), reading.endings]).toEqual([0, ['complete']])
    })

    test('nothing arrives after sink.error inside next', async () => {
      let after = 0
      let over = false
      sendCut(client, pattern(MEBIBYTE), 1_000)
      server.bytes$.subscribe(() => {
        if (over) after += 1
        over = true
        server.sink.error(undefined)
      })
      await ending(server.closed$)
      await pause(10)
      expect([over, after]).toEqual([true, 0])
    })

    if (reset !== undefined) {
      test('a broken link is one error, told to all, at once and late', async () => {
        const reading = read(client)
        const ends: Ending[] = []
        client.closed$.subscribe({
          complete: () => ends.push('complete'),
          error: (e: unknown) => ends.push(flatten(e)),
        })
        const writable: unknown[] = []
        client.writable$.subscribe({ next: (value) => writable.push(value), complete: () => writable.push('end') })
        server.sink.next(new Uint8Array([0x30, 100, 0]))
        await until(() => reading.length() === 3, 'half a packet')
        reset(server)
        await until(() => ends.length > 0 && reading.endings.length > 0, 'the error')
        await pause(10)
        expect(ends).toMatchObject([{ code: 'transport' }])
        expect(reading.endings).toEqual(ends)
        expect(writable).toEqual([true, false, 'end'])
        const late = read(client)
        await until(() => late.endings.length > 0, 'the error, late')
        expect(late.endings).toEqual(ends)
        expect(await ending(client.closed$)).toEqual(ends[0])
        client.sink.next(new Uint8Array([1]))
        client.sink.complete()
        expect(client.buffered).toBe(0)
      })

      test('a broken link with nobody subscribed is no uncaught exception', async () => {
        reset(server)
        await pause(50)
        client.sink.next(new Uint8Array([1]))
        expect(await ending(client.closed$)).toMatchObject({ code: 'transport' })
        expect(client.writable).toBe(false)
      })
    }
  })
}
