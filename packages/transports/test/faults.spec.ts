import { type AddressInfo, connect as netConnect, createServer, type Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Transport } from '@rxmqtt/core'
import { connectTcp, listenTcp } from '@rxmqtt/transports/tcp'
import { catchError, EMPTY, mergeMap, type Subscription, switchMap, tap } from 'rxjs'
import { type Ending, ending, expectNoHandles, flatten, pattern, pause, read, until } from './helpers.js'
import { connect, HOST, type Link, messagePort, tcp, tcpSocket, tls, websocket, ws, wss } from './links.js'

expectNoHandles()

async function listening(options: { listen?: Link['listen'] } = {}) {
  const accepted: Transport[] = []
  const { listen = tcp.listen } = options
  const address = await new Promise<AddressInfo | string>((resolve) => {
    subscription = listen({ listening: { next: resolve } }).subscribe((transport) => accepted.push(transport))
  })
  const server = subscription as Subscription
  return { accepted, address, port: (address as AddressInfo).port, stop: () => server.unsubscribe() }
}
let subscription: Subscription | undefined

describe('FIN and RST at every byte offset of a stream are one end, exactly once', () => {
  const stream = pattern(200)
  const offsets = Array.from({ length: 201 }, (_, i) => i)

  /** What a transport told of a peer that sent some bytes and went away. */
  async function watch(transport: Transport, peer: Socket, offset: number, reset: boolean) {
    const reading = read(transport)
    const ends: Ending[] = []
    transport.closed$.subscribe({
      complete: () => ends.push('complete'),
      error: (error: unknown) => ends.push(flatten(error)),
    })
    if (offset > 0) peer.write(stream.subarray(0, offset))
    await until(() => reading.length() === offset, 'the bytes')
    if (reset) peer.resetAndDestroy()
    else peer.end()
    await until(() => reading.endings.length > 0, 'the end')
    transport.sink.complete()
    await ending(transport.closed$)
    peer.destroy()
    expect(Buffer.compare(reading.bytes(), stream.subarray(0, offset))).toBe(0)
    return { told: reading.endings, ends }
  }
  const expected = (reset: boolean) =>
    reset
      ? {
          told: [expect.objectContaining({ code: 'transport', cause: 'ECONNRESET' })] as unknown[],
          ends: [expect.objectContaining({ cause: 'ECONNRESET' })] as unknown[],
        }
      : { told: ['complete'], ends: ['complete'] }

  test.each([true, false])('at the accepting end (reset: %s)', async (reset) => {
    const { accepted, port, stop } = await listening()
    for (const offset of offsets) {
      const peer = netConnect({ port, host: HOST }).on('error', () => undefined)
      peer.resume()
      await until(() => accepted.length > 0, 'the peer')
      expect(await watch(accepted.pop() as Transport, peer, offset, reset)).toEqual(expected(reset))
    }
    stop()
  })

  test.each([true, false])('at the dialling end, which the dial tells as well (reset: %s)', async (reset) => {
    const peers: Socket[] = []
    const server = createServer((socket) => peers.push(socket.on('error', () => undefined).resume()))
    await new Promise<void>((resolve) => {
      server.listen(0, HOST, resolve)
    })
    const { port } = server.address() as AddressInfo
    for (const offset of offsets) {
      const opened: Transport[] = []
      const dialled: Ending[] = []
      connectTcp({ host: HOST, port }).subscribe({
        next: (transport) => opened.push(transport),
        error: (error: unknown) => dialled.push(flatten(error)),
        complete: () => dialled.push('complete'),
      })
      await until(() => opened.length > 0 && peers.length > 0, 'the peer')
      const seen = await watch(opened[0] as Transport, peers.pop() as Socket, offset, reset)
      expect(seen).toEqual(expected(reset))
      expect(dialled).toEqual(seen.ends)
    }
    server.close()
  })

  test('a reset right behind unread bytes loses nothing that had arrived, and is one end', async () => {
    const { accepted, port, stop } = await listening()
    for (const offset of [0, 1, 2, 50, 199, 200]) {
      const peer = netConnect({ port, host: HOST }).on('error', () => undefined)
      await until(() => accepted.length > 0, 'the peer')
      const transport = accepted.pop() as Transport
      peer.write(stream.subarray(0, offset))
      await pause(10)
      peer.resetAndDestroy()
      await pause(10)
      const reading = read(transport)
      await until(() => reading.endings.length > 0, 'the end')
      transport.sink.error(undefined)
      await pause(1)
      expect([reading.length(), reading.endings.length]).toEqual([offset, 1])
    }
    stop()
  })
})

