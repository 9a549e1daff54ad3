import { once } from 'node:events'
import { type AddressInfo, createServer, Socket, type SocketConstructorOpts } from 'node:net'
import { serveTasks } from './child.js'
import { blockOf, frameOf, publishFrame } from './frames.js'
import { now } from './measure.js'

/**
 * The side that is not measured: a bare server, without any MQTT library on the way. The client id of the CONNECT says
 * what it does after its CONNACK: `feed-32` writes PUBLISH packets with 32 bytes of payload as fast as they are taken,
 * `one-32` a single one, `drain` counts what it gets.
 */
const order = /(feed|one|drain)(?:-(\d+))?/
const sink = Buffer.alloc(262_144)
const connack = frameOf({ cmd: 'connack', returnCode: 0 })
const blocks = new Map<number, Buffer>()
const drained: { bytes: number; last: number }[] = []
let tell: (() => void) | undefined
let fed = 0

function feed(socket: Socket, payload: number): void {
  let block = blocks.get(payload)
  if (block === undefined) blocks.set(payload, (block = blockOf(publishFrame(payload))))
  const chunk = block
  const write = (): void => {
    socket.write(chunk, (error) => {
      if (error != null) return
      fed += chunk.length
      write()
    })
  }
  fed = 0
  socket.resume()
  // Two writes on the way: the operating system always has the next one.
  write()
  write()
}

/**
 * Counts what comes. It reads into one buffer again and again, for which Node has an option where a socket is dialled but
 * not where it is accepted; a new buffer for each read would make this side slower than the side that is measured.
 */
function drain(accepted: Socket): void {
  const total = { bytes: 0, last: 0 }
  const handle = (accepted as Socket & { _handle: unknown })._handle
  const onread = {
    buffer: sink,
    callback: (bytes: number) => {
      total.bytes += bytes
      total.last = now()
      return true
    },
  }
  const socket = new Socket({ handle, onread } as SocketConstructorOpts)
  socket.on('error', () => socket.destroy())
  socket.once('end', () => {
    drained.push(total)
    tell?.()
  })
  socket.write(connack)
  socket.resume()
}

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy())
  socket.once('data', (connect) => {
    const [, what, payload] = order.exec(connect.toString('latin1'))!
    if (what === 'drain') return drain(socket.pause())
    socket.write(connack)
    if (what === 'feed') feed(socket, Number(payload))
    else socket.resume().write(publishFrame(Number(payload)))
  })
})

const tasks = {
  async listen(): Promise<number> {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  },
  /** What the last connection that was drained has sent: bytes after its CONNECT, and when the last of them came. */
  async drained(): Promise<{ bytes: number; last: number }> {
    if (drained.length === 0) await new Promise<void>((resolve) => (tell = resolve))
    tell = undefined
    return drained.shift()!
  },
  /** Bytes that the operating system took on the last connection that is fed. */
  fed: (): number => fed,
}

export type FarEnd = typeof tasks
serveTasks(tasks)
