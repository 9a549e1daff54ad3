import { randomBytes } from 'node:crypto'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { Connection, type Transport } from '@rxmqtt/core'
import { connectTcp, listenTcp } from '@rxmqtt/transports/tcp'
import { listenWs } from '@rxmqtt/transports/ws'
import { type Observable, map } from 'rxjs'
import { Findings } from './findings.js'
import { encode } from './frames.js'
import { HOST } from './hub.js'
import { handles, turn, until } from './process.js'

/** Milliseconds within which a transport has to be gone or to answer. */
const WITHIN = 50
const RUNS = 9
const LIMIT = 5_000
const HUGE = Buffer.of(0x30, 0xff, 0xff, 0xff, 0x7f)
const HUGE_CONNECT = Buffer.of(0x10, 0xff, 0xff, 0xff, 0x7f)

/** How soon what has to end is gone: medians of several runs, each with a socket of its own. */
export async function closes(): Promise<Findings> {
  const findings = new Findings()
  await served(
    (listening) => listenTcp({ host: HOST, listening }),
    async (port) => {
      await median(findings, '256 MiB announced: closed after', () => announced(findings, port, false))
      await median(findings, '256 MiB announced after CONNECT: closed after', () => announced(findings, port, true))
    },
  )
  await served(
    (listening) => listenWs({ host: HOST, listening }),
    async (port) => {
      await median(findings, 'WebSocket: pong after', () => frames(findings, port, 0x89))
      await median(findings, 'WebSocket: text frame closed after', () => frames(findings, port, 0x81))
    },
  )
  await median(findings, 'destroy(): both sockets gone after', () => hungUp(findings, 'destroy'))
  await median(findings, 'end(): both sockets gone after', () => hungUp(findings, 'end'))
  await median(findings, 'dial unsubscribed: both sockets gone after', () => hungUp(findings, 'unsubscribe'))
  return findings
}

/** A target for the median of several runs, each of which tells its milliseconds. */
async function median(findings: Findings, what: string, run: () => Promise<number>): Promise<void> {
  const times: number[] = []
  for (let i = 0; i < RUNS; i += 1) times.push(await run())
  const middle = times.sort((a, b) => a - b)[(RUNS - 1) / 2]!
  const value = `${middle.toFixed(1)} ms (median of ${RUNS}, at most ${times.at(-1)!.toFixed(1)})`
  findings.target(what, value, `below ${WITHIN} ms`, middle < WITHIN)
}

type Listening = { next: (at: unknown) => void }

function serve(transport: Transport): void {
  const connection = new Connection(transport, { role: 'server' })
  connection.connect$.subscribe(() => connection.connack())
  // The ends are what is measured, at the peer.
  connection.closed$.subscribe({ error: () => undefined })
}

/** Gives the port of a server of Connections, as long as `use` runs. */
async function served(
  listen: (listening: Listening) => Observable<Transport>,
  use: (port: number) => Promise<void>,
): Promise<void> {
  let port = 0
  const listening = listen({ next: (at) => (port = (at as AddressInfo).port) }).subscribe(serve)
  await until(() => port > 0, LIMIT)
  await use(port)
  listening.unsubscribe()
}

async function opened(port: number): Promise<Socket> {
  const socket = connect({ host: HOST, port, noDelay: true })
  socket.on('error', () => socket.destroy())
  await new Promise((resolve) => socket.once('connect', resolve))
  return socket
}

/** Milliseconds until it is true, looked at each turn. */
async function elapsed(findings: Findings, what: string, isTrue: () => boolean): Promise<number> {
  const start = performance.now()
  while (!isTrue()) {
    if (performance.now() - start > LIMIT) {
      findings.violation(`${what} did not happen within ${LIMIT} ms`)
      break
    }
    await turn()
  }
  return performance.now() - start
}

