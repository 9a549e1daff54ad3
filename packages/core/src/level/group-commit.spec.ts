import { groupCommit } from './group-commit.js'

/** Commits that end when they are told to. */
function controlled(): {
  commit: (items: string[]) => Promise<void>
  taken: string[][]
  end: (error?: Error) => Promise<void>
} {
  const taken: string[][] = []
  const ends: ((error?: Error) => void)[] = []
  const commit = (items: string[]): Promise<void> =>
    new Promise((resolve, reject) => {
      taken.push(items)
      ends.push((error) => (error === undefined ? resolve() : reject(error)))
    })
  const end = async (error?: Error): Promise<void> => {
    ends.shift()!(error)
    for (let i = 0; i < 10; i++) await Promise.resolve()
  }
  return { commit, taken, end }
}

describe('groupCommit', () => {
  test('gathers what comes while a commit runs, whole and in order', async () => {
    const { commit, taken, end } = controlled()
    const write = groupCommit(commit)
    const order: string[] = []
    const note = async (name: string, written: Promise<void>): Promise<void> => {
      await written
      order.push(name)
    }
    const first = note('first', write(['a', 'b']))
    await Promise.resolve()
    expect(taken).toEqual([['a', 'b']])
    const second = note('second', write(['c']))
    const third = note('third', write(['d', 'e']))
    await Promise.resolve()
    expect(taken).toHaveLength(1)
    await end()
    expect(order).toEqual(['first'])
    expect(taken).toEqual([
      ['a', 'b'],
      ['c', 'd', 'e'],
    ])
    await end()
    await Promise.all([first, second, third])
    expect(order).toEqual(['first', 'second', 'third'])
  })

  test('tells a failure to those whose commit it was, and goes on', async () => {
    const { commit, taken, end } = controlled()
    const write = groupCommit(commit)
    const told = (written: Promise<void>): Promise<string> =>
      written.then(
        () => 'made',
        (error: unknown) => (error as Error).message,
      )
    const first = told(write(['a']))
    await Promise.resolve()
    const second = told(write(['b']))
    const third = told(write(['c']))
    await end(new Error('full'))
    expect(await first).toBe('full')
    await end(new Error('still full'))
    expect([await second, await third]).toEqual(['still full', 'still full'])
    const fourth = told(write(['d']))
    await Promise.resolve()
    await end()
    expect(await fourth).toBe('made')
    expect(taken).toEqual([['a'], ['b', 'c'], ['d']])
  })
})
