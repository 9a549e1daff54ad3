import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const hooks = new URL('../../../scripts/typescript-hooks.mjs', import.meta.url)
const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

/** The program, as its command line starts it. */
export class BrokerProcess {
  /** Where it listens, by scheme: `mqtt`, and `ws` and `mqtts` where it was asked to. */
  readonly ports: Readonly<Record<string, number>>
  readonly port: number
  /** The lines of its log. */
  readonly said: string[]
  /** What it complained of. */
  readonly complaints: string[]
  readonly #process: ChildProcess

  private constructor(
    child: ChildProcess,
    ports: Readonly<Record<string, number>>,
    said: string[],
    complaints: string[],
  ) {
    this.#process = child
    this.ports = ports
    this.port = ports['mqtt']!
    this.said = said
    this.complaints = complaints
  }

  /** Resolves when it listens, on any free port. */
  static async start(...args: readonly string[]): Promise<BrokerProcess> {
    const argv = ['--import', hooks.href, main, '--port', '0', ...args]
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] })
    const said: string[] = []
    const complaints: string[] = []
    createInterface(child.stderr).on('line', (line) => complaints.push(line))
    const count = 1 + args.filter((arg) => arg === '--ws-port' || arg === '--tls-port').length
    const ports = new Promise<Record<string, number>>((resolve, reject) => {
      const told: Record<string, number> = {}
      createInterface(child.stdout).on('line', (line) => {
        said.push(line)
        const [, scheme, port] = /^rxmqtt broker on (\w+):\/\/127\.0\.0\.1:(\d+)/.exec(line) ?? []
        if (scheme !== undefined) told[scheme] = Number(port)
        if (Object.keys(told).length === count) resolve(told)
      })
      child.once('exit', (code, signal) =>
        reject(new Error(`the broker ended with ${signal ?? code}: ${complaints.join('\n')}`)),
      )
    })
    return new BrokerProcess(child, await ports, said, complaints)
  }

  /** Sends a signal; resolves with how it ended. */
  async end(signal: NodeJS.Signals): Promise<string> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = once(this.#process, 'exit')
      this.#process.kill(signal)
      await ended
    }
    return String(this.#process.signalCode ?? this.#process.exitCode)
  }
}
