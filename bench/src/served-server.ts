import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { serve, type ServeEvent, type ServeHandler, Session, type Transport } from '@rxmqtt/core'
import { listenTcp } from '@rxmqtt/transports/tcp'
import { merge, NEVER, of, type OperatorFunction } from 'rxjs'
import { serveTasks } from './child.js'
import { type IdleServer, memoryNow } from './memory.js'

/** The measured process of the idle clients of a server: it loads one library, and watches over their keep-alive. */
const host = '127.0.0.1'
let open = 0

const handlers: Readonly<Record<string, ServeHandler>> = {
  serve: () => NEVER,
  'serve + Session': (connection, accepted) => {
    const session = new Session()
    return merge(session.attach(connection, accepted), session.messages$)
  },
}

function serveHandler(handler: ServeHandler): Promise<number> {
  return serveOurs(serve(handler, { authorize: () => of({}) }))
}

async function serveBroker(): Promise<number> {
  const { openBroker } = await import('@rxmqtt/example-broker')
  return serveOurs((await openBroker()).serve())
}

function serveOurs(serving: OperatorFunction<Transport, ServeEvent>): Promise<number> {
  return new Promise((resolve, reject) => {
    const listening = { next: (address: AddressInfo | string) => resolve((address as AddressInfo).port) }
    listenTcp({ host, backlog: 4_096, listening })
      .pipe(serving)
      .subscribe({ next: ({ type }) => (open += type === 'opened' ? 1 : -1), error: reject })
  })
}

async function serveTheirs(): Promise<number> {
  const { Aedes } = await import('aedes')
  const broker = await Aedes.createBroker()
  broker.on('clientReady', () => open++)
  const server = createServer({ noDelay: true }, (socket) => broker.handle(socket))
  server.listen({ port: 0, host, backlog: 4_096 })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const others: Readonly<Record<string, () => Promise<number>>> = { broker: serveBroker, aedes: serveTheirs }

const tasks: IdleServer = {
  listen: (name) => others[name]?.() ?? serveHandler(handlers[name]!),
  memory: (connections) => memoryNow(() => open, connections),
}

serveTasks(tasks)
