import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { shownState } from '../spec-support/session-store-contract.js'
import { stateAfter } from '../spec-support/store-steps.js'
import { levelSessionStore } from './level-session-store.js'

const hooks = new URL('../../../../scripts/typescript-hooks.mjs', import.meta.url)
const writer = fileURLToPath(new URL('../spec-support/store-writer.ts', import.meta.url))

/** Runs a process that writes, until it is killed, at the latest after it has said `killAt`: the last step that it has said. */
async function killed(folder: string, args: readonly string[], killAt: number): Promise<number> {
  const stdio = ['ignore', 'pipe', 'inherit'] as const
  const child = spawn(process.execPath, ['--import', hooks.href, writer, folder, ...args], { stdio: [...stdio] })
  const ended = new Promise<unknown>((resolve) => child.once('close', (_, signal) => resolve(signal)))
  try {
    let last = -1
    for await (const line of createInterface({ input: child.stdout })) {
      last = Number(line)
      if (last === killAt) child.kill('SIGKILL')
    }
    expect(await ended).toBe('SIGKILL')
    return last
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}

describe('a process that is killed', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rxmqtt-killed-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  /** The state that is there afterwards. */
  const left = async (): Promise<unknown> => {
    const store = levelSessionStore(folder)
    try {
      return shownState(await store.load('c'))
    } finally {
      await store.close()
    }
  }

  test.each([
    ['sync', 7],
    ['async', 300],
  ])('leaves all that was written, by %s writes, in the turn in which write %i resolved', async (sync, last) => {
    expect(await killed(folder, [sync, String(last)], -1)).toBe(last - 1)
    expect(await left()).toEqual(shownState(stateAfter(last)))
  })

  test.each([
    ['sync', 12],
    ['async', 1_234],
  ])('leaves the whole of a write or nothing of it, by %s writes, at any time after step %i', async (sync, killAt) => {
    const last = await killed(folder, [sync], killAt)
    const state = await left()
    const possible = [stateAfter(last), stateAfter(last + 1)].map(shownState)
    expect(possible).toContainEqual(state)
  })
})
