import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { backoff, Connection, type MqttError, type Transport } from '@rxmqtt/core'
import { connectTcp } from '@rxmqtt/transports/tcp'
import { defer, type Observable, retry, type Subscription, switchMap, tap } from 'rxjs'
import { Findings } from './findings.js'
import { encode } from './frames.js'
import { HOST } from './hub.js'
import { leftOpen, open, pause, until } from './process.js'
import { seeded } from './random.js'

export interface StormOptions {
  /** Clients that are connected when their server goes down. */
  readonly clients: number
  /** Milliseconds until it comes back, above 5,000; undefined: it doesn't, and the clients give up after the first five seconds. */
  readonly down?: number | undefined
  readonly seed: number
}

const WINDOW = 5_000
/** A delay that had just begun when the server came back, and a little more. */
const LONGEST_DELAY = 125_000
const connack = encode(4, { cmd: 'connack' })

/** A client that dials again and again, and when it did, in milliseconds from the moment at which its server went down. */
interface Client {
  readonly attempts: number[]
  /** Milliseconds of the first delay: from the end that it saw to the attempt. */
  readonly firstDelay: () => number
  readonly running: Subscription
}

/** A server goes down with all its clients connected, and comes back: how they dial meanwhile, and whether all return. */
export async function storm({ clients, down, seed }: StormOptions): Promise<Findings> {
  const findings = new Findings()
  const opened = await open()
  const live = new Set<Socket>()
  let server = await listen(0, live)
  const { port } = server.address() as AddressInfo
  let downSince = Number.NaN
  let accepted = 0
  const delay = backoff({ random: seeded(seed) })
  const all = Array.from({ length: clients }, (_, i): Client => {
    const attempts: number[] = []
    let ended = Number.NaN
    let firstDelay = Number.NaN
    const dialling$ = defer(() => {
      if (!Number.isNaN(downSince) && attempts.push(performance.now() - downSince) === 1)
        firstDelay = performance.now() - ended
      return connectTcp({ host: HOST, port }).pipe(switchMap((transport) => welcomed(transport, i)))
    }).pipe(
      tap(() => (accepted += 1)),
      retry({
        delay: (error, attempt) => {
          ended = performance.now()
          return delay(error, attempt)
        },
        resetOnSuccess: true,
      }),
    )
    const failed = (error: MqttError): void => findings.violation(`client ${i} gave up: ${error.message}`)
    const running = dialling$.subscribe({ error: failed })
    return { attempts, running, firstDelay: () => firstDelay }
  })
  const wereThere = await until(() => accepted === clients, 30_000)
  findings.require(wereThere, () => `${accepted} of ${clients} clients were connected at first`)
  await pause(200)

  downSince = performance.now()
  const used = process.cpuUsage()
  await close(server, live)
  await pause(WINDOW - (performance.now() - downSince))
  const { user, system } = process.cpuUsage(used)
  const cpu = (user + system) / 1_000 / (performance.now() - downSince)
  report(findings, all, cpu)
  if (down !== undefined) {
    await pause(down - (performance.now() - downSince))
    const dials = all.reduce((sum, { attempts }) => sum + attempts.length, 0)
    findings.tell(`attempts in ${down / 1_000} s`, `${(dials / clients).toFixed(2)} a client`)
    accepted = 0
    downSince = Number.NaN
    const back = performance.now()
    server = await listen(port, live)
    const areBack = await until(() => accepted === clients, LONGEST_DELAY)
    findings.require(areBack, () => `${accepted} of ${clients} clients came back`)
    findings.tell('all were back after', `${((performance.now() - back) / 1_000).toFixed(0)} s`)
  }
  for (const { running } of all) running.unsubscribe()
  await until(() => live.size === 0, 5_000)
  if (server.listening) await close(server, live)
  const left = await leftOpen(opened)
  findings.demand('handles and file descriptors', left ?? 'as before', 'as before', left === undefined)
  return findings
}

function report(findings: Findings, all: readonly Client[], cpu: number): void {
  const clients = all.length
  const early = all.reduce((sum, { attempts }) => sum + attempts.filter((at) => at <= WINDOW).length, 0)
  const first = all.map(({ firstDelay }) => firstDelay()).filter((milliseconds) => !Number.isNaN(milliseconds))
  const mean = first.reduce((sum, at) => sum + at, 0) / first.length
  const deviation = Math.sqrt(first.reduce((sum, at) => sum + (at - mean) ** 2, 0) / first.length)
  findings.require(
    first.length === clients,
    () => `${first.length} of ${clients} clients dialled again in five seconds`,
  )
  findings.tell('clients', clients)
  findings.demand('attempts in the first 5 s', early, `at most ${2 * clients}`, early <= 2 * clients)
  const spread = deviation / mean
  findings.demand('standard deviation of the first delay', percent(spread), 'above 20 %', spread > 0.2)
  findings.target('of a processor, in these 5 s', percent(cpu), 'below 50 %', cpu < 0.5)
}

/** Emits when the client is accepted; errors when the connection is over, however it ended. */
function welcomed(transport: Transport, i: number): Observable<unknown> {
  const connection = new Connection(transport, { role: 'client' })
  connection.connect({ clientId: `storm-${i}` })
  return connection.connack$
}

/** A server that does nothing but accept. */
function listen(port: number, live: Set<Socket>): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      live.add(socket)
      socket.on('close', () => live.delete(socket))
      // Those that are cut while they dial.
      socket.on('error', () => socket.destroy())
      socket.once('data', () => socket.write(connack))
    })
    server.once('error', reject)
    server.listen({ port, host: HOST, backlog: 4_096 }, () => resolve(server))
  })
}

/** Goes down at once, with all its connections. */
async function close(server: Server, live: Set<Socket>): Promise<void> {
  for (const socket of live) socket.resetAndDestroy()
  await new Promise((resolve) => server.close(resolve))
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`
}
