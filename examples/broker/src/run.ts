import { MqttError, type Transport } from '@rxmqtt/core'
import {
  BehaviorSubject,
  catchError,
  EMPTY,
  finalize,
  first,
  firstValueFrom,
  type Observable,
  of,
  takeUntil,
  tap,
  timeout,
} from 'rxjs'
import { type Arguments, brokerArguments, usage } from './arguments.js'
import { denySubscribe } from './authorization.js'
import { type Broker, openBroker } from './broker.js'
import { oneLine } from './describe.js'
import { listen } from './listeners.js'
import { log, problemLine } from './log.js'
import type { BrokerOptions } from './options.js'

/** What a program has around it. */
export interface Surroundings {
  /** Emits when the broker is to end; replayed, it may come before there is a broker. */
  readonly stop$: Observable<unknown>
  readonly say: (line: string) => void
  readonly complain: (line: string) => void
}

/** Milliseconds that clients have to take their goodbye. */
const drainTime = 3_000

/**
 * Runs a broker from its command line to its end.
 *
 * @returns the exit code: 2 where the command line is wrong, 1 where something failed, told by one line
 */
export async function run(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  try {
    const asked = brokerArguments(argv)
    if (asked.help) surroundings.say(usage)
    else await serveUntilStopped(asked, surroundings)
    return 0
  } catch (error) {
    surroundings.complain(oneLine((error as Error).message))
    return error instanceof MqttError && error.code === 'invalid-option' ? 2 : 1
  }
}

async function serveUntilStopped(asked: Arguments, { stop$, say, complain }: Surroundings): Promise<void> {
  const tell = (line: string): void => {
    if (asked.log !== 'quiet') say(line)
  }
  const broker = await open(asked)
  const problems = broker.problems$.subscribe((error) => complain(problemLine(error).text))
  const open$ = new BehaviorSubject(0)
  try {
    const events$ = listen(asked, (url) => tell(`rxmqtt broker on ${url}`)).pipe(
      counting(open$),
      broker.serve(),
      takeUntil(stop$.pipe(tap(() => tell('stopping')))),
    )
    const lines$ = events$.pipe(log(asked.log, broker.dropped$))
    await lines$.forEach(({ text, isError }) => (isError ? complain(text) : say(text)))
  } finally {
    await firstValueFrom(
      open$.pipe(
        first((count) => count === 0),
        timeout({ first: drainTime, with: () => of(0) }),
      ),
    )
    await broker.close()
    problems.unsubscribe()
  }
}

async function open(asked: Arguments): Promise<Broker> {
  const { denySubscribe: denied, store: directory, ...rest } = asked
  const { maximumKeepAlive, receiveMaximum, topicAliasMaximum, maximumSessions, maxQueued } = rest
  const options: BrokerOptions = { maximumKeepAlive, receiveMaximum, topicAliasMaximum, maximumSessions, maxQueued }
  const authorization = { subscribe: denySubscribe(denied) }
  if (directory === undefined) return openBroker({ ...options, authorization })
  // Only who has a store needs its database.
  const { levelBrokerStore } = await import('./level-store.js')
  const store = levelBrokerStore(directory)
  try {
    return await openBroker({ ...options, authorization, store })
  } catch (error) {
    await store.close()
    throw error
  }
}

/** Tells how many transports are open, of those that pass. */
function counting(open$: BehaviorSubject<number>): (transports$: Observable<Transport>) => Observable<Transport> {
  return tap(({ closed$ }) => {
    open$.next(open$.value + 1)
    closed$
      .pipe(
        catchError(() => EMPTY),
        finalize(() => open$.next(open$.value - 1)),
      )
      .subscribe()
  })
}
