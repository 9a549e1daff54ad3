import { Connection, type Transport } from '@rxmqtt/core'
import type { WebStreams } from '@rxmqtt/transports/web-streams'
import { listenWs } from '@rxmqtt/transports/ws'
import { mergeMap, type Observable, tap } from 'rxjs'
import { WebSocket } from 'ws'
import { expectNoHandles, hear, host, portTold, until } from '../test/helpers.js'
import { liveByWorker, liveInPage, liveOverStreams, serveInWorker } from './in-the-browser.js'

/** Tells whoever subscribes a value. */
function sensor(transport: Transport): Observable<unknown> {
  const connection = new Connection(transport, { role: 'server' })
  connection.connect$.subscribe(() => connection.connack())
  return connection.subscribe$.pipe(
    tap(({ messageId, subscriptions }) => {
      connection.suback({ messageId, granted: [0] })
      connection.publish({ topic: subscriptions[0]?.topic.replace('#', '1') ?? '', payload: '21.5' })
    }),
  )
}

describe('in the browser', () => {
  expectNoHandles()
  const had = Object.getOwnPropertyDescriptor(globalThis, 'WebSocket')

  beforeAll(() => {
    Object.defineProperty(globalThis, 'WebSocket', { value: WebSocket, configurable: true })
  })
  afterAll(() => {
    if (had === undefined) Reflect.deleteProperty(globalThis, 'WebSocket')
    else Object.defineProperty(globalThis, 'WebSocket', had)
  })

  it('a page hears values over a WebSocket, and so it does over a worker', async () => {
    const { listening, port } = portTold()
    const peers: Transport[] = []
    const serving = listenWs({ host, listening })
      .pipe(
        tap((transport) => peers.push(transport)),
        mergeMap(sensor),
      )
      .subscribe()
    const url = `ws://${host}:${await port}/mqtt`
    const { port1, port2 } = new MessageChannel()
    const worker = serveInWorker(port2, { plant: url }).subscribe()
    const pages = [hear(liveInPage(url)), hear(liveByWorker(port1))]
    await until(() => pages.every(({ values }) => values.length > 0), 'values')
    expect(pages.map(({ values }) => values)).toEqual([['21.5'], ['21.5']])
    for (const { subscription } of pages) subscription.unsubscribe()
    await until(() => peers.every(({ writable }) => !writable), 'the ends')
    worker.unsubscribe()
    port1.close()
    serving.unsubscribe()
  })

  it('a page hears values over streams', async () => {
    const [up, down] = [new TransformStream<Uint8Array>(), new TransformStream<Uint8Array>()]
    const far: WebStreams = { readable: up.readable, writable: down.writable }
    const { fromWebStreams } = await import('@rxmqtt/transports/web-streams')
    const serving = hear(sensor(fromWebStreams(far)))
    const page = hear(liveOverStreams(async () => ({ readable: down.readable, writable: up.writable })))
    await until(() => page.values.length > 0, 'a value')
    expect(page.values).toEqual(['21.5'])
    page.subscription.unsubscribe()
    expect(await serving.done).toBe('complete')
  })

  it('a worker dials only what it knows', async () => {
    const { port1, port2 } = new MessageChannel()
    const worker = serveInWorker(port2, {}).subscribe()
    const { connectMessagePort } = await import('@rxmqtt/transports/message-port')
    expect(await hear(connectMessagePort(port1, { request: 'other' })).done).toBe('refused')
    worker.unsubscribe()
    port1.close()
  })
})
