import { until } from '../../test/helpers.js'
import { fixturePath, type Listener } from '../../test/processes.js'
import { BrokerProcess } from './broker-process.js'

/** The broker as a process of its own, on TCP, TLS and WebSocket. */
export interface InteropBroker {
  readonly ports: Readonly<Record<Listener, number>>
  /** How many packets of a type it has sent to a client, `'<--'`, or got from it, `'-->'`. */
  count(way: '<--' | '-->', clientId: string, type: string): number
  /** Resolves when it has sent a client so many SUBACK. */
  subscribed(clientId: string, times?: number): Promise<void>
  /** Resolves when it knows that a client is gone. */
  gone(clientId: string): Promise<void>
  /** Ends it as Ctrl-C does, and checks that it had nothing to complain of. */
  stop(): Promise<void>
}

export async function startInteropBroker(...args: readonly string[]): Promise<InteropBroker> {
  const certificate = ['--cert', fixturePath('server.pem'), '--key', fixturePath('server-key.pem')]
  const limits = ['--max-keepalive', '60', '--receive-maximum', '20', '--topic-alias-maximum', '10']
  const refused = ['--deny-subscribe', 'test/nosubscribe']
  const listening = ['--ws-port', '0', '--tls-port', '0']
  const broker = await BrokerProcess.start(
    ...listening,
    ...certificate,
    ...limits,
    ...refused,
    '--log',
    'packets',
    ...args,
  )
  const count: InteropBroker['count'] = (way, clientId, type) => {
    const packet = new RegExp(` ${way} ${clientId} +${type}\\b`)
    return broker.said.filter((line) => packet.test(line)).length
  }
  const { mqtt = 0, mqtts = 0, ws = 0 } = broker.ports
  return {
    ports: { tcp: mqtt, tls: mqtts, ws },
    count,
    subscribed: (clientId, times = 1) =>
      until(() => count('<--', clientId, 'SUBACK') >= times, `the subscriptions of ${clientId}`),
    gone: (clientId) =>
      until(() => broker.said.some((line) => line.includes(` disconnected "${clientId}"`)), `the end of ${clientId}`),
    stop: async () => {
      const how = await broker.end('SIGINT')
      expect({ how, complaints: broker.complaints }).toEqual({ how: '0', complaints: [] })
    },
  }
}