/** A header of 256 MiB, as the first packet or after a CONNECT of MQTT 5, which is answered with its reason. */
async function announced(findings: Findings, port: number, connected: boolean): Promise<number> {
  const socket = await opened(port)
  let answers = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => (answers = Buffer.concat([answers, chunk])))
  if (connected) {
    socket.write(encode(5, { cmd: 'connect', protocolVersion: 5, clientId: 'c' }))
    await elapsed(findings, 'CONNACK', () => answers.length > 0)
    answers = Buffer.alloc(0)
  }
  socket.write(connected ? HUGE : HUGE_CONNECT)
  const time = await elapsed(findings, 'the end after 256 MiB announced', () => socket.closed)
  const isRight = connected ? answers[0] === 0xe0 && answers[2] === 0x95 : answers.length === 0
  findings.require(isRight, () => `256 MiB ${connected ? 'after' : 'before'} CONNECT: sent ${answers.toString('hex')}`)
  socket.destroy()
  return time
}

/** A WebSocket by hand: sends one frame, and waits for the pong or, with a peer that answers a close, for the end. */
async function frames(findings: Findings, port: number, opcode: 0x81 | 0x89): Promise<number> {
  const socket = await opened(port)
  const received: Buffer[] = []
  socket.on('data', (chunk: Buffer) => {
    received.push(chunk)
    if (chunk[0] === 0x88) socket.end(Buffer.of(0x88, 0x80, 0, 0, 0, 0))
  })
  const key = randomBytes(16).toString('base64')
  const upgrade = ['GET / HTTP/1.1', `Host: ${HOST}`, 'Connection: Upgrade', 'Upgrade: websocket']
  const websocket = ['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Protocol: mqtt', `Sec-WebSocket-Key: ${key}`]
  socket.write(`${[...upgrade, ...websocket].join('\r\n')}\r\n\r\n`)
  await elapsed(findings, 'the upgrade', () => Buffer.concat(received).includes('\r\n\r\n'))
  received.length = 0
  // Masked with zeros: one byte.
  socket.write(Buffer.of(opcode, 0x81, 0, 0, 0, 0, 0x61))
  const isPing = opcode === 0x89
  const isDone = (): boolean => (isPing ? received[0]?.[0] === 0x8a : socket.closed)
  const time = await elapsed(findings, isPing ? 'a pong' : 'the end after a text frame', isDone)
  findings.require(isPing || received[0]?.[0] === 0x88, () => 'a text frame was not answered with a close')
  socket.destroy()
  await elapsed(findings, 'the end of a WebSocket', () => socket.closed)
  return time
}

/** A dial that hangs up on a peer that cooperates: until no socket of either is left in the process. */
async function hungUp(findings: Findings, way: 'destroy' | 'end' | 'unsubscribe'): Promise<number> {
  const peers: Socket[] = []
  const server = createServer((socket) => {
    peers.push(socket)
    socket.on('error', () => socket.destroy()).resume()
  }).listen(0, HOST)
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await elapsed(findings, 'the end of all sockets of before', () => sockets() === 0)
  let connection: Connection | undefined
  let ends = 0
  const over = (): number => (ends += 1)
  const dialed$ = connectTcp({ host: HOST, port }).pipe(
    map((transport) => new Connection(transport, { role: 'client' })),
  )
  const welcome = (dialed: Connection): void => {
    connection = dialed
    dialed.closed$.subscribe({ complete: over, error: over })
    dialed.connect({ clientId: 'c' })
  }
  const failed = (error: unknown): void => findings.violation(`a dial failed: ${String(error)}`)
  const dial = dialed$.subscribe({ next: welcome, error: failed })
  await elapsed(findings, 'the dial', () => connection !== undefined && (peers[0]?.bytesRead ?? 0) > 0)
  findings.require(sockets() === 2, () => `${sockets()} sockets where 2 are open: no test at all`)
  if (way === 'unsubscribe') dial.unsubscribe()
  else connection?.[way]()
  const isGone = (): boolean => sockets() === 0 && ends === 1 && peers[0]?.closed === true
  const time = await elapsed(findings, 'the end of both sockets', isGone)
  dial.unsubscribe()
  await new Promise((resolve) => server.close(resolve))
  return time
}

function sockets(): number {
  return handles()['TCPSocketWrap'] ?? 0
}
