import type { Duplex } from 'node:stream'
import { transportContract } from './contract.js'
import { expectNoHandles } from './helpers.js'
import * as links from './links.js'

expectNoHandles()

const holdsPeerBack = true
const { connect, messagePort, resetSocket, tcp, tls, unix, websocket, ws, wss } = links
const destroy = (transport: { info: { socket?: unknown } }): void => {
  ;(transport.info.socket as Duplex).destroy()
}

transportContract('duplex', {
  kind: 'duplex',
  make: links.makeDuplexPair,
  holdsPeerBack,
  halfClose: true,
  reset: destroy,
})
transportContract('memory', {
  kind: 'memory',
  make: links.makeMemoryPair,
  holdsPeerBack,
  halfClose: true,
  reset: (transport) => transport.sink.error(undefined),
})
transportContract('memory, cut and late', {
  kind: 'memory',
  make: () => links.makeMemoryPair({ chunkSize: 700, latency: 2 }),
  holdsPeerBack,
  halfClose: true,
  reset: (transport) => transport.sink.error(undefined),
})
transportContract('tcp', { ...tcp, make: () => connect(tcp), holdsPeerBack, reset: resetSocket })
transportContract('unix socket', { ...unix, make: () => connect(unix), holdsPeerBack, reset: undefined })
transportContract('tls', { ...tls, make: () => connect(tls), holdsPeerBack, reset: resetSocket })
transportContract('ws', { ...ws, make: () => connect(ws), holdsPeerBack, reset: resetSocket })
transportContract('wss', { ...wss, make: () => connect(wss), holdsPeerBack, reset: resetSocket })
transportContract('wss on an https server', {
  ...wss,
  make: links.connectOnHttps,
  holdsPeerBack,
  reset: resetSocket,
})
transportContract('websocket', {
  ...websocket,
  serverKind: 'ws',
  make: () => connect(websocket),
  holdsPeerBack: false,
  reset: resetSocket,
})
transportContract('web-streams', {
  kind: 'web-streams',
  make: links.makeWebStreamsPair,
  holdsPeerBack,
  halfClose: true,
  reset: (transport) => transport.sink.error(undefined),
})
transportContract('message-port', {
  ...messagePort,
  serverKind: 'tcp',
  make: () => connect(messagePort),
  holdsPeerBack,
  reset: resetSocket,
})
