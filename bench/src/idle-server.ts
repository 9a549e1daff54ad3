import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { Connection, type ConnectionOptions, type Transport } from '@rxmqtt/core'
import { listenTcp } from '@rxmqtt/transports/tcp'
import mqttConnection from 'mqtt-connection'
import { serveTasks } from './child.js'
import { type IdleServer, memoryNow } from './memory.js'

/** The measured process of the idle connections: a server that answers CONNECT and listens for what comes next. */
const host = '127.0.0.1'
let open = 0

function ignore(): void {
  // Nothing comes: the connections are idle.
}

const options: ConnectionOptions = { role: 'server' }

function accept(transport: Transport): void {
  const connection = new Connection(transport, options)
  connection.connect$.subscribe(() => connection.connack())
  connection.publish$.subscribe(ignore)
  connection.closed$.subscribe({ error: ignore, complete: ignore })
  open++
}

function serveOurs(): Promise<number> {
  return new Promise((resolve) => {
    const listening = { next: (address: AddressInfo | string) => resolve((address as AddressInfo).port) }
    listenTcp({ host, backlog: 4_096, listening }).subscribe(accept)
  })
}

async function serveTheirs(): Promise<number> {
  const server = createServer({ noDelay: true }, (socket) => {
    const connection = mqttConnection(socket)
    connection.on('connect', () => connection.connack({ returnCode: 0 }))
    connection.on('publish', ignore)
    connection.on('error', ignore)
    connection.on('close', ignore)
    open++
  })
  server.listen({ port: 0, host, backlog: 4_096 })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const tasks: IdleServer = {
  listen: (library) => (library === 'rxmqtt' ? serveOurs() : serveTheirs()),
  memory: (connections) => memoryNow(() => open, connections),
}

serveTasks(tasks)
