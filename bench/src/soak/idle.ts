import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { AddressInfo } from 'node:net'
import { Connection, type Transport } from '@rxmqtt/core'
import { listenTcp } from '@rxmqtt/transports/tcp'
import { Findings } from './findings.js'
import { dialIdle, type IdleDials } from './idle-dials.js'
import { HOST } from './hub.js'
import { leftOpen, memory, open, size, until } from './process.js'

export interface IdleOptions {
  readonly connections: number
  /** Whether the clients have a process of their own: a process has a limit of file descriptors. */
  readonly twoProcesses: boolean
}

/** Bytes a connection: the figures for a process that has one end alone, and for one that has both. */
const limits = { alone: { heap: 8_192, rss: 16_384 }, both: { heap: 24_576, rss: 65_536 } }
const MANY = 10_000
const serverOptions = { role: 'server' } as const

/** Many connections that say nothing, then a PINGREQ on each: what they take, and whether all answer. */
export async function idle(options: IdleOptions): Promise<Findings> {
  // The first ones of a process open what is then kept, such as the pipe for the signals of its children.
  await measure({ ...options, connections: 100 })
  return measure(options)
}

async function measure({ connections, twoProcesses }: IdleOptions): Promise<Findings> {
  const findings = new Findings()
  const opened = await open()
  const live = new Set<Connection>()
  let accepted = 0
  let ends = 0
  let port = 0
  const welcome = (transport: Transport): void => {
    const connection = new Connection(transport, serverOptions)
    const over = (): void => {
      ends += 1
      live.delete(connection)
    }
    live.add(connection)
    connection.closed$.subscribe({ complete: over, error: over })
    connection.packets$.subscribe(({ cmd }) => {
      if (cmd === 'pingreq') connection.pingresp()
      if (cmd !== 'connect') return
      accepted += 1
      connection.connack()
    })
  }
  const listening = listenTcp({
    host: HOST,
    backlog: 4_096,
    listening: { next: (at) => (port = (at as AddressInfo).port) },
  }).subscribe(welcome)
  await until(() => port > 0, 5_000)
  const dials = twoProcesses ? inChild : dialIdle
  await (await dials(port, 100)).close()
  const before = await memory()
  const warm = accepted
  const clients = await dials(port, connections)
  const { seconds } = clients
  const { heap, rss } = await memory()
  const each = { heap: (heap - before.heap) / connections, rss: (rss - before.rss) / connections }
  const limit = twoProcesses ? limits.alone : limits.both
  const count = accepted - warm
  findings.demand('idle connections accepted', count, `${connections}`, count === connections)
  findings.target(
    'accepted',
    `${Math.round(connections / seconds)}/s`,
    'at least 3,500/s',
    connections / seconds >= 3_500,
  )
  findings.demand('heap, each', size(each.heap), `at most ${size(limit.heap)}`, each.heap <= limit.heap)
  // The process takes memory from the system in steps, which few connections don't even out.
  const rssIsMet = each.rss <= limit.rss
  if (connections < MANY) findings.target('RSS, each', size(each.rss), `at most ${size(limit.rss)}`, rssIsMet)
  else findings.demand('RSS, each', size(each.rss), `at most ${size(limit.rss)}`, rssIsMet)
  const waits = (await clients.sweep()).sort((a, b) => a - b)
  findings.demand('PINGREQs answered', waits.length, `${connections}`, waits.length === connections)
  const late = waits[Math.floor(waits.length * 0.99)] ?? Infinity
  findings.target('of these 99 % within', `${late.toFixed(0)} ms`, 'below 250 ms', late < 250)
  findings.require(ends === 100, () => `${ends - 100} idle connections ended by themselves`)
  await clients.close()
  const areOver = await until(() => live.size === 0, 10_000)
  findings.require(areOver, () => `${live.size} connections were still there when their peers had gone`)
  listening.unsubscribe()
  const left = await leftOpen(opened)
  findings.require(left === undefined, () => `left open: ${left}`)
  return findings
}

/** The clients in a process of their own. */
async function inChild(port: number, count: number): Promise<IdleDials> {
  const child = fork(fileURLToPath(new URL('idle-child.js', import.meta.url)), [String(port), String(count)])
  const seconds = (await message(child)) as number
  return {
    seconds,
    sweep: async () => {
      child.send('sweep')
      return (await message(child)) as number[]
    },
    close: async () => {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.send('close')
      await gone
    },
  }
}

function message(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`the clients ended with exit code ${code}`))
    child.once('exit', ended).once('message', (told) => {
      child.off('exit', ended)
      resolve(told)
    })
  })
}
