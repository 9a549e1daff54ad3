import type { BrokerOptions } from '../src/index.js'
import { type Scene, useTime } from './scene.js'
import { withScene } from './with-scene.js'

/** What the standards want of a broker alone, by the spec that shows it. */
export const brokerOnly = {
  'MQTT 5': {
    connect: '3.1.2-5..8 3.1.2-10 3.1.2-14..15 3.1.3-5..6 3.1.3-8..9',
    connack: '3.1.4-2 3.1.4-4 3.2.2-2..3 3.2.2-10',
    publish: '3.3.1-5..13 3.3.2-3 3.3.2-5..6 3.3.4-2..5',
    subscribe: '3.8.3-3 3.8.4-3..5 3.8.4-7..8 3.10.4-1..3 3.10.4-6',
    operation: '4.1.0-2 4.5.0-1 4.6.0-5..6 4.7.2-1 4.7.3-4 4.8.2-3..6',
  },
  'MQTT 3.1.1': {
    connect: '3.1.2-5 3.1.2-7..8 3.1.2-10 3.1.2-12 3.1.2-16..17 3.1.3-5..6 3.1.4-3 3.2.2-1..3 4.1.0-2',
    publish: '3.3.1-5..12 3.3.2-3 3.3.5-1..2 4.5.0-1 4.6.0-5..6',
    subscribe: '3.8.3-2 3.8.4-3..4 3.8.4-6 3.10.4-1..3 3.10.4-6 4.7.2-1 4.7.3-4 7.0.0-1..2',
  },
} as const

/** The tests of one spec's statements: every id has one. */
export interface Statements {
  /** A test of statements by their ids, such as `3.3.1-6 3.3.1-7`: one test each, with the same body. */
  show(ids: string, says: string, test: (scene: Scene) => Promise<void>, options?: BrokerOptions): void
  /** Checks that nothing is missing, and nothing too much; call it last. */
  complete(ids: string): void
}

export function statements(name: keyof typeof brokerOnly): Statements {
  const shown: string[] = []
  useTime()
  return {
    show: (ids, says, test, options) => {
      for (const id of idsOf(ids)) {
        shown.push(id)
        it(`${name} [MQTT-${id}] ${says}`, withScene(test, options))
      }
    },
    complete: (ids) => {
      it(`${name}: every statement has its test`, () => {
        expect([...new Set(shown)].sort()).toEqual(idsOf(ids).sort())
      })
    },
  }
}

/** Ids separated by space; `4.3.2-1..5` are five. */
export function idsOf(ids: string): string[] {
  return ids.split(' ').flatMap((id) => {
    const [, section, first, last] = /^(.*-)(\d+)\.\.(\d+)$/.exec(id) ?? []
    if (section === undefined) return [id]
    return Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => `${section}${Number(first) + i}`)
  })
}