describe.each([
  ['tcp', tcp],
  ['tls', tls],
  ['ws', ws],
  ['wss', wss],
] as const)('%s: teardown', (_, link) => {
  const own = /^#?on(Data|End|Error|Close|Drain|Message)$/

  test.each(['sink.error', 'both complete', 'dial unsubscribed'] as const)(
    'after %s the socket is gone, without listeners, and nothing is emitted',
    async (how) => {
      const { accepted, address, stop } = await listening(link)
      const opened: Transport[] = []
      const dialled = link.dial(address).subscribe((transport) => opened.push(transport))
      await until(() => opened.length > 0 && accepted.length > 0, 'a link')
      const [client, server] = [opened[0] as Transport, accepted[0] as Transport]
      const socket = tcpSocket(client)
      const { socket: outer } = client.info as { socket: NodeJS.EventEmitter }
      const [atClient, atServer] = [read(client), read(server)]
      expect(outer.listeners('close').filter((listener) => own.test(listener.name))).toHaveLength(1)
      server.sink.next(pattern(100))
      await until(() => atClient.length() === 100, 'the bytes')
      if (how === 'sink.error') client.sink.error(undefined)
      if (how === 'both complete') client.sink.complete()
      if (how === 'dial unsubscribed') dialled.unsubscribe()
      if (how !== 'sink.error') await until(() => atServer.endings.length > 0 || !link.halfClose, 'the goodbye')
      server.sink.complete()
      // Before drainTimeout, 2 s, would have ended it.
      await until(() => socket.destroyed && atClient.endings.length > 0, 'the end', 1_900)
      await ending(client.closed$)
      const ours = outer
        .eventNames()
        .flatMap((event) => outer.listeners(event))
        .filter((listener) => own.test(listener.name))
      expect(ours).toEqual([])
      const length = atClient.length()
      client.sink.error(new Error('again'))
      client.sink.complete()
      dialled.unsubscribe()
      dialled.unsubscribe()
      await pause(5)
      expect([atClient.length(), atClient.endings.length]).toEqual([length, 1])
      stop()
      server.sink.error(undefined)
      await ending(server.closed$)
    },
  )

  test.each(['unsubscribe', 'sink.error', 'sink.complete'] as const)('%s inside next, again and again', async (how) => {
    const { accepted, address, stop } = await listening(link)
    for (let round = 0; round < 10; round += 1) {
      let after = 0
      let stopped = false
      const dialled: Subscription = link
        .dial(address, { drainTimeout: 20 })
        .pipe(switchMap((transport) => transport.bytes$.pipe(tap(() => act(transport)))))
        .subscribe({ next: () => (after += stopped && how === 'unsubscribe' ? 1 : 0), error: () => undefined })
      const act = (transport: Transport): void => {
        if (how === 'unsubscribe') dialled.unsubscribe()
        else if (how === 'sink.error') transport.sink.error(undefined)
        else transport.sink.complete()
        stopped = true
      }
      await until(() => accepted.length > 0, 'the peer')
      const server = accepted.pop() as Transport
      const reading = read(server)
      server.sink.next(pattern(50_000))
      await until(() => reading.endings.length > 0, 'the end')
      server.sink.complete()
      await ending(server.closed$)
      dialled.unsubscribe()
      expect([stopped, after]).toEqual([true, 0])
    }
    stop()
  })
})

