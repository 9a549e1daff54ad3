import { fromEvent, merge, ReplaySubject, skip, take } from 'rxjs'
import { run } from './run.js'

const signals$ = merge(fromEvent(process, 'SIGINT'), fromEvent(process, 'SIGTERM'))
const stop = new ReplaySubject<unknown>(1)
signals$.pipe(take(1)).subscribe(stop)
// Who asks twice does not want to wait.
signals$.pipe(skip(1)).subscribe(() => process.exit(130))

process.exitCode = await run(process.argv.slice(2), {
  stop$: stop,
  say: (line) => console.log(line),
  complain: (line) => console.error(line),
})
