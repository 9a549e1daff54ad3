import { connect } from 'node:net'
import { performance } from 'node:perf_hooks'
import { frameOf, publishFrame } from '../frames.js'
import { cpuSeconds, type Speed } from '../measure.js'
import { host, type Peer, type ReceiveOrder } from './peer.js'

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

export const peer: Pick<Peer, 'receive'> = { receive }