test('a thousand peers that come and go, half of them abruptly, leave nothing', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const { accepted, port, stop } = await listening()
  const alive: WeakRef<Transport>[] = []
  const before = process.getActiveResourcesInfo().length
  // A function of its own: what a round holds must not outlive it.
  const round = async (): Promise<void> => {
    const dials = Array.from({ length: 50 }, (_, i) =>
      connectTcp({ host: HOST, port, drainTimeout: 20 })
        .pipe(
          switchMap((transport) => {
            alive.push(new WeakRef(transport))
            transport.sink.next(pattern(100, i))
            if (i % 2 === 0) transport.sink.error(undefined)
            return transport.bytes$
          }),
          catchError(() => EMPTY),
        )
        .subscribe(),
    )
    await until(() => accepted.length === 50, 'fifty peers')
    const peers = accepted.splice(0)
    for (const peer of peers) {
      alive.push(new WeakRef(peer))
      peer.bytes$.subscribe(peer.sink)
    }
    await pause(2)
    for (const dial of dials) dial.unsubscribe()
    await Promise.all(peers.map((peer) => ending(peer.closed$)))
  }
  for (let i = 0; i < 20; i += 1) await round()
  stop()
  await until(() => process.getActiveResourcesInfo().length <= before, 'the handles to go')
  for (let i = 0; i < 5; i += 1) {
    await pause(10)
    collect()
  }
  expect(alive).toHaveLength(2_000)
  // The last ones may still be held by a stack or a pool.
  expect(alive.filter((reference) => reference.deref() !== undefined).length).toBeLessThan(20)
})

test('a reset with nobody subscribed is no uncaught exception, whatever was going on', async () => {
  const seen: unknown[] = []
  const watch = (error: unknown): void => void seen.push(error)
  process.on('uncaughtException', watch)
  for (const link of [tcp, tls, ws, wss, websocket, messagePort]) {
    for (const busy of [false, true]) {
      const { client, server, close } = await connect(link)
      if (busy) client.sink.next(pattern(3_000_000))
      if (busy) server.sink.next(pattern(3_000_000))
      tcpSocket(server).resetAndDestroy()
      await pause(20)
      client.sink.next(pattern(10))
      await close()
    }
  }
  process.off('uncaughtException', watch)
  expect(seen).toEqual([])
})

test('a peer that floods and never reads costs no more than the marks', async () => {
  const { accepted, port, stop } = await listening()
  const peer = netConnect({ port, host: HOST })
  await until(() => accepted.length > 0, 'the peer')
  const server = accepted[0] as Transport
  const flood = pattern(1_000_000)
  for (let i = 0; i < 30; i += 1) peer.write(flood)
  await pause(100)
  const socket = tcpSocket(server)
  expect(socket.readableLength).toBeLessThanOrEqual(socket.readableHighWaterMark + 65_536)
  const reading = read(server)
  await until(() => reading.length() === 30_000_000, 'the flood')
  peer.destroy()
  server.sink.error(undefined)
  stop()
})

test('the examples of connectTcp and listenTcp', async () => {
  const seen: unknown[] = []
  const { port, server } = await new Promise<{ port: number; server: Subscription }>((resolve) => {
    const bound = {
      next: (at: AddressInfo | string) => queueMicrotask(() => resolve({ port: (at as AddressInfo).port, server })),
    }
    const server = listenTcp({ host: HOST, listening: bound })
      .pipe(
        mergeMap((transport) =>
          transport.bytes$.pipe(
            tap(transport.sink),
            catchError(() => EMPTY),
          ),
        ),
      )
      .subscribe((chunk) => seen.push(['echoed', ...chunk]))
  })
  const client = connectTcp({ host: HOST, port })
    .pipe(
      switchMap((transport) => {
        transport.sink.next(new Uint8Array([1, 2, 3]))
        return transport.bytes$.pipe(tap({ complete: () => transport.sink.complete() }))
      }),
    )
    .subscribe({ next: (chunk) => seen.push([...chunk]), error: (error: unknown) => seen.push(flatten(error)) })
  await until(() => seen.length > 1, 'the bytes, back')
  expect(seen).toEqual([
    ['echoed', 1, 2, 3],
    [1, 2, 3],
  ])
  client.unsubscribe()
  await pause(30)
  server.unsubscribe()
})
