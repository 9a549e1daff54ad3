import { Connection } from '@rxmqtt/core'
import { memoryPair } from '@rxmqtt/transports/memory'
import { from, map, range, Subject } from 'rxjs'
import { hear, speak, until } from '../test/helpers.js'
import { forward, handleInOrder, holdWhile, publishAll, publishLatest, whenWritable } from './backpressure.js'

function pair(highWaterMark?: number): { near: Connection; far: Connection } {
  const [a, b] = memoryPair(highWaterMark === undefined ? {} : { highWaterMark })
  return { near: new Connection(a), far: new Connection(b) }
}

const text = (payload: Uint8Array): string => new TextDecoder().decode(payload)
const turns = (milliseconds = 20): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))
const close = (...connections: Connection[]): void => {
  for (const connection of connections) connection.destroy()
}

describe('backpressure in', () => {
  it('holds the peer back while too many messages wait, and handles them all in order', async () => {
    const { near, far } = pair(1_000)
    const stored: number[] = []
    let finish = (): void => {}
    const store = (_topic: string, payload: Uint8Array): Promise<void> =>
      new Promise((resolve) => {
        finish = () => {
          stored.push(Number(text(payload)))
          resolve()
        }
        if (stored.length > 0) finish()
      })
    const handled = hear(handleInOrder(near, store))
    for (let i = 0; i < 1_000; i += 1) {
      far.publish({ topic: 'a', payload: String(i) })
      if (i % 50 === 49) await turns(0)
    }
    await turns()
    expect(stored).toEqual([])
    expect(far.writable).toBe(false)
    expect(far.transport.buffered).toBeGreaterThan(1_000)
    finish()
    await until(() => stored.length === 1_000, 'every message')
    expect(stored).toEqual(stored.map((_, index) => index))
    expect(far.writable).toBe(true)
    close(near, far)
    expect(await handled.done).toBe('complete')
  })

  it('reads nothing while work is done, and loses nothing', async () => {
    const { near, far } = pair()
    const messages = hear(near.publish$)
    const work = new Subject<number>()
    const held = hear(holdWhile(near, work))
    far.publish({ topic: 'a' })
    await turns()
    expect(messages.values).toEqual([])
    work.complete()
    await until(() => messages.values.length === 1, 'the message')
    expect(held.end).toBe('complete')
    close(near, far)
  })
})

describe('backpressure out', () => {
  it('drops the oldest of live values for a peer that does not read', async () => {
    const { near, far } = pair(100)
    const values = new Subject<string>()
    const publishing = hear(publishLatest(near, values))
    for (let i = 0; i < 5_000; i += 1) {
      values.next(String(i))
      if (i % 20 === 19) await Promise.resolve()
    }
    const { packets } = speak(far.transport)
    await until(() => packets.at(-1)?.['payload'] === '4999', 'the newest value')
    expect(packets.length).toBeLessThan(2_000)
    values.complete()
    expect(await publishing.done).toBe('complete')
    close(near, far)
  })

  it('makes values only as the peer takes them, loses none, and keeps little', async () => {
    const { near, far } = pair(1_000)
    let loaded = 0
    const names$ = range(0, 200).pipe(map((n) => String(n)))
    const publishing = hear(
      publishAll(near, names$, async (name) => {
        loaded += 1
        return { topic: name, payload: new Uint8Array(500) }
      }),
    )
    await turns()
    expect(near.transport.buffered).toBeLessThan(2_000)
    expect(loaded).toBeLessThan(10)
    const received = hear(far.publish$)
    expect(await publishing.done).toBe('complete')
    await until(() => received.values.length === 200, 'every message')
    expect(received.values.map(({ topic }) => Number(topic))).toEqual(received.values.map((_, index) => index))
    close(near, far)
  })

  it('stops where the connection ends', async () => {
    const { near, far } = pair()
    const waiting = hear(publishAll(near, from(['a', 'b']), () => new Promise<never>(() => {})))
    near.destroy()
    expect(await hear(whenWritable(near)).done).toBe('complete')
    expect(waiting.end).toBe('open')
    waiting.subscription.unsubscribe()
    far.destroy()
  })

  it('goes through a bridge: a slow end stops the other one', async () => {
    const left = pair(500)
    const right = pair(500)
    const bridge = hear(forward(left.near, right.near))
    const sending = hear(
      publishAll(left.far, range(0, 2_000).pipe(map((n) => String(n))), async (name) => ({
        topic: name,
        payload: 'x'.repeat(100),
      })),
    )
    await turns(50)
    expect(sending.values.length).toBeLessThan(500)
    expect(sending.end).toBe('open')
    const received = hear(right.far.publish$)
    await until(() => received.values.length === 2_000, 'every message')
    expect(received.values.map(({ topic }) => Number(topic))).toEqual(received.values.map((_, index) => index))
    expect(sending.end).toBe('complete')
    close(left.near, left.far, right.near, right.far)
    expect(await bridge.done).toBe('complete')
  })
})
