import { parentPort, workerData } from 'node:worker_threads'
import { connectMessagePort, type MessagePortLike, serveMessagePort } from '@rxmqtt/transports/message-port'
import { connectTcp } from '@rxmqtt/transports/tcp'

// The other thread of message-port.spec.ts: dials for it, or is the page.
const { role, port } = workerData as { role: 'serve' | 'dial'; port: number }
const main = parentPort as MessagePortLike & NonNullable<typeof parentPort>

if (role === 'serve') serveMessagePort(main, connectTcp({ host: '127.0.0.1', port })).subscribe()
else connectMessagePort(main).subscribe((transport) => transport.sink.next(new TextEncoder().encode('hello')))

main.on('message', (message) => {
  if (message === 'stand still') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30_000)
})
