// The transport contract in a page: both ends are WebSockets of the browser, which a relay in Node joins.
import './node.js'
import { runTests } from './jest.js'
import type { Transport } from '@rxmqtt/core'
import { connectWebSocket } from '@rxmqtt/transports/websocket'
import type { Subscription } from 'rxjs'
import { type Pair, transportContract } from '../../packages/transports/test/contract.js'
import { ending, pattern, pause, read, until } from '../../packages/transports/test/helpers.js'

interface Dialled {
  readonly transport: Transport
  readonly dial: Subscription
}

const relay = new URLSearchParams((globalThis as unknown as { location: { search: string } }).location.search)
const url = relay.get('relay') ?? ''
let pairs = 0

async function make(): Promise<Pair> {
  const pair = ++pairs
  const [client, server] = await Promise.all([dial(`${url}/${pair}/client`), dial(`${url}/${pair}/server`)])
  return {
    client: client.transport,
    server: server.transport,
    close: async () => {
      for (const { transport, dial } of [client, server]) {
        transport.sink.error(undefined)
        dial.unsubscribe()
      }
    },
  }
}

function dial(address: string): Promise<Dialled> {
  return new Promise((resolve, reject) => {
    const dial = connectWebSocket(address).subscribe({
      next: (transport) => queueMicrotask(() => resolve({ transport, dial })),
      error: reject,
    })
  })
}

/** The relay drops both sockets of the newest pair, without a close frame. */
function reset(): void {
  connectWebSocket(`${url}/${pairs}/reset`).subscribe({ error: () => undefined })
}

test('unread bytes are still there when the end was told, which nobody can hold back', async () => {
  const pair = await make()
  const { client, server } = pair
  const closed = ending(server.closed$)
  client.sink.next(pattern(3_000))
  await pause(100)
  server.sink.complete()
  client.sink.complete()
  expect(await closed).toBe('complete')
  const reading = read(server)
  await until(() => reading.endings.length > 0, 'the end')
  expect([reading.length(), reading.endings]).toEqual([3_000, ['complete']])
  await pair.close()
})
transportContract('websocket', { kind: 'websocket', make, holdsPeerBack: false, halfClose: false, reset })
Object.assign(globalThis, { runTests })
