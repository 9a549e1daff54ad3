import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { Aedes } from 'aedes'
import { host } from './peer.js'

/** A broker to which nobody has subscribed. */
export async function listen(): Promise<number> {
  const broker = await Aedes.createBroker()
  const server = createServer({ noDelay: true }, (socket) => broker.handle(socket))
  server.listen(0, host)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
