import type { AddressInfo, Socket } from 'node:net'
import { Connection, type Transport } from '@rxmqtt/core'
import { connectTcp, listenTcp } from '@rxmqtt/transports/tcp'
import { merge } from 'rxjs'
import { Findings } from './findings.js'
import { HOST } from './hub.js'
import { leftOpen, memory, open, size, slope, until } from './process.js'

export interface ChurnOptions {
  /** Connections made and ended, half of them abruptly. */
  readonly connections: number
  /** Connections before the first measurement: what is loaded and compiled on the way is not theirs. */
  readonly warmUp: number
  /** Bytes a connection by which the heap may grow. */
  readonly maximumSlope: number
}

const AT_A_TIME = 50
const LISTENERS = 4
const SAMPLES = 8
const serverOptions = { role: 'server', drainTimeout: 500 } as const
const clientOptions = { role: 'client', drainTimeout: 500 } as const

/** The ways to end a connection: two with a goodbye, two without. */
const endings: readonly ((client: Connection) => void)[] = [
  (client) => client.disconnect(),
  (client) => (client.transport.info.socket as Socket).resetAndDestroy(),
  (client) => client.end(),
  (client) => client.destroy(),
]

/** Connects and disconnects over and over: afterwards nothing is left, and the heap does not grow with their number. */
export async function churn({ connections, warmUp, maximumSlope }: ChurnOptions): Promise<Findings> {
  const findings = new Findings()
  const opened = await open()
  const ports: number[] = []
  let serverEnds = 0
  const listening = merge(
    ...Array.from({ length: LISTENERS }, () =>
      listenTcp({ host: HOST, listening: { next: (at) => ports.push((at as AddressInfo).port) } }),
    ),
  ).subscribe((transport) => {
    welcome(transport, () => (serverEnds += 1))
  })
  await until(() => ports.length === LISTENERS, 5_000)
  const start = Date.now()
  await many(warmUp, ports, findings)
  const points: [number, number][] = [[warmUp, (await memory()).heap]]
  const step = Math.floor((connections - warmUp) / SAMPLES)
  for (let i = 1; i <= SAMPLES; i += 1) {
    await many(step, ports, findings)
    points.push([warmUp + i * step, (await memory()).heap])
  }
  const total = warmUp + SAMPLES * step
  const seconds = (Date.now() - start) / 1_000
  const areOver = await until(() => serverEnds === total, 10_000)
  findings.require(areOver, () => `${total} connections, but ${serverEnds} ends on the server`)
  listening.unsubscribe()
  const growth = slope(points)
  findings.tell('connections made and ended', `${total} in ${seconds.toFixed(0)} s`)
  findings.demand('heap, each connection more', size(growth), `below ${maximumSlope} B`, growth < maximumSlope)
  const left = await leftOpen(opened)
  findings.demand('handles and file descriptors', left ?? 'as before', 'as before', left === undefined)
  return findings
}

/** Accepts a peer and tells its end. */
function welcome(transport: Transport, over: () => void): void {
  const connection = new Connection(transport, serverOptions)
  connection.closed$.subscribe({ complete: over, error: over })
  connection.connect$.subscribe(() => connection.connack())
}

async function many(count: number, ports: readonly number[], findings: Findings): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    for (let i = next++; i < count; i = next++) await one(i, ports[i % ports.length]!, findings)
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, worker))
}

/** Dials, says CONNECT, waits for CONNACK and ends, in one way or another. */
function one(i: number, port: number, findings: Findings): Promise<void> {
  return new Promise((resolve) => {
    let isAccepted = false
    const over = (): void => {
      findings.require(isAccepted, () => `connection ${i} ended before its CONNACK`)
      resolve()
    }
    const open = (transport: Transport): void => {
      const client = new Connection(transport, clientOptions)
      client.connack$.subscribe(() => {
        isAccepted = true
        endings[i % endings.length]!(client)
      })
      client.connect({ protocolVersion: 5, clientId: `churn-${i}` })
    }
    connectTcp({ host: HOST, port }).subscribe({ next: open, complete: over, error: over })
  })
}
