import { get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connectWs } from '@rxmqtt/transports/ws'
import { connectTcp } from '@rxmqtt/transports/tcp'
import {
  concat,
  finalize,
  ignoreElements,
  map,
  merge,
  type NextObserver,
  type Observable,
  type Subscription,
  switchMap,
  take,
  tap,
} from 'rxjs'
import { expectNoHandles, hear, host, portTold, until } from '../test/helpers.js'
import { clientTcp } from './client-tcp.js'
import { demoClient } from './demo-client.js'
import { serverTcp } from './server-tcp.js'
import { serverWs } from './server-ws.js'

expectNoHandles()

type Serve = (options: { host: string; listening: NextObserver<AddressInfo | string> }) => Observable<string>

async function serve(server: Serve): Promise<{ port: number; lines: string[]; subscription: Subscription }> {
  const { listening, port } = portTold()
  const { values, subscription } = hear(server({ host, listening }))
  return { port: await port, lines: values, subscription }
}

describe('the client and the server over TCP', () => {
  it('greet each other, and say goodbye', async () => {
    const { port, lines, subscription } = await serve(serverTcp)
    const client = hear(clientTcp({ host, port }))
    expect(await client.done).toBe('complete')
    expect(client.values).toEqual(['connected', 'subscribed', 'message 2 arrived at the server', 'heard hello'])
    expect(lines).toEqual(['first-client connected', 'subscribed to greetings', 'greetings: hello'])
    subscription.unsubscribe()
  })

  it('is told where nobody listens', async () => {
    const { port, subscription } = await serve(serverTcp)
    subscription.unsubscribe()
    await until(() => true, 'a turn')
    expect(await hear(clientTcp({ host, port })).done).toBe('transport')
  })

  it('serves on when one client sends garbage and another one resets', async () => {
    const { port, lines, subscription } = await serve(serverTcp)
    const garbage$ = connectTcp({ host, port }).pipe(
      switchMap(({ sink, bytes$ }) => {
        sink.next(Uint8Array.of(0, 0))
        return bytes$.pipe(finalize(() => sink.complete()))
      }),
    )
    await hear(garbage$).done
    const reset$ = connectTcp({ host, port }).pipe(tap(({ sink }) => sink.error(undefined)))
    await hear(reset$).done
    expect(await hear(clientTcp({ host, port })).done).toBe('complete')
    expect(lines[0]).toMatch(/^lost a client: .*type 0/)
    subscription.unsubscribe()
  })

  it('cuts its clients when it is unsubscribed', async () => {
    const { port, subscription } = await serve(serverTcp)
    const client = hear(demoClient(connectTcp({ host, port }), { clientId: 'a' }, ({ messages$ }) => messages$))
    await until(() => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length >= 2, 'a peer')
    subscription.unsubscribe()
    expect(['complete', 'transport']).toContain(await client.done)
  })
})

describe('the server over WebSocket', () => {
  it.each([3, 4, 5] as const)('speaks MQTT level %s, and http beside it', async (protocolVersion) => {
    const { port, lines, subscription } = await serve(serverWs)
    const client = hear(
      demoClient(connectWs(`ws://${host}:${port}/mqtt`), { clientId: 'page', protocolVersion }, (client) =>
        merge(
          concat(
            client.subscribe('t', 0).pipe(ignoreElements()),
            client.publish({ topic: 't', payload: 'one', qos: 1 }),
            client.publish({ topic: 't', payload: 'two', qos: 2 }),
          ),
          client.messages$.pipe(map(({ payload }) => new TextDecoder().decode(payload))),
        ).pipe(take(2)),
      ),
    )
    expect(await client.done).toBe('complete')
    expect(client.values).toEqual(['one', 'two'])
    expect(lines).toEqual(['page connected', 'subscribed to t', 't: one', 't: two'])
    const page = await new Promise<string>((resolve, reject) => {
      get({ host, port, agent: false }, (response) => {
        response.setEncoding('utf8').once('data', resolve)
      }).once('error', reject)
    })
    expect(page).toBe('MQTT is at /mqtt\n')
    subscription.unsubscribe()
  })

  it('tells that its port is taken', async () => {
    const { port, subscription } = await serve(serverWs)
    expect(await hear(serverWs({ host, port })).done).toBe('transport')
    subscription.unsubscribe()
  })
})
