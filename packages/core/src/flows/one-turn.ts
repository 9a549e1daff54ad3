import { type Observable, share, switchMap, tap, timer } from 'rxjs'

let turn$: Observable<0> | undefined

/**
 * Emits once sockets have had a turn to be read since the call: timers run before sockets are polled, so that a process which
 * was stalled sees its peers late before it sees what they sent.
 *
 * A timer that others hold up runs in the same turn as they do, and ten thousand connections hold each other up. So all that
 * ask in one turn wait for one chain of timers, whose first runs after theirs and whose others find nothing left to do.
 */
export function oneTurn(): Observable<0> {
  turn$ ??= timer(0).pipe(
    tap(() => (turn$ = undefined)),
    switchMap(() => timer(0)),
    switchMap(() => timer(0)),
    share(),
  )
  return turn$
}
