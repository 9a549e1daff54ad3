import type { Observable } from 'rxjs'
import { type RunHelpers, TestScheduler } from 'rxjs/testing'
import { type Message, messageFailure, type SubscriptionLog, subscriptionFailure } from './failure.js'

/** What an expectation adds to what RxJS knows of it. */
interface Expectation {
  readonly failure: (actual: never[], expected: never[]) => string | undefined
  /** Where the test said what it expects; undefined until it did. */
  origin: string | undefined
}

/**
 * The expectations of a test in the order in which RxJS checks them: in that of the calls, as soon as `toBe` was called. So
 * a failure has the letters of its diagram, and its stack leads to the line of the test.
 */
export class Expectations {
  #waiting: Expectation[] = []

  /** RxJS's helpers, which tell their expectations too. */
  wrap(helpers: RunHelpers): RunHelpers {
    return {
      ...helpers,
      expectObservable: (source$, subscription) =>
        this.observable(helpers, source$, 'the Observable is not what was expected', subscription),
      expectSubscriptions: (logs) =>
        this.subscriptions(helpers, logs, 'the subscriptions are not those that were expected'),
    }
  }

  observable<T>(
    helpers: RunHelpers,
    source$: Observable<T>,
    title: string,
    subscription?: string | null,
    inside = 0,
  ): ReturnType<RunHelpers['expectObservable']> {
    let letters: readonly string[] = []
    const expectation = this.#add((actual: Message[], expected: Message[]) =>
      messageFailure(title, actual, expected, letters),
    )
    const told = helpers.expectObservable(source$, subscription)
    return {
      toBe: (marbles, values: unknown, error: unknown) => {
        expectation.origin = here(inside)
        letters = lettersOf(marbles)
        told.toBe(marbles, values, error)
      },
      toEqual: (other$) => {
        expectation.origin = here(inside)
        told.toEqual(other$ as Observable<never>)
      },
    }
  }

  subscriptions(
    helpers: RunHelpers,
    logs: SubscriptionLog[],
    title: string,
    inside = 0,
  ): ReturnType<RunHelpers['expectSubscriptions']> {
    const expectation = this.#add((actual: SubscriptionLog[], expected: SubscriptionLog[]) =>
      subscriptionFailure(title, actual, expected),
    )
    const told = helpers.expectSubscriptions(logs)
    return {
      toBe: (marbles) => {
        expectation.origin = here(inside)
        told.toBe(marbles)
      },
    }
  }

  /** @throws Error where the next expectation is not met */
  check(actual: unknown, expected: unknown): void {
    const index = this.#waiting.findIndex(({ origin }) => origin !== undefined)
    const [expectation] = this.#waiting.splice(index, 1)
    const message = expectation!.failure(actual as never[], expected as never[])
    if (message === undefined) return
    const error = new Error(message)
    const { origin } = expectation!
    if (origin !== undefined && origin !== '') error.stack = `Error: ${message}\n${origin}`
    throw error
  }

  #add(failure: Expectation['failure']): Expectation {
    const expectation: Expectation = { failure, origin: undefined }
    this.#waiting.push(expectation)
    return expectation
  }
}

/** The stack of who called `toBe`, as far as the engine tells it, without the functions of the kit `inside` it. */
function here(inside: number): string {
  const frames = (new Error('here').stack ?? '').split('\n')
  return frames[0]?.includes('here') === true ? frames.slice(3 + inside).join('\n') : frames.join('\n')
}

function lettersOf(marbles: string): string[] {
  return TestScheduler.parseMarbles(marbles, undefined, undefined, false, true)
    .filter(({ notification }) => notification.kind === 'N')
    .map(({ notification }) => (notification as { value: string }).value)
}
