import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { serveTasks } from './child.js'
import { frameOf, topic } from './frames.js'

/** The load of the server's acknowledgements: bare sockets that publish with QoS 1 and count PUBACKs. */
export interface AckOrder {
  readonly port: number
  readonly clients: number
  /** Messages of one client on their way at a time, a multiple of 50. */
  readonly window: number
  readonly payload: number
  readonly milliseconds: number
}

/** Messages in one write. */
const together = 50
const pubackLength = 4

/** What came back. */
export interface Acks {
  readonly acknowledged: number
  readonly seconds: number
}

const tasks = {
  async acks({ port, clients, window, payload, milliseconds }: AckOrder): Promise<Acks> {
    const bursts = Array.from({ length: window / together }, (_, i) => burst(1 + i * together, payload))
    let acknowledged = 0
    let isOver = false
    const sockets = await Promise.all(Array.from({ length: clients }, (_, i) => dial(port, `load-${i}`)))
    const began = performance.now()
    for (const socket of sockets) {
      let waiting = 0
      let bytes = 0
      let next = 0
      const fill = (): void => {
        while (!isOver && waiting + together <= window) {
          waiting += together
          socket.write(bursts[next]!)
          next = (next + 1) % bursts.length
        }
      }
      socket.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        const acks = Math.floor(bytes / pubackLength)
        bytes -= acks * pubackLength
        waiting -= acks
        acknowledged += acks
        fill()
      })
      fill()
    }
    await new Promise((resolve) => setTimeout(resolve, milliseconds))
    const acks = { acknowledged, seconds: (performance.now() - began) / 1_000 }
    isOver = true
    for (const socket of sockets) socket.destroy()
    return acks
  },
}

/** Messages with identifiers from `first` on: all that are on their way at a time differ. */
function burst(first: number, payload: number): Buffer {
  const bytes = 'x'.repeat(payload)
  const ids = Array.from({ length: together }, (_, i) => first + i)
  return Buffer.concat(ids.map((messageId) => frameOf({ cmd: 'publish', topic, payload: bytes, qos: 1, messageId })))
}

async function dial(port: number, clientId: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  socket.write(frameOf({ cmd: 'connect', clientId }))
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  if (chunk[0] !== 0x20 || chunk[3] !== 0) throw new Error(`no CONNACK: ${chunk.toString('hex')}`)
  return socket
}

export type AcksLoad = typeof tasks
serveTasks(tasks)
