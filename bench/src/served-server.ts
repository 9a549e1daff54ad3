import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { serve, type ServeHandler, Session } from '@rxmqtt/core'
import { listenTcp } from '@rxmqtt/transports/tcp'
import { merge, NEVER, of } from 'rxjs'
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

function serveOurs(handler: ServeHandler): Promise<number> {
  return new Promise((resolve, reject) => {
    const listening = { next: (address: AddressInfo | string) => resolve((address as AddressInfo).port) }
    listenTcp({ host, backlog: 4_096, listening })
      .pipe(serve(handler, { authorize: () => of({}) }))
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

const tasks: IdleServer = {
  listen: (name) => (name === 'aedes' ? serveTheirs() : serveOurs(handlers[name]!)),
  memory: (connections) => memoryNow(() => open, connections),
}

serveTasks(tasks)
