import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Connection } from '@rxmqtt/core'
import { connectTcp } from '@rxmqtt/transports/tcp'
import { catchError, EMPTY, lastValueFrom, switchMap, tap } from 'rxjs'

const hooks = new URL('../../../scripts/typescript-hooks.mjs', import.meta.url)
const main = fileURLToPath(new URL('./main.ts', import.meta.url))

interface Program {
  readonly child: ChildProcess
  /** Resolves with the next line that matches. */
  line(pattern: RegExp): Promise<string>
  /** What it said to stderr, and its exit code or the signal that ended it. */
  readonly ended: Promise<readonly [complaints: string, code: unknown]>
}

const children: Program[] = []
afterEach(async () => {
  for (const { child, ended } of children.splice(0)) {
    child.kill('SIGKILL')
    await ended
  }
})

function start(...argv: string[]): Program {
  const child = spawn(process.execPath, ['--import', hooks.href, main, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  let complaints = ''
  child.stderr.on('data', (data: Buffer) => (complaints += String(data)))
  const ended = new Promise<readonly [string, unknown]>((resolve) => {
    child.once('close', (code, signal) => resolve([complaints, signal ?? code]))
  })
  const line = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const next = (await lines.next()) as IteratorResult<string, undefined>
      if (next.done) throw new Error(`it ended without ${String(pattern)}: ${complaints}`)
      if (pattern.test(next.value)) return next.value
    }
  }
  const program = { child, line, ended }
  children.push(program)
  return program
}

/** A client that is let in, then does something: what it got until its connection was over. */
function visit(port: number, then: () => void): Promise<unknown[]> {
  const got: unknown[] = []
  const packets$ = connectTcp({ host: '127.0.0.1', port }).pipe(
    switchMap((transport) => {
      const connection = new Connection(transport, { role: 'client', protocolVersion: 5 })
      connection.connect({ clientId: 'me' })
      return connection.packets$
    }),
    tap((packet) => got.push('reasonCode' in packet ? [packet.cmd, packet.reasonCode] : packet.cmd)),
    tap(({ cmd }) => cmd === 'connack' && then()),
    // A process that ends at once resets its connections.
    catchError(() => EMPTY),
  )
  return lastValueFrom(packets$, { defaultValue: undefined }).then(() => got)
}

const portIn = (line: string): number => Number(/:(\d+)$/.exec(line)?.[1])

test('SIGINT ends it gracefully', async () => {
  const { child, line, ended } = start('--port', '0', '--log', 'packets')
  const port = portIn(await line(/^rxmqtt broker on mqtt:\/\/127\.0\.0\.1:\d+$/))
  expect(await visit(port, () => child.kill('SIGINT'))).toEqual([
    ['connack', 0],
    ['disconnect', 0x8b],
  ])
  expect(await line(/DISCONNECT/)).toMatch(/<-- me +DISCONNECT  0x8b ServerShuttingDown$/)
  expect(await ended).toEqual(['', 0])
}, 60_000)

test('a second signal ends it at once', async () => {
  const { child, line, ended } = start('--port', '0')
  const port = portIn(await line(/^rxmqtt broker on/))
  await visit(port, () => {
    child.kill('SIGINT')
    child.kill('SIGTERM')
  })
  expect(await ended).toEqual(['', 130])
}, 60_000)

test('what is wrong with the command line is one line, and the code 2', async () => {
  const { ended } = start('--port', 'mqtt')
  expect(await ended).toEqual(['--port must be a whole number from 0 to 65535, not "mqtt"\n', 2])
}, 60_000)
