import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { serveTasks } from './child.js'
import { frameOf } from './frames.js'

/** The clients of the idle connections: bare sockets that have sent a CONNECT and got a CONNACK. */
export interface IdleOrder {
  readonly port: number
  readonly connections: number
  /** Seconds. @default 0, none */
  readonly keepalive?: number | undefined
}

const sockets: Socket[] = []
const together = 100

async function open({ port, keepalive }: IdleOrder, id: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port })
  sockets.push(socket)
  socket.write(frameOf({ cmd: 'connect', clientId: `idle-${id}`, keepalive }))
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  if (chunk[0] !== 0x20 || chunk[3] !== 0) throw new Error(`no CONNACK: ${chunk.toString('hex')}`)
}

const tasks = {
  async open(order: IdleOrder): Promise<void> {
    const { connections } = order
    for (let i = 0; i < connections; i += together) {
      const ids = Array.from({ length: Math.min(together, connections - i) }, (_, j) => sockets.length + j)
      await Promise.all(ids.map((id) => open(order, id)))
    }
  },
}

export type IdleClients = typeof tasks
serveTasks(tasks)
