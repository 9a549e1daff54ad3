// As much of jest as the transport contract needs, in a page.
type Run = () => unknown
type Each = (...values: unknown[]) => unknown

/** What became of one test. */
export interface Result {
  readonly name: string
  /** What went wrong; undefined where nothing did. */
  readonly error: string | undefined
}

const tests: { name: string; run: Run }[] = []
const before: Run[] = []
const after: Run[] = []

function test(name: string, run: Run): void {
  tests.push({ name, run })
}

test.each =
  (table: readonly unknown[]) =>
  (name: string, run: Each): void => {
    for (const row of table) {
      const values: readonly unknown[] = Array.isArray(row) ? row : [row]
      test(name.replace(/%[is]/, String(values[0])), () => run(...values))
    }
  }

/** Runs each test of which the name is not left out, one after the other. */
export async function runTests(leftOut: readonly string[]): Promise<Result[]> {
  const results: Result[] = []
  for (const { name, run } of tests) {
    if (leftOut.includes(name)) continue
    const errors: string[] = []
    for (const step of [...before, run, ...after])
      await bounded(step).catch((error: Error) => errors.push(error.message))
    results.push({ name, error: errors.length > 0 ? errors.join('\n') : undefined })
  }
  return results
}

function bounded(run: Run): Promise<unknown> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('not done within 20 s')), 20_000)
  })
  return Promise.race([(async () => run())(), late]).finally(() => clearTimeout(timer))
}

function expect(actual: unknown): Record<string, unknown> {
  const matchers = (wanted: boolean): Record<string, (expected: never) => void> => {
    const check = (is: boolean, what: string, expected: unknown): void => {
      if (is !== wanted) throw new Error(`expected ${shown(actual)} ${wanted ? '' : 'not '}${what} ${shown(expected)}`)
    }
    return {
      toBe: (expected) => check(Object.is(actual, expected), 'to be', expected),
      toEqual: (expected) => check(matches(actual, expected, false), 'to equal', expected),
      toMatchObject: (expected) => check(matches(actual, expected, true), 'to match', expected),
      toContain: (expected) => check((actual as unknown[]).includes(expected), 'to contain', expected),
      toHaveLength: (expected) => check((actual as unknown[]).length === expected, 'to have length', expected),
      toBeGreaterThan: (expected) => check((actual as number) > expected, 'to be over', expected),
      toBeLessThanOrEqual: (expected) => check((actual as number) <= expected, 'to be at most', expected),
    }
  }
  return { ...matchers(true), not: matchers(false) }
}

/** Whether they are equal in depth, what is undefined left aside; in part: `actual` may have more. */
function matches(actual: unknown, expected: unknown, inPart: boolean): boolean {
  if (Object.is(actual, expected)) return true
  if (typeof actual !== 'object' || typeof expected !== 'object' || actual === null || expected === null) return false
  if (Array.isArray(actual) !== Array.isArray(expected)) return false
  if (Array.isArray(expected) && (actual as unknown[]).length !== expected.length) return false
  const [mine, theirs] = [actual, expected] as [Record<string, unknown>, Record<string, unknown>]
  const names = Object.keys(theirs).concat(inPart ? [] : Object.keys(mine))
  return names.every((name) => matches(mine[name], theirs[name], inPart))
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 300) ?? typeof value
}

Object.assign(globalThis, {
  describe: (_: string, run: Run) => run(),
  test,
  expect,
  beforeEach: (run: Run) => before.push(run),
  afterEach: (run: Run) => after.push(run),
})
