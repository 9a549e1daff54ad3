import { switchMap, take } from 'rxjs'
import type { MqttError } from '../errors.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { FakeTransport } from '../testing/fake-transport.js'
import { join, toHex } from '../testing/wire.js'
import { Connection } from './connection.js'

expectNoUnhandled()

const turn = (): Promise<void> => Promise.resolve()

function start(): { transport: FakeTransport; connection: Connection; chunks: Uint8Array[] } {
  const transport = new FakeTransport()
  const chunks: Uint8Array[] = []
  transport.sent$.subscribe({ next: (chunk) => chunks.push(chunk), error: () => undefined })
  return { transport, connection: new Connection(transport), chunks }
}

describe('while the transport takes no more', () => {
  test('what is written turn by turn is gathered, and leaves in few chunks, in order', async () => {
    const { transport, connection, chunks } = start()
    transport.writable = false
    for (let messageId = 1; messageId <= 1_000; messageId++) {
      expect(connection.puback({ messageId })).toBe(false)
      await turn()
    }
    expect(chunks).toEqual([])
    transport.writable = true
    expect(chunks.length).toBeLessThan(20)
    const ids = Array.from({ length: 1_000 }, (_, i) => `4002${(i + 1).toString(16).padStart(4, '0')}`)
    expect(toHex(join(...chunks))).toBe(ids.join(''))
    connection.destroy()
  })

  test('writable$ tells true only when all of it has left', async () => {
    const { transport, connection, chunks } = start()
    const told: [boolean, number][] = []
    connection.writable$.subscribe((writable) => told.push([writable, chunks.length]))
    transport.writable = false
    connection.pingreq()
    await turn()
    expect(connection.writable).toBe(false)
    transport.writable = true
    expect(told).toEqual([
      [true, 0],
      [false, 0],
      [true, 1],
    ])
    expect(connection.writable).toBe(true)
    connection.destroy()
  })

  test('it stays in order where the transport is full again in between', async () => {
    const { transport, connection, chunks } = start()
    transport.sent$.subscribe({ next: () => (transport.writable = false), error: () => undefined })
    transport.writable = false
    for (const fill of [1, 2, 3]) {
      connection.publish({ topic: 'a', payload: new Uint8Array(5_000).fill(fill) })
      await turn()
    }
    connection.pingreq()
    await turn()
    for (let i = 0; i < 20; i++) transport.writable = true
    expect(chunks.filter((chunk) => chunk.length === 5_000).map(([fill]) => fill)).toEqual([1, 2, 3])
    expect(toHex(chunks.at(-1)!)).toBe('c000')
    connection.destroy()
  })

  test('it counts for maximumBuffered', async () => {
    const transport = new FakeTransport()
    const connection = new Connection(transport, { maximumBuffered: 100 })
    const ends: unknown[] = []
    connection.closed$.subscribe({ error: (error: unknown) => ends.push((error as MqttError).code) })
    transport.writable = false
    for (let i = 0; i < 50; i++) {
      connection.pingreq()
      await turn()
    }
    expect(ends).toEqual([])
    connection.pingreq()
    expect(ends).toEqual(['overflow'])
  })

  test('a goodbye takes it along', async () => {
    const { transport, connection, chunks } = start()
    transport.writable = false
    connection.pingreq()
    await turn()
    connection.pingresp()
    connection.end()
    expect(toHex(join(...chunks))).toBe('c000d000')
    connection.destroy()
  })
})

describe('sent$ never errors', () => {
  const large = { topic: 'a', payload: new Uint8Array(5_000) }

  test('when the connection is destroyed between the header and a large payload', async () => {
    const { transport, connection } = start()
    const seen: string[] = []
    connection.sent$.subscribe({ next: ({ cmd }) => seen.push(cmd), complete: () => seen.push('complete') })
    transport.sent$.subscribe({ next: () => connection.destroy(), error: () => undefined })
    connection.publish(large)
    await turn()
    expect(seen).toEqual(['complete'])
  })

  test('when somebody subscribes in the middle of a flush: it begins with the next packet', async () => {
    const { transport, connection } = start()
    const seen: string[] = []
    const late$ = transport.sent$.pipe(
      take(1),
      switchMap(() => connection.sent$),
    )
    late$.subscribe({ next: ({ cmd }) => seen.push(cmd), error: () => undefined })
    connection.publish(large)
    await turn()
    connection.pingreq()
    await turn()
    expect(seen).toEqual(['pingreq'])
    connection.destroy()
  })
})
