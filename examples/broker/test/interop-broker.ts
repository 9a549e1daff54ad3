import { fixturePath, type Listener } from '../../test/processes.js'
import { BrokerProcess } from './broker-process.js'

/** The broker as a process of its own, on TCP, TLS and WebSocket. */
export interface InteropBroker {
  readonly ports: Readonly<Record<Listener, number>>
  /** Ends it as Ctrl-C does, and checks that it had nothing to complain of. */
  stop(): Promise<void>
}

export async function startInteropBroker(...args: readonly string[]): Promise<InteropBroker> {
  const certificate = ['--cert', fixturePath('server.pem'), '--key', fixturePath('server-key.pem')]
  const limits = ['--max-keepalive', '60', '--receive-maximum', '20', '--topic-alias-maximum', '10']
  const refused = ['--deny-subscribe', 'test/nosubscribe']
  const listening = ['--ws-port', '0', '--tls-port', '0']
  const broker = await BrokerProcess.start(...listening, ...certificate, ...limits, ...refused, ...args)
  const { mqtt = 0, mqtts = 0, ws = 0 } = broker.ports
  return {
    ports: { tcp: mqtt, tls: mqtts, ws },
    stop: async () => {
      const how = await broker.end('SIGINT')
      expect({ how, complaints: broker.complaints }).toEqual({ how: '0', complaints: [] })
    },
  }
}
