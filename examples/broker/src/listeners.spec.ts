import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { MqttError, type Transport } from '@rxmqtt/core'
import { connectTcp } from '@rxmqtt/transports/tcp'
import { connectTls } from '@rxmqtt/transports/tls'
import { connectWs } from '@rxmqtt/transports/ws'
import { firstValueFrom, lastValueFrom, mergeMap, type Observable, Subscription } from 'rxjs'
import { listen } from './listeners.js'

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../../../packages/transports/test/fixtures/${name}`, import.meta.url))
const tls = { port: 0, cert: fixture('server.pem'), key: fixture('server-key.pem') }
const host = '127.0.0.1'

let all: Subscription
beforeEach(() => {
  all = new Subscription()
})
afterEach(() => all.unsubscribe())

/** The URLs that are told, when there are so many. */
const bound = (listener: (listening: (url: string) => void) => Observable<Transport>, count: number) => {
  const kinds: string[] = []
  const urls = new Promise<string[]>((resolve, reject) => {
    const told: string[] = []
    const listening = (url: string): void => {
      if (told.push(url) === count) resolve(told)
    }
    const accepted$ = listener(listening).pipe(
      mergeMap((transport) => {
        kinds.push(transport.info.kind)
        transport.sink.complete()
        return transport.bytes$
      }),
    )
    all.add(accepted$.subscribe({ error: reject }))
  })
  return { urls, kinds }
}
/** Dials, says nothing, and waits for the end. */
const visit = (dial$: Observable<Transport>): Promise<unknown> =>
  lastValueFrom(
    dial$.pipe(
      mergeMap(({ bytes$, sink }) => {
        sink.complete()
        return bytes$
      }),
    ),
    { defaultValue: undefined },
  )
const failure = async (listening$: Observable<Transport>): Promise<unknown> => {
  try {
    await firstValueFrom(listening$)
  } catch (error) {
    if (error instanceof MqttError) return [error.code, error.message]
    throw error
  }
  return undefined
}

test('listens on TCP alone, unless there are ports for more', async () => {
  const { urls, kinds } = bound((told) => listen({ host, port: 0, wsPort: undefined, tls: undefined }, told), 1)
  const [url] = await urls
  expect(url).toMatch(/^mqtt:\/\/127\.0\.0\.1:\d+$/)
  await visit(connectTcp({ host, port: Number(new URL(url!).port) }))
  expect(kinds).toEqual(['tcp'])
})

test('listens on TCP, WebSocket and TLS, and tells where', async () => {
  const { urls, kinds } = bound((told) => listen({ host, port: 0, wsPort: 0, tls }, told), 3)
  const [mqtt, mqtts, ws] = (await urls).sort()
  expect(mqtt).toMatch(/^mqtt:\/\/127\.0\.0\.1:\d+$/)
  expect(mqtts).toMatch(/^mqtts:\/\/127\.0\.0\.1:\d+$/)
  expect(ws).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/mqtt$/)
  await visit(connectTcp({ host, port: Number(new URL(mqtt!).port) }))
  await visit(connectTls({ host, port: Number(new URL(mqtts!).port), servername: 'localhost', ca: fixture('ca.pem') }))
  await visit(connectWs(ws!))
  await visit(connectWs(new URL('/', ws)))
  expect(kinds).toEqual(['tcp', 'tls', 'ws', 'ws'])
})

test('puts an IPv6 address in brackets', async () => {
  const { urls } = bound((told) => listen({ host: '::1', port: 0, wsPort: undefined, tls: undefined }, told), 1)
  expect(await urls).toEqual([expect.stringMatching(/^mqtt:\/\/\[::1\]:\d+$/)])
})

test('says in one line where it cannot listen', async () => {
  const server = createServer()
  try {
    await new Promise<void>((resolve) => server.listen(0, host, resolve))
    const { port } = server.address() as { port: number }
    const none = (): void => undefined
    const place = { host, port: 0, wsPort: undefined, tls: undefined }
    const inUse = (url: string): unknown => ['transport', `can't listen on ${url}: the port is in use`]
    expect(await failure(listen({ ...place, port }, none))).toEqual(inUse(`mqtt://127.0.0.1:${port}`))
    expect(await failure(listen({ ...place, wsPort: port }, none))).toEqual(inUse(`ws://127.0.0.1:${port}/mqtt`))
    expect(await failure(listen({ ...place, tls: { ...tls, port } }, none))).toEqual(inUse(`mqtts://127.0.0.1:${port}`))
    expect(await failure(listen({ ...place, host: '192.0.2.1' }, none))).toEqual([
      'transport',
      "can't listen on mqtt://192.0.2.1:0: this machine does not have that address",
    ])
    expect(await failure(listen({ ...place, host: '/' }, none))).toEqual([
      'transport',
      expect.stringMatching(/^can't listen on mqtt:\/\/\/:0: \S/),
    ])
  } finally {
    server.close()
  }
})
