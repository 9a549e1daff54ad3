import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { until } from '../helpers.js'
import { closeLater } from './support.js'

/** Another process that runs a few lines of JavaScript, and what it has said. */
export interface Child {
  readonly said: string[]
  /** Stops it where it is: its sockets stay open, and nobody is at home. */
  freeze(): void
  /** Lets it go on. */
  thaw(): void
}

/**
 * Starts a process that runs `script`, with `net` and its arguments in `args`, and waits for the first line that it says. It is
 * ended, frozen or not, after the test.
 */
export async function startChild(script: string, ...args: readonly (string | number)[]): Promise<Child> {
  const code = `const net = require('node:net'); const args = process.argv.slice(1);${script}`
  const child = spawn(process.execPath, ['-e', code, ...args.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = new Promise((resolve) => child.once('close', resolve))
  closeLater(async () => {
    child.kill('SIGKILL')
    await closed
  })
  const said: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => said.push(line))
  await until(() => said.length > 0, 'a word of the other process', 10_000)
  return { said, freeze: () => signal(child, 'SIGSTOP'), thaw: () => signal(child, 'SIGCONT') }
}

function signal(child: ChildProcess, name: 'SIGSTOP' | 'SIGCONT'): void {
  if (!child.kill(name)) throw new Error(`${name} did not reach the other process`)
}

/**
 * Clients: so many sockets to a port, each of which sends `opening` (hex) and then a PINGREQ every so many milliseconds. Says a
 * line when all have had an answer.
 */
export const clients = `
  const [port, count, every, opening] = args
  let answered = 0
  for (let i = 0; i < count; i += 1) {
    const socket = net.connect({ host: '127.0.0.1', port: Number(port), noDelay: true })
    socket.on('error', () => socket.destroy())
    socket.once('data', () => (answered += 1) === Number(count) && console.log('ready'))
    socket.on('data', () => undefined)
    socket.on('connect', () => {
      socket.write(Buffer.from(opening, 'hex'))
      const pinging = setInterval(() => socket.write(Buffer.of(0xc0, 0)), Number(every))
      socket.on('close', () => clearInterval(pinging))
    })
  }`

/** A server that says its port, and answers CONNECT by `accepting` (hex) and each PINGREQ. */
export const server = `
  const [accepting] = args
  const server = net.createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk) => {
      if (chunk[0] === 0x10) socket.write(Buffer.from(accepting, 'hex'))
      if (chunk[0] === 0xc0) socket.write(Buffer.of(0xd0, 0))
    })
  })
  server.listen(0, '127.0.0.1', () => console.log(server.address().port))`

/** By how many milliseconds this process was held up at the most, until it is asked: what a busy machine adds. */
export function watchLag(): () => number {
  const period = 10
  let last = performance.now()
  let lag = 0
  const look = (): void => {
    const now = performance.now()
    lag = Math.max(lag, now - last - period)
    last = now
  }
  const timer = setInterval(look, period)
  closeLater(() => clearInterval(timer))
  return () => {
    look()
    return lag
  }
}
