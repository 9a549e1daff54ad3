import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { frameOf } from '../frames.js'
import { host } from '../peers/peer.js'

/** A bare socket that has got its CONNACK. */
export async function dial(port: number, clientId: string): Promise<Socket> {
  const socket = connect({ host, port, noDelay: true })
  socket.write(frameOf({ cmd: 'connect', clientId }))
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  if (chunk[0] !== 0x20 || chunk[3] !== 0) throw new Error(`no CONNACK: ${chunk.toString('hex')}`)
  return socket
}
