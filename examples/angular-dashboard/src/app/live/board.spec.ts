import { topicMatcher } from '@rxmqtt/core'
import { Board, maximumSensors, windowLength } from './board.js'
import { readingOf } from './reading.js'

const utf8 = new TextEncoder()
const reading = (topic: string, text: string): ReturnType<typeof readingOf> =>
  readingOf({ topic, payload: utf8.encode(text) })

describe('readingOf', () => {
  it.each([
    ['21.5', 21.5],
    [' -3 ', -3],
    ['0', 0],
    ['{"value": 7, "unit": "W"}', 7],
    ['{"value": "7"}', undefined],
    ['{broken', undefined],
    ['', undefined],
    ['on', undefined],
    ['Infinity', undefined],
    [`1.${'0'.repeat(600)}`, undefined],
  ])('%j is %s', (text, value) => {
    expect(reading('t', text).value).toBe(value)
  })
})

describe('Board', () => {
  it('tells the last value of each topic, with the lowest and highest of its window, by quantity and place', () => {
    const board = new Board()
    board.take([reading('sensors/lab/temperature', '20'), reading('sensors/attic/humidity', '40')], 1_000)
    board.take([reading('sensors/lab/temperature', '18')], 2_000)
    const { sensors, at, isFull } = board.view()
    expect({ at, isFull }).toEqual({ at: 2_000, isFull: false })
    expect(
      sensors.map(({ place, quantity, value, lowest, highest }) => [place, quantity, value, lowest, highest]),
    ).toEqual([
      ['attic', 'humidity', 40, 40, 40],
      ['lab', 'temperature', 18, 18, 20],
    ])
  })

  it('has one colour for a place, whatever is measured there', () => {
    const board = new Board()
    board.take([reading('s/lab/a', '1'), reading('s/attic/a', '1'), reading('s/lab/b', '1')], 0)
    expect(board.view().sensors.map(({ topic, colour }) => [topic, colour])).toEqual([
      ['s/attic/a', 1],
      ['s/lab/a', 0],
      ['s/lab/b', 0],
    ])
  })

  it('forgets what is older than its window, but for one value from which the line begins', () => {
    const board = new Board()
    for (let at = 0; at <= 4 * windowLength; at += 100) board.take([reading('t', String(at))], at)
    const { points } = board.view().sensors[0]!
    expect(points.length).toBe(windowLength / 100 + 2)
    expect(points.at(0)).toEqual({ x: 3 * windowLength - 100, y: 3 * windowLength - 100 })
  })

  it('has room for so many topics, and says when there were more', () => {
    const board = new Board()
    const topics = Array.from({ length: maximumSensors + 1 }, (_, index) => reading(`s/${index}/t`, '1'))
    board.take(topics, 0)
    expect(board.view().sensors.length).toBe(maximumSensors)
    expect(board.view().isFull).toBe(true)
  })

  it('shows what the filter matches, of what it has and of what still comes', () => {
    const board = new Board()
    board.take([reading('s/lab/a', '1'), reading('s/attic/a', '1')], 0)
    board.show(topicMatcher('s/lab/#'))
    board.take([reading('s/attic/a', '2'), reading('s/lab/b', 'on')], 1)
    expect(board.view().sensors.map(({ topic, text, value }) => [topic, text, value])).toEqual([
      ['s/lab/a', '1', 1],
      ['s/lab/b', 'on', undefined],
    ])
  })
})
