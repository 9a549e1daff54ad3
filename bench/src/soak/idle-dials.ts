import { connect, type Socket } from 'node:net'
import { encode } from './frames.js'
import { HOST } from './hub.js'
import { until } from './process.js'

/** Clients that do nothing until they are told to. */
export interface IdleDials {
  /** How long it took until all were there. */
  readonly seconds: number
  /** Sends a PINGREQ on each, and gives the milliseconds from then to each answer that comes within ten seconds. */
  sweep(): Promise<number[]>
  /** Ends all, and waits until they are closed. */
  close(): Promise<void>
}

const AT_A_TIME = 200
const ping = encode(4, { cmd: 'pingreq' })

/** Dials so many bare sockets, and waits for the CONNACK of each. */
export async function dialIdle(port: number, count: number): Promise<IdleDials> {
  const sockets: Socket[] = []
  const start = performance.now()
  let next = 0
  const worker = async (): Promise<void> => {
    for (let i = next++; i < count; i = next++) sockets.push(await dial(port, i))
  }
  await Promise.all(Array.from({ length: Math.min(AT_A_TIME, count) }, worker))
  return {
    seconds: (performance.now() - start) / 1_000,
    sweep: async () => {
      const waits: number[] = []
      const start = performance.now()
      for (const socket of sockets) {
        socket.once('data', () => waits.push(performance.now() - start))
        socket.write(ping)
      }
      await until(() => waits.length === count, 10_000)
      return waits
    },
    close: async () => {
      const closing = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)))
      for (const socket of sockets) socket.end()
      await Promise.all(closing)
    },
  }
}

function dial(port: number, i: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: HOST, port })
    socket.once('connect', () => socket.write(encode(4, { cmd: 'connect', clientId: `idle-${i}` })))
    socket.once('error', reject)
    socket.once('data', () => {
      socket.off('error', reject)
      // Reads on, so that the end of the server is seen.
      socket.on('error', () => socket.destroy()).resume()
      resolve(socket)
    })
  })
}
