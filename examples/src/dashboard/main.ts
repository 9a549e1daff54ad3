import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { fromEvent, merge, take } from 'rxjs'
import { dashboard } from './dashboard.js'

const usage = 'npm run dashboard -- [--port <number, 0 for a free one>]'

function main(): void {
  const { values } = parseArgs({ options: { port: { type: 'string', default: '8080' } } })
  const port = Number(values.port)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`--port must be a port, not ${values.port}`)
  const folder = fileURLToPath(new URL('../../angular-dashboard/dist', import.meta.url))
  const stop$ = merge(fromEvent(process, 'SIGINT'), fromEvent(process, 'SIGTERM')).pipe(take(1))
  dashboard({ folder, port, stop$ }).subscribe({
    next: ({ url }) => console.log(`The dashboard is at ${url} until Ctrl-C.`),
    error: (error: Error) => {
      const isTaken = [error, error.cause].some(
        (each) => (each as NodeJS.ErrnoException | undefined)?.code === 'EADDRINUSE',
      )
      console.error(isTaken ? `Port ${port} is taken; choose another: ${usage}` : error.message)
      process.exitCode = 1
    },
  })
}

try {
  main()
} catch (error) {
  console.error(`${(error as Error).message}\n${usage}`)
  process.exitCode = 1
}
