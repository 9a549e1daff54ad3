import { connect as dialSocket, type AddressInfo, type Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  Connection,
  type ConnectionOptions,
  Encoder,
  type MqttError,
  type Packet,
  type PacketInput,
} from '@rxmqtt/core'
import { Protocol, type Transport } from '@rxmqtt/core'
import { ending, expectNoHandles, until } from '../helpers.js'
import { HOST, type Link } from '../links.js'

setFlagsFromString('--expose_gc')
const collect = runInNewContext('gc') as () => void

const cleanups: (() => unknown)[] = []

/** Registers, for the whole file: what a test has opened is closed after it, and then no handle is left. */
export function expectAllClosed(): void {
  afterEach(async () => {
    for (const close of cleanups.splice(0).reverse()) await close()
  })
  expectNoHandles()
}

/** Has something closed at the end of the test. */
export function closeLater(close: () => unknown): void {
  cleanups.push(close)
}

/** How a connection ended: `'complete'`, or what an MqttError says in code. */
export type End = 'complete' | { code: string; reasonCode: number | undefined }

/** Everything that a connection tells who listens to all of it. */
export interface Watched {
  readonly packets: Packet[]
  readonly ends: End[]
  /** How often the stream of packets ended; it must complete, and never error. */
  readonly completions: string[]
}

export function watch(connection: Connection): Watched {
  const watched: Watched = { packets: [], ends: [], completions: [] }
  connection.packets$.subscribe({
    next: (packet) => watched.packets.push(packet),
    error: () => watched.completions.push('error'),
    complete: () => watched.completions.push('complete'),
  })
  watchEnd(connection, watched.ends)
  return watched
}

/** Notes how a connection ends, without any demand. */
export function watchEnd(connection: Connection, ends: End[] = []): End[] {
  connection.closed$.subscribe({
    complete: () => ends.push('complete'),
    error: (error: unknown) => {
      const { code, reasonCode } = error as MqttError
      ends.push({ code, reasonCode })
    },
  })
  return ends
}

/** A listener of the link whose peers all become `accept`'s; `stop` ends every one that is left. */
export async function listening(
  link: Link,
  accept: (transport: Transport) => void,
): Promise<{ address: AddressInfo; stop: () => Promise<void> }> {
  const live = new Set<Transport>()
  let address: AddressInfo | undefined
  const listener = link
    .listen({ listening: { next: (at) => (address = at as AddressInfo) } })
    .subscribe((transport) => {
      live.add(transport)
      void ending(transport.closed$).then(() => live.delete(transport))
      accept(transport)
    })
  const stop = async (): Promise<void> => {
    listener.unsubscribe()
    const rest = [...live]
    const ends = rest.map((transport) => ending(transport.closed$))
    for (const transport of rest) transport.sink.error(undefined)
    await Promise.all(ends)
  }
  closeLater(stop)
  await until(() => address !== undefined, 'a listener')
  return { address: address as unknown as AddressInfo, stop }
}

/** A bare TCP client: what it received, and how it ended. */
export interface RawPeer {
  readonly socket: Socket
  readonly received: Buffer[]
  /** Codes of the errors that its socket had, such as ECONNRESET. */
  readonly errors: string[]
  bytes(): Buffer
  /** Its end, seen as an end of the stream, an error or the close. */
  readonly closed: Promise<void>
  isClosed(): boolean
}

export async function rawPeer(address: AddressInfo, options: { allowHalfOpen?: boolean } = {}): Promise<RawPeer> {
  const socket = dialSocket({ host: HOST, port: address.port, noDelay: true, ...options })
  const received: Buffer[] = []
  const errors: string[] = []
  let over = false
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      over = true
      resolve()
    })
  })
  closeLater(async () => {
    socket.destroy()
    await closed
  })
  // A server that is tested for bad peers may reset them; the close is what counts.
  socket.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code ?? error.message))
  socket.on('data', (chunk) => received.push(chunk))
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject)
  })
  return { socket, received, errors, bytes: () => Buffer.concat(received), closed, isClosed: () => over }
}

/** The bytes of packets in one piece. */
export function encode(version: 3 | 4 | 5, ...packets: readonly PacketInput[]): Buffer {
  const encoder = new Encoder({ protocol: new Protocol(version), maximumPacketSize: 268_435_460 })
  for (const packet of packets) encoder.write(packet)
  return Buffer.concat(encoder.take())
}

/** Two ends of a link, each a connection. */
export interface Joined {
  readonly client: Connection
  readonly server: Connection
}

/** Makes connections of two joined transports. */
export function joined(
  pair: { client: Transport; server: Transport; close(): Promise<void> },
  options: { client?: ConnectionOptions; server?: ConnectionOptions } = {},
): Joined {
  closeLater(() => pair.close())
  return {
    client: new Connection(pair.client, options.client),
    server: new Connection(pair.server, options.server),
  }
}

/** Bytes in use after two collections, buffers included. */
export function memoryInUse(): number {
  collect()
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Numbers from 0 to 1 that come again with the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** What there is to read of a packet in a diff: payloads as text. */
export function plain(packet: Packet): Record<string, unknown> {
  return packet.cmd === 'publish' ? { ...packet, payload: Buffer.from(packet.payload).toString() } : { ...packet }
}

/** Waits one turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
