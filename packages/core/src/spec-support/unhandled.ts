import { config } from 'rxjs'

/**
 * Gathers what RxJS would throw out of any call stack, for a whole spec file: each test takes what it expects; what is
 * left over fails it.
 *
 * @returns takes the errors of this test so far
 */
export function expectNoUnhandled(): () => Promise<unknown[]> {
  let errors: unknown[] = []
  beforeEach(() => {
    errors = []
    config.onUnhandledError = (error) => errors.push(error)
  })
  // RxJS reports in a macrotask.
  const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2))
  afterEach(async () => {
    await settle()
    config.onUnhandledError = null
    expect(errors).toEqual([])
  })
  return async () => {
    await settle()
    return errors.splice(0)
  }
}
