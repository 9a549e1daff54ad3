import { once } from 'node:events'
import { connect } from 'node:net'
import { performance } from 'node:perf_hooks'
import { frameOf, publishFrame } from '../frames.js'
import { cpuSeconds, type Speed } from '../measure.js'
import { host, type Order, type Peer, publishFor, type ReceiveOrder, type Sent } from './peer.js'

/** A bare socket that reads and does nothing with it: what Node leaves to any library. */
function receive({ port, payload, milliseconds }: ReceiveOrder): Promise<Speed> {
  return new Promise((resolve) => {
    const frame = publishFrame(payload).length
    const socket = connect({ host, port, noDelay: true })
    let bytes = 0
    socket.on('data', ({ length }) => (bytes += length))
    socket.once('data', () => {
      const began = performance.now()
      const cpu = cpuSeconds()
      setTimeout(() => {
        const packets = bytes / frame
        const seconds = (performance.now() - began) / 1_000
        resolve({ perSecond: packets / seconds, perCpuSecond: packets / (cpuSeconds() - cpu) })
        socket.destroy()
      }, milliseconds)
    })
    socket.write(frameOf({ cmd: 'connect', clientId: `feed-${payload}` }))
  })
}

/** A bare socket that writes copies of packets that were made before, 64 KiB at a time. */
async function send(order: Order): Promise<Sent> {
  const socket = connect({ host, port: order.port, noDelay: true })
  socket.write(frameOf({ cmd: 'connect', clientId: 'drain' }))
  await once(socket, 'data')
  const frame = publishFrame(order.payload)
  const copies = Math.max(1, Math.floor(65_536 / frame.length))
  const block = Buffer.concat(new Array<Buffer>(copies).fill(frame))
  const sent = await publishFor(
    order,
    () => socket.write(new Uint8Array(block)),
    () => once(socket, 'drain'),
  )
  socket.end()
  return { ...sent, packets: sent.packets * copies }
}

export const peer: Pick<Peer, 'receive' | 'send'> = { receive, send }
