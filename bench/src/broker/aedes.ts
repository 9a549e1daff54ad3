import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { Aedes } from 'aedes'
import { host } from '../peers/peer.js'

export async function listen(): Promise<number> {
  const broker = await Aedes.createBroker()
  const server = createServer({ noDelay: true }, (socket) => broker.handle(socket))
  server.listen({ port: 0, host, backlog: 4_096 })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
