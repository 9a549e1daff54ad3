import { connect } from 'node:net'
import { Decoder } from '@rxmqtt/core'
import { frameOf } from '../frames.js'
import type { Speed } from '../measure.js'
import { host, Meter, type Peer, type ReceiveOrder } from './peer.js'

/** The decoder of rxmqtt on a bare socket, without RxJS and without a transport. */
async function receive(order: ReceiveOrder): Promise<Speed> {
  const meter = new Meter(order)
  const decoder = new Decoder()
  const socket = connect({ host, port: order.port, noDelay: true })
  socket.on('data', (chunk) => {
    decoder.push(chunk)
    for (let packet = decoder.read(); packet !== undefined; packet = decoder.read()) {
      if (packet.cmd === 'publish') meter.count(packet.payload)
    }
  })
  socket.write(frameOf({ cmd: 'connect', clientId: `feed-${order.payload}` }))
  const speed = await meter.done
  socket.destroy()
  return speed
}

export const peer: Pick<Peer, 'receive'> = { receive }
