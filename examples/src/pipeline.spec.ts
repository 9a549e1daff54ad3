import { marbles } from '@rxmqtt/core/testing'
import type { Message } from '@rxmqtt/core'
import { connectTcp, listenTcp } from '@rxmqtt/transports/tcp'
import { interval, map, merge, Subject, take, takeUntil, concatMap } from 'rxjs'
import { expectNoHandles, hear, host, portTold, until } from '../test/helpers.js'
import { demoClient } from './demo-client.js'
import { averages, pipeline, type Reading, readings } from './pipeline.js'

describe('readings', () => {
  it('takes numbers on device topics, and nothing else', () => {
    const message = (topic: string, payload: string | Uint8Array): Message => ({ topic, payload, qos: 0 })
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('abcdefg|', {
        a: message('devices/hall/1/temperature', '20.5'),
        b: message('devices/hall/1/humidity', '20.5'),
        c: message('devices/hall/1/temperature', 'warm'),
        d: message('devices/hall/1/temperature', ''),
        e: message('averages/hall', '1'),
        f: message('devices/lab/1/temperature', new TextEncoder().encode('-3')),
        g: message('devices/lab/1/temperature', 'Infinity'),
      })
      expectObservable(source.pipe(readings())).toBe('a----f-|', {
        a: { room: 'hall', value: 20.5 },
        f: { room: 'lab', value: -3 },
      })
      expectSubscriptions(source.subscriptions).toBe('^------!')
    })
  })
})

describe('averages', () => {
  const values: Record<string, Reading> = {
    a: { room: 'hall', value: 20 },
    b: { room: 'hall', value: 21 },
    c: { room: 'lab', value: 10 },
  }
  const results = {
    x: { room: 'hall', mean: 20.5, count: 2 },
    y: { room: 'lab', mean: 10, count: 1 },
    z: { room: 'hall', mean: 20, count: 1 },
  }

  it.each([
    ['a room a window', '-ab-c--a-----|', '-----(xy)-z--|', '^------------!'],
    ['nothing for an empty source', '|', '|', '(^!)'],
    ['the rest at the end', 'c|', '-(y|)', '^!'],
    ['nothing while nothing comes', '-', '-', '^'],
    ['an error at once', 'a-#', '--#', '^-!'],
  ])('give %s', (_what, source, expected, subscription) => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const readings$ = cold(source, values)
      expectObservable(readings$.pipe(averages(5)), subscription === '^' ? '^-----------!' : undefined).toBe(
        expected,
        results,
      )
      expectSubscriptions(readings$.subscriptions).toBe(subscription === '^' ? '^-----------!' : subscription)
    })
  })
})

describe('the pipeline', () => {
  expectNoHandles()

  it('publishes the averages of many devices back to a subscriber', async () => {
    const { listening, port } = portTold()
    const stop = new Subject<void>()
    const published = hear(pipeline(listenTcp({ host, listening }).pipe(takeUntil(stop)), 200))
    const dial$ = connectTcp({ host, port: await port })

    const watcher = hear(
      demoClient(dial$, { clientId: 'watcher' }, ({ subscribe, messages$ }) =>
        merge(
          subscribe('averages/+', 1).pipe(map(({ granted }) => `granted ${granted.join()}`)),
          subscribe('devices/#', 1).pipe(map(({ granted }) => `granted ${granted.join()}`)),
          messages$.pipe(map(({ topic, payload }) => `${topic} ${new TextDecoder().decode(payload)}`)),
        ),
      ),
    )
    await until(() => watcher.values.length === 2, 'the watcher')
    // MQTT 3.1.1 has one code for every refusal.
    expect(watcher.values.splice(0)).toEqual(['granted 1', 'granted 128'])
    const devices = Array.from({ length: 20 }, (_, index) =>
      hear(
        demoClient(dial$, { clientId: `device-${index}`, protocolVersion: 5 }, ({ publish }) =>
          interval(20).pipe(
            take(5),
            concatMap(() =>
              publish({ topic: `devices/room-${index % 2}/${index}/temperature`, payload: String(index), qos: 1 }),
            ),
          ),
        ),
      ),
    )
    expect(await Promise.all(devices.map(({ done }) => done))).toEqual(devices.map(() => 'complete'))
    const counted = (): number => published.values.reduce((sum, { count }) => sum + count, 0)
    await until(() => counted() === 100, 'every reading in an average')
    await until(() => watcher.values.length === published.values.length, 'every average at the watcher')
    expect(watcher.values).toEqual(published.values.map(({ room, mean }) => `averages/${room} ${mean.toFixed(2)}`))
    // Even devices are in one room, odd ones in the other: 0, 2, … 18 and 1, 3, … 19.
    const total = (room: string): number =>
      published.values.filter((each) => each.room === room).reduce((sum, { mean, count }) => sum + mean * count, 0)
    expect([total('room-0') / 50, total('room-1') / 50]).toEqual([expect.closeTo(9), expect.closeTo(10)])
    stop.next()
    watcher.subscription.unsubscribe()
    expect(await published.done).toBe('complete')
  })
})
