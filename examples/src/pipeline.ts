import { filter, groupBy, map, mergeMap, type Observable, type OperatorFunction, reduce, tap, windowTime } from 'rxjs'
import type { DemoServer, Message } from './demo-server.js'

/** What one device measured. */
export interface Reading {
  readonly room: string
  readonly value: number
}

/** What all devices of one room measured in one window. */
export interface Average {
  readonly room: string
  readonly mean: number
  readonly count: number
}

const topicOfDevice = /^devices\/([^/]+)\/[^/]+\/temperature$/
const decoder = new TextDecoder()

/** Takes the readings out of all messages: numbers on `devices/<room>/<device>/temperature`; others are left out. */
export function readings(): OperatorFunction<Message, Reading> {
  return (messages$) =>
    messages$.pipe(
      map(({ topic, payload }) => {
        const text = typeof payload === 'string' ? payload : decoder.decode(payload)
        return { room: topicOfDevice.exec(topic)?.[1] ?? '', value: text.trim() === '' ? Number.NaN : Number(text) }
      }),
      filter(({ room, value }) => room !== '' && Number.isFinite(value)),
    )
}

// #region averages
/** The mean of each room in each window. Only the sums of one window are kept, whatever the number of devices. */
export function averages(milliseconds: number): OperatorFunction<Reading, Average> {
  return (readings$) =>
    readings$.pipe(
      windowTime(milliseconds),
      mergeMap((window$) => window$.pipe(groupBy(({ room }) => room))),
      mergeMap((room$) =>
        room$.pipe(
          reduce((sum, { value }) => ({ total: sum.total + value, count: sum.count + 1 }), { total: 0, count: 0 }),
          map(({ total, count }) => ({ room: room$.key, mean: total / count, count })),
        ),
      ),
    )
}
// #endregion

/** Publishes the averages of what devices publish back to whoever subscribed to `averages/<room>`. */
export function pipeline(server: DemoServer, milliseconds: number): Observable<Average> {
  return server.messages$.pipe(
    readings(),
    averages(milliseconds),
    tap(({ room, mean }) => server.publish({ topic: `averages/${room}`, payload: mean.toFixed(2), qos: 1 })),
  )
}
