import { dirname, join } from 'node:path'
import { existsSync, readFileSync } from 'node:fs'

/** The tests of one group of the standard's statements, a version: every id has one, here or in a file that is named. */
export interface Statements {
  /** A test of statements by their ids, such as `4.3.2-1 4.3.2-2`: one test each, with the same body. */
  show(ids: string, says: string, test: () => void): void
  /** The ids that another spec shows, by its path from `packages/core/src`. */
  elsewhere(path: string, ids: string): void
  /** Checks that nothing is missing, and nothing too much; call it last. */
  complete(ids: string): void
}

/** @param name - as it stands in names of tests: `MQTT 5` or `MQTT 3.1.1` */
export function statements(name: 'MQTT 5' | 'MQTT 3.1.1'): Statements {
  const shown: string[] = []
  return {
    show: (ids, says, body) => {
      for (const id of idsOf(ids)) {
        shown.push(id)
        it(`${name} [MQTT-${id}] ${says}`, body)
      }
    },
    elsewhere: (path, ids) => {
      const file = join(root(), path)
      shown.push(...idsOf(ids))
      it.each(idsOf(ids))(`${name} [MQTT-%s] has its test in ${path}`, (id) => {
        expect(existsSync(file)).toBe(true)
        expect(readFileSync(file, 'utf8')).toMatch(new RegExp(`${id.replaceAll('.', '\\.')}(?!\\d)`))
      })
    },
    complete: (ids) => {
      it(`${name}: every statement of the group has its test`, () => {
        expect([...new Set(shown)].sort()).toEqual(idsOf(ids).sort())
      })
    },
  }
}

/** Ids separated by space; `4.3.2-1..5` are five. */
export function idsOf(ids: string): string[] {
  return ids
    .split(/\s+/)
    .filter((id) => id !== '')
    .flatMap((id) => {
      const [, section, first, last] = /^(.*-)(\d+)\.\.(\d+)$/.exec(id) ?? []
      if (section === undefined) return [id]
      return Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => `${section}${Number(first) + i}`)
    })
}

function root(): string {
  const { testPath } = expect.getState()
  let folder = dirname(testPath!)
  while (!existsSync(join(folder, 'spec-support'))) folder = dirname(folder)
  return folder
}
