import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { host } from './helpers.js'

/** What a program that has ended said. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly pid: number
  readonly ended: Promise<Ended>
  stop(signal?: NodeJS.Signals): void
}

/** Starts a program, which is killed after a while; `input` is what it reads. */
export function run(program: string, args: readonly string[], milliseconds = 20_000, input?: string): Running {
  const child: ChildProcess = spawn(program, args, {
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  child.stdin?.on('error', () => undefined).end(input)
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const timer = setTimeout(() => child.kill('SIGKILL'), milliseconds)
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  }).finally(() => clearTimeout(timer))
  return { pid: child.pid ?? 0, ended, stop: (signal = 'SIGTERM') => child.kill(signal) }
}

const fixtures = fileURLToPath(new URL('../../packages/transports/test/fixtures/', import.meta.url))

/** The path of a certificate or key of the transports' tests. */
export function fixturePath(name: string): string {
  return join(fixtures, name)
}

export function fixture(name: string): Buffer {
  return readFileSync(fixturePath(name))
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => {
    server.listen(0, host, resolve)
  })
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => {
    server.close(resolve)
  })
  return port
}

export type Listener = 'tcp' | 'tls' | 'ws'

export interface Mosquitto {
  readonly ports: Readonly<Record<Listener, number>>
  /** Ends it; with `persistence true` it first saves what it has. */
  down(): Promise<void>
  /** Starts it again, on the same ports. */
  up(): Promise<void>
  /** Ends it and removes its files. */
  stop(): Promise<void>
}

/**
 * Starts a mosquitto of our own with these listeners. Debian's build binds a WebSocket listener to every
 * address, whatever it is told, so ask for it only where it is used.
 *
 * @param files - written beside its configuration, where `@name` in a setting is the path of one
 */
export async function startMosquitto(
  listeners: readonly Listener[],
  settings: readonly string[] = ['allow_anonymous true'],
  files: Readonly<Record<string, string>> = {},
): Promise<Mosquitto> {
  const directory = mkdtempSync(join(tmpdir(), 'rxmqtt-mosquitto-'))
  const ports = { tcp: await freePort(), tls: await freePort(), ws: await freePort() }
  const tls = [`cafile ${fixturePath('ca.pem')}`, `certfile ${fixturePath('server.pem')}`]
  const extras: Record<Listener, readonly string[]> = {
    tcp: [],
    tls: [...tls, `keyfile ${fixturePath('server-key.pem')}`],
    ws: ['protocol websockets'],
  }
  const config = join(directory, 'mosquitto.conf')
  const user = process.getuid?.() === 0 ? ['user root'] : []
  // With a WebSocket listener alone it thinks that it has none.
  const kinds = [...new Set<Listener>(['tcp', ...listeners])]
  const listening = kinds.flatMap((kind) => [`listener ${ports[kind]} ${host}`, ...extras[kind]])
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
  const told = settings.map((line) => line.replace(/@(\w+)/, (_, name: string) => join(directory, name)))
  const location = [`persistence_location ${directory}/`]
  writeFileSync(config, [...user, ...location, ...told, ...listening, ''].join('\n'))
  let broker: Running | undefined
  const down = async (): Promise<void> => {
    broker?.stop()
    await broker?.ended
    broker = undefined
  }
  const stop = async (): Promise<void> => {
    await down()
    rmSync(directory, { recursive: true, force: true })
  }
  const up = async (): Promise<void> => {
    broker = run('mosquitto', ['-c', config], 55_000)
    const early = broker.ended.then(({ stderr }) => {
      throw new Error(`mosquitto did not start: ${stderr}`)
    })
    try {
      await Promise.race([early, Promise.all(kinds.map((kind) => reachable(ports[kind])))])
    } catch (error) {
      await stop()
      throw error
    }
    early.catch(() => undefined)
  }
  await up()
  return { ports, down, up, stop }
}

/** Waits until something listens on the port. */
async function reachable(port: number): Promise<void> {
  for (let tries = 0; tries < 250; tries += 1) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect({ host, port })
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (open) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`nobody listens on port ${port}`)
}
