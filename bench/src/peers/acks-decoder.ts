import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { Decoder, Encoder, Protocol } from '@rxmqtt/core'
import { host } from './peer.js'

/** The same codec on a bare socket, without a connection or a session: what the load gets at the most. */
export async function listen(): Promise<number> {
  const server = createServer({ noDelay: true }, (socket) => {
    const protocol = new Protocol()
    const decoder = new Decoder({ protocol })
    const encoder = new Encoder({ protocol })
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk) => {
      decoder.push(chunk)
      for (let packet = decoder.read(); packet !== undefined; packet = decoder.read()) {
        if (packet.cmd === 'connect') encoder.write({ cmd: 'connack' })
        if (packet.cmd === 'publish') encoder.write({ cmd: 'puback', messageId: packet.messageId! })
      }
      for (const bytes of encoder.take()) socket.write(bytes)
    })
  })
  server.listen(0, host)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
