import { type AddressInfo, connect } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Connection, Decoder, type Transport } from '@rxmqtt/core'
import { listenTcp } from '@rxmqtt/transports/tcp'
import { Findings } from './findings.js'
import { encode } from './frames.js'
import { HOST } from './hub.js'
import { memory, size, turn, until } from './process.js'

/** For how long big packets in small pieces hold up everybody else, and what they hold. */
export async function stalls(): Promise<Findings> {
  const findings = new Findings()
  const drips = await bestOf(20, () => slowDrip(findings))
  findings.target(`longest stall by 256 KiB byte by byte${of(drips)}`, ms(drips), 'below 20 ms', best(drips) < 20)
  const pieces = await bestOf(150, () => manyPieces(findings))
  findings.target(`longest stall by 64 MiB in pieces${of(pieces)}`, ms(pieces), 'below 150 ms', best(pieces) < 150)
  return findings
}

const ATTEMPTS = 5

/** The longest stall of each run; others use the machine as well, so one that is slow is followed by another, up to five. */
async function bestOf(limit: number, run: () => number | Promise<number>): Promise<readonly number[]> {
  const stalls: number[] = []
  while (stalls.length < ATTEMPTS && !(best(stalls) < limit)) stalls.push(await run())
  return stalls
}

function best(stalls: readonly number[]): number {
  return Math.min(...stalls)
}

function of({ length }: readonly number[]): string {
  return length > 1 ? `, best of ${length}` : ''
}

function ms(stalls: readonly number[]): string {
  return `${best(stalls).toFixed(1)} ms`
}

/** 256 KiB by a segment a byte, over TCP; the longest stall in milliseconds. */
async function slowDrip(findings: Findings): Promise<number> {
  const packet = encode(4, { cmd: 'publish', topic: 't', payload: new Uint8Array(262_144) })
  let port = 0
  let arrived = 0
  const receive = (transport: Transport): void => {
    const connection = new Connection(transport, { maximumPacketSize: packet.length })
    connection.publish$.subscribe(({ payload }) => (arrived += payload.length))
  }
  const listening$ = listenTcp({ host: HOST, listening: { next: (at) => (port = (at as AddressInfo).port) } })
  const listening = listening$.subscribe(receive)
  await until(() => port > 0, 5_000)
  const socket = connect({ host: HOST, port, noDelay: true })
  await new Promise((resolve) => socket.once('connect', resolve))
  const before = await memory()
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const start = Date.now()
  for (let at = 0; at < packet.length - 1; at += 1) {
    socket.write(packet.subarray(at, at + 1))
    if (at % 8 === 0) await turn()
  }
  delay.disable()
  await until(() => socket.writableLength === 0, 5_000)
  const held = (await memory()).heap - before.heap
  socket.end(packet.subarray(-1))
  const isThere = await until(() => arrived === 262_144, 10_000)
  findings.require(isThere, () => 'a packet that came byte by byte did not arrive')
  const longest = delay.max / 1e6
  findings.tell('256 KiB byte by byte over TCP', `${Date.now() - start} ms`)
  findings.demand('held for it', size(held), 'below 3 times the limit', held < 3 * packet.length)
  listening.unsubscribe()
  await until(() => socket.closed, 5_000)
  return longest
}

/** 64 MiB in pieces of 1,460 bytes, through a decoder; the longest stall in milliseconds. */
function manyPieces(findings: Findings): number {
  const packet = encode(4, { cmd: 'publish', topic: 't', payload: new Uint8Array(16_777_000) })
  // Four times the payload, by a header of our own: the encoder's limit is the default one.
  const length = 67_108_864
  const varint = [0, 7, 14, 21].map((shift) => ((length >> shift) & 127) | (shift < 21 ? 128 : 0))
  const header = Buffer.from([0x30, ...varint, 0, 1, 0x74])
  const decoder = new Decoder({ maximumPacketSize: 268_435_460 })
  let longest = 0
  let packets = 0
  let left = length - 3
  const feed = (piece: Uint8Array): void => {
    const start = performance.now()
    decoder.push(piece)
    if (decoder.read() !== undefined) packets += 1
    longest = Math.max(longest, performance.now() - start)
  }
  feed(header)
  for (; left > 0; left -= 1_460) feed(packet.subarray(1_000, 1_000 + Math.min(1_460, left)))
  findings.require(packets === 1 && decoder.buffered === 0, () => `64 MiB in pieces gave ${packets} packets`)
  return longest
}
