import type { Message } from '@rxmqtt/core'
import { defer, interval, map, merge, mergeMap, type Observable, range, startWith, take, timer } from 'rxjs'

export interface FleetOptions {
  /** Milliseconds between two values of a sensor. @default 250 */
  readonly period?: number | undefined
  /** Gives a number from 0 to 1. @default Math.random */
  readonly random?: (() => number) | undefined
}

interface Place {
  readonly name: string
  readonly temperature: number
  readonly humidity: number
}

const places: readonly Place[] = [
  { name: 'attic', temperature: 26.5, humidity: 38 },
  { name: 'cellar', temperature: 14.5, humidity: 68 },
  { name: 'greenhouse', temperature: 24, humidity: 76 },
  { name: 'lab', temperature: 21, humidity: 45 },
  { name: 'office', temperature: 22.5, humidity: 42 },
  { name: 'workshop', temperature: 18, humidity: 52 },
]
const quantities = ['temperature', 'humidity'] as const
/** How far values get from where they belong. */
const spread = { temperature: 1.6, humidity: 5 } as const

/** Sensors for temperature and humidity in six places: who subscribes later gets the last value of each, which is retained. */
export function fleet({ period = 250, random = Math.random }: FleetOptions = {}): Observable<Message> {
  const sensors = places.flatMap((place) => quantities.map((quantity) => ({ place, quantity })))
  return merge(
    ...sensors.map(({ place, quantity }, index) => {
      const topic = `sensors/${place.name}/${quantity}`
      return timer((index * period) / sensors.length).pipe(
        mergeMap(() => walk(period, random)),
        map((offset) => (place[quantity] + offset * spread[quantity]).toFixed(1)),
        map((payload): Message => ({ topic, payload, retain: true })),
      )
    }),
  )
}

/** Goes up and down around 0, mostly between -1 and 1, as rooms do: slowly, and never straight. */
function walk(period: number, random: () => number): Observable<number> {
  return defer(() => {
    const phase = random() * 2 * Math.PI
    const wave = 20_000 + 25_000 * random()
    let noise = 0
    return interval(period).pipe(
      startWith(-1),
      map((tick) => {
        noise = 0.92 * noise + 0.1 * (random() - 0.5)
        return 0.75 * Math.sin(phase + (tick * period * 2 * Math.PI) / wave) + noise
      }),
    )
  })
}

/** Counters in a burst. */
export const counters = 5
/** Messages in a turn, and milliseconds between two turns. */
const batch = 500
const pause = 5

/** As many messages as fast as it goes: a few counters that count to the end. */
export function burst(count: number): Observable<Message> {
  return interval(pause).pipe(
    take(Math.ceil(count / batch)),
    mergeMap((turn) => range(turn * batch + 1, Math.min(batch, count - turn * batch))),
    map((n): Message => ({ topic: `burst/${((n - 1) % counters) + 1}/count`, payload: String(n) })),
  )
}
