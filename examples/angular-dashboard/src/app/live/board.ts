import type { Reading } from './reading.js'

/** A value and when it came, in milliseconds since the epoch. */
export interface Point {
  readonly x: number
  readonly y: number
}

/** One topic, as it is shown. */
export interface Sensor {
  readonly topic: string
  /** All levels but the last, without the first where there are three: `lab` of `sensors/lab/temperature`. */
  readonly place: string
  /** The last level of the topic, which says what is measured. */
  readonly quantity: string
  readonly text: string
  readonly value: number | undefined
  /** Of the values in `points`. */
  readonly lowest: number
  readonly highest: number
  /** The same for all sensors of a place, from 0. */
  readonly colour: number
  /** The values of the window, oldest first. Always the same array. */
  readonly points: readonly Point[]
}

export interface BoardView {
  readonly sensors: readonly Sensor[]
  /** Topics for which there is no room. */
  readonly isFull: boolean
  /** When the last sample was taken, in milliseconds since the epoch. */
  readonly at: number
}

type Row = { -readonly [K in keyof Sensor]: Sensor[K] } & { points: Point[] }

/** Milliseconds of values that are kept. */
export const windowLength = 60_000
/** Topics that are shown. */
export const maximumSensors = 24

/** The sensors that match a filter, with their last minute: bounded in topics and, by the samples' period, in points. */
export class Board {
  readonly #rows = new Map<string, Row>()
  readonly #places = new Map<string, number>()
  #matches: (topic: string) => boolean = () => true
  #isFull = false
  #at = 0

  /** Forgets what doesn't match, and takes nothing that doesn't. */
  show(matches: (topic: string) => boolean): void {
    this.#matches = matches
    this.#isFull = false
    for (const topic of this.#rows.keys()) {
      if (!matches(topic)) this.#rows.delete(topic)
    }
    if (this.#rows.size === 0) this.#places.clear()
  }

  take(readings: Iterable<Reading>, at: number): void {
    this.#at = at
    for (const { topic, text, value } of readings) {
      const row = this.#matches(topic) ? this.#rowOf(topic) : undefined
      if (row === undefined) continue
      row.text = text
      row.value = value
      if (value !== undefined) row.points.push({ x: at, y: value })
    }
    for (const row of this.#rows.values()) forgetBefore(row, at - windowLength)
  }

  view(): BoardView {
    const sensors = [...this.#rows.values()].map((row) => ({ ...row }))
    return { sensors: sensors.sort(byQuantityThenPlace), isFull: this.#isFull, at: this.#at }
  }

  #rowOf(topic: string): Row | undefined {
    const known = this.#rows.get(topic)
    if (known !== undefined) return known
    if (this.#rows.size >= maximumSensors) {
      this.#isFull = true
      return undefined
    }
    const levels = topic.split('/')
    const quantity = levels.pop() ?? topic
    const place = (levels.length > 1 ? levels.slice(1) : levels).join('/') || quantity
    const colour = this.#places.get(place) ?? this.#places.size
    this.#places.set(place, colour)
    const row = { topic, place, quantity, text: '', value: undefined, lowest: 0, highest: 0, colour, points: [] }
    this.#rows.set(topic, row)
    return row
  }
}

function forgetBefore(row: Row, start: number): void {
  const { points } = row
  let old = 0
  // One that is too old stays, so that the line begins at the edge.
  while (old + 1 < points.length && points[old + 1]!.x < start) old++
  points.splice(0, old)
  let lowest = Number.POSITIVE_INFINITY
  let highest = Number.NEGATIVE_INFINITY
  for (const { y } of points) {
    if (y < lowest) lowest = y
    if (y > highest) highest = y
  }
  row.lowest = lowest
  row.highest = highest
}

function byQuantityThenPlace(one: Sensor, other: Sensor): number {
  return one.quantity.localeCompare(other.quantity) || one.place.localeCompare(other.place)
}
