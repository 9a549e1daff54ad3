import { listenWs } from '@rxmqtt/transports/ws'
import { hear, host, portTold } from '../examples/test/helpers.js'
import { startMosquitto } from '../examples/test/processes.js'
import { faults } from '../examples/test/serve-sessions.js'
import { createSessionServer } from '../examples/src/session-server.js'

/** A server that speaks MQTT over WebSocket. */
export interface MqttServer {
  readonly url: string
  readonly port: number
  /** Ends it, and tells what went wrong there. */
  stop(): Promise<string[]>
}

export type ServerKind = 'the toolkit' | 'mosquitto'

/** Starts a server on the loopback address, on a free port, or the toolkit's on one of your choice. */
export async function startServer(kind: ServerKind, port = 0): Promise<MqttServer> {
  return kind === 'mosquitto' ? mosquitto() : toolkit(port)
}

async function toolkit(asked: number): Promise<MqttServer> {
  const { listening, port: told } = portTold()
  const server = createSessionServer()
  const events = hear(listenWs({ host, port: asked, path: '/mqtt', listening }).pipe(server.serve()))
  const port = await told
  return {
    url: `ws://${host}:${port}/mqtt`,
    port,
    stop: async () => {
      events.subscription.unsubscribe()
      return faults(events)
    },
  }
}

async function mosquitto(): Promise<MqttServer> {
  const broker = await startMosquitto(['ws'])
  const port = broker.ports.ws
  return { url: `ws://${host}:${port}/mqtt`, port, stop: () => broker.stop().then(() => []) }
}
