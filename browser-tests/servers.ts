import { listenWs } from '@rxmqtt/transports/ws'
import { hear, host, portTold } from '../examples/test/helpers.js'
import { startMosquitto } from '../examples/test/processes.js'
import { faults } from '../examples/test/serve-sessions.js'
import { createSessionServer } from '../examples/src/session-server.js'

/** A server that speaks MQTT over WebSocket. */
export interface MqttServer {
  readonly url: string
  /** Ends it, and tells what went wrong there. */
  stop(): Promise<string[]>
}

export type ServerKind = 'the toolkit' | 'mosquitto'

/** Starts a server on a free port of the loopback address. */
export async function startServer(kind: ServerKind): Promise<MqttServer> {
  return kind === 'mosquitto' ? mosquitto() : toolkit()
}

async function toolkit(): Promise<MqttServer> {
  const { listening, port } = portTold()
  const server = createSessionServer()
  const events = hear(listenWs({ host, path: '/mqtt', listening }).pipe(server.serve()))
  return {
    url: `ws://${host}:${await port}/mqtt`,
    stop: async () => {
      events.subscription.unsubscribe()
      return faults(events)
    },
  }
}

async function mosquitto(): Promise<MqttServer> {
  const broker = await startMosquitto(['ws'])
  return { url: `ws://${host}:${broker.ports.ws}/mqtt`, stop: () => broker.stop().then(() => []) }
}
