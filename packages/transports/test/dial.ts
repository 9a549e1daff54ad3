import { createServer as createNetServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { MqttError, type Transport } from '@rxmqtt/core'
import { Subject, takeUntil } from 'rxjs'
import { type Ending, ending, flatten, pattern, pause, read, sendCut, until } from './helpers.js'
import { HOST, type Link, port, resetSocket, tcpSocket } from './links.js'

/** Everything that a dial and a listener promise, whatever they speak. */
export function dialContract(name: string, link: Link): void {
  describe(`${name}: dial and listen`, () => {
    let address: AddressInfo | string
    let accepted: Transport[]
    let stop: Subject<void>
    let listenerEnd: Promise<Ending>

    beforeEach(async () => {
      accepted = []
      stop = new Subject()
      const bound = new Promise<AddressInfo | string>((resolve) => {
        const peers$ = link.listen({ listening: { next: resolve } }).pipe(takeUntil(stop))
        listenerEnd = new Promise((end) => {
          peers$.subscribe({
            next: (transport) => accepted.push(transport),
            error: (error: unknown) => end(flatten(error)),
            complete: () => end('complete'),
          })
        })
      })
      address = await bound
    })
    afterEach(async () => {
      stop.next()
      await listenerEnd
      for (const transport of accepted) transport.sink.error(undefined)
      await Promise.all(accepted.map((transport) => ending(transport.closed$)))
    })

    /** Dials, and tells what happens. */
    function start(options?: { drainTimeout?: number; connectTimeout?: number }) {
      const ends: Ending[] = []
      const opened: Transport[] = []
      const subscription = link.dial(address, options).subscribe({
        next: (transport) => opened.push(transport),
        error: (error: unknown) => ends.push(flatten(error)),
        complete: () => ends.push('complete'),
      })
      return { ends, opened, subscription }
    }

    async function open(options?: { drainTimeout?: number }) {
      const dialled = start(options)
      await until(() => dialled.opened.length === 1 && accepted.length > 0, 'an open link')
      return { ...dialled, client: dialled.opened[0] as Transport, server: accepted[0] as Transport }
    }

    test('is cold: each subscription dials once', async () => {
      const dial$ = link.dial(address)
      await pause(20)
      expect(accepted).toHaveLength(0)
      const subscriptions = [dial$.subscribe(), dial$.subscribe()]
      await until(() => accepted.length === 2, 'two peers')
      for (const subscription of subscriptions) subscription.unsubscribe()
    })

    test('completes when both ends said goodbye', async () => {
      const { ends, client, server } = await open()
      read(client)
      read(server)
      client.sink.complete()
      server.sink.complete()
      await until(() => ends.length > 0, 'the end')
      expect(ends).toEqual(['complete'])
    })

    test('errors when the link breaks', async () => {
      const { ends, client, server } = await open()
      if (link.isElsewhere) resetSocket(server)
      else tcpSocket(client).destroy(new Error('The cable broke'))
      await until(() => ends.length > 0, 'the error')
      expect(ends).toMatchObject([{ code: 'transport' }])
    })

    test('errors with what sink.error said, and completes for undefined', async () => {
      const first = await open()
      first.client.sink.error(new MqttError('timeout', 'Enough'))
      await until(() => first.ends.length > 0, 'the error')
      expect(first.ends).toEqual([{ code: 'timeout', message: 'Enough', cause: undefined }])
      const second = await open()
      second.client.sink.error(undefined)
      await until(() => second.ends.length > 0, 'the end')
      expect(second.ends).toEqual(['complete'])
    })

    test('connectTimeout is over when it is open', async () => {
      const { ends, opened, subscription } = start({ connectTimeout: 150, drainTimeout: 20 })
      await until(() => opened.length === 1 && accepted.length > 0, 'an open link')
      await pause(200)
      expect(ends).toEqual([])
      const reading = read(accepted[0] as Transport)
      opened[0]?.sink.next(new Uint8Array([1]))
      await until(() => reading.length() === 1, 'the byte')
      subscription.unsubscribe()
    })

    test('errors when nobody listens', async () => {
      stop.next()
      await listenerEnd
      await pause(10)
      const { ends, opened } = start()
      await until(() => ends.length > 0, 'the error')
      expect(opened).toHaveLength(0)
      expect(ends).toMatchObject([
        { code: 'transport', message: expect.stringContaining('could not be opened') as string },
      ])
      expect((ends[0] as { cause: string }).cause).toMatch(/ECONNREFUSED|ENOENT/)
    })

    test('can be aborted at any moment of dialling, and leaves nothing', async () => {
      const later = [0, 1, 2, 3, 5, 8, 13]
      for (const milliseconds of [-1, ...later]) {
        const { ends, subscription } = start({ drainTimeout: 20 })
        if (milliseconds >= 0) await pause(milliseconds)
        subscription.unsubscribe()
        expect(ends).toEqual([])
      }
      await pause(30)
    })

    test('unsubscribing hangs up: the queue leaves, the peer sees the end, and the socket is gone soon', async () => {
      const { ends, client, server, subscription } = await open({ drainTimeout: 10_000 })
      const reading = read(server)
      const sent = pattern(2_000_000)
      sendCut(client, sent, 100_000)
      sendCut(server, pattern(3_000_000), 100_000)
      subscription.unsubscribe()
      const closed: Ending[] = []
      void ending(client.closed$).then((end) => closed.push(end))
      await until(() => reading.endings.length > 0, 'the goodbye')
      server.sink.complete()
      expect(reading.length()).toBe(2_000_000)
      expect(reading.endings).toEqual(['complete'])
      // What the peer had sent and nobody reads does not hold up its end.
      await until(() => closed.length > 0, 'the end', 2_000)
      expect([closed, ends]).toEqual([['complete'], []])
    })

    test('unsubscribing destroys at drainTimeout what will not end', async () => {
      const { client, server, subscription } = await open({ drainTimeout: 50 })
      // The peer neither reads nor ends.
      sendCut(client, pattern(12_000_000), 100_000)
      const before = Date.now()
      subscription.unsubscribe()
      expect(await ending(client.closed$)).toBe('complete')
      expect(Date.now() - before).toBeGreaterThanOrEqual(45)
      server.sink.error(undefined)
    })

    test('listening: a port in use is an error with its cause', async () => {
      const second$ =
        typeof address === 'string' ? link.listen({ path: address }) : link.listen({ port: port(address) })
      expect(await ending(second$)).toMatchObject({ code: 'transport', cause: 'EADDRINUSE' })
      await open().then(({ subscription }) => subscription.unsubscribe())
    })

    test('unsubscribing stops listening and leaves accepted peers alone', async () => {
      const { client, server, subscription } = await open()
      stop.next()
      expect(await listenerEnd).toBe('complete')
      const again = start()
      await until(() => again.ends.length > 0, 'the refusal')
      const reading = read(server)
      client.sink.next(new Uint8Array([1, 2, 3]))
      await until(() => reading.length() === 3, 'the bytes')
      subscription.unsubscribe()
    })

    test('a peer that breaks leaves the others alone', async () => {
      const links = [await open(), await open()]
      await until(() => accepted.length === 2, 'both')
      tcpSocket(accepted[0] as Transport).destroy(new Error('broken'))
      const reading = read(accepted[1] as Transport)
      const second = links[1]?.client as Transport
      second.sink.next(new Uint8Array([1, 2, 3]))
      await until(() => reading.length() === 3, 'the bytes')
      for (const each of links) each.subscription.unsubscribe()
    })
  })
}

/** What stalls: a server that accepts and is silent, and peers that connect and are silent. */
export function handshakeContract(name: string, link: Link): void {
  describe(`${name}: handshakes`, () => {
    async function silentServer(): Promise<{ server: Server; sockets: Socket[]; address: AddressInfo }> {
      const sockets: Socket[] = []
      const server = createNetServer((socket) => {
        socket.on('error', () => undefined)
        sockets.push(socket)
      })
      await new Promise<void>((resolve) => {
        server.listen(0, HOST, resolve)
      })
      return { server, sockets, address: server.address() as AddressInfo }
    }

    test('a dial whose handshake stalls errors with timeout and is gone', async () => {
      const { server, sockets, address } = await silentServer()
      expect(await ending(link.dial(address, { connectTimeout: 100 }))).toMatchObject({ code: 'timeout' })
      await until(() => sockets.length === 1 && (sockets[0] as Socket).readableEnded !== undefined, 'the peer')
      for (const socket of sockets) socket.destroy()
      server.close()
    })

    test('a dial aborted in its handshake leaves nothing', async () => {
      const { server, sockets, address } = await silentServer()
      const subscription = link.dial(address).subscribe()
      await until(() => sockets.length === 1, 'the peer')
      const closed = new Promise((resolve) => sockets[0]?.once('close', resolve).resume())
      subscription.unsubscribe()
      await closed
      server.close()
    })

    /** Silent peers of a listener. */
    async function stalled(options: { handshakeTimeout?: number; maximumHandshakes?: number }, count: number) {
      const emitted: Transport[] = []
      let subscription: { unsubscribe(): void } | undefined
      const address = await new Promise<AddressInfo | string>((resolve) => {
        subscription = link
          .listen({ ...options, listening: { next: resolve } })
          .subscribe((transport) => emitted.push(transport))
      })
      const { connect } = await import('node:net')
      const peers = Array.from({ length: count }, () => connect({ port: port(address), host: HOST }))
      const closedAt: number[] = []
      const start = Date.now()
      for (const peer of peers) {
        peer.on('error', () => undefined)
        peer.on('close', () => closedAt.push(Date.now() - start))
        peer.resume()
      }
      return { emitted, peers, closedAt, address, stop: () => subscription?.unsubscribe() }
    }

    test('a listener ends stalled handshakes at handshakeTimeout', async () => {
      const { closedAt, emitted, stop } = await stalled({ handshakeTimeout: 200 }, 5)
      await until(() => closedAt.length === 5, 'five ends')
      expect(Math.min(...closedAt)).toBeGreaterThan(150)
      expect(emitted).toHaveLength(0)
      stop()
    })

    test('a listener bounds their number, and serves again when there is room', async () => {
      const { closedAt, emitted, peers, address, stop } = await stalled({ maximumHandshakes: 3 }, 5)
      await until(() => closedAt.length === 2, 'two turned away')
      await pause(30)
      expect(closedAt).toHaveLength(2)
      for (const peer of peers) peer.destroy()
      await until(() => closedAt.length === 5, 'room')
      await pause(20)
      for (let i = 0; i < 5; i += 1) {
        const dialled = link.dial(address, { drainTimeout: 10 }).subscribe()
        await until(() => emitted.length === i + 1, 'a peer')
        dialled.unsubscribe()
      }
      stop()
      for (const transport of emitted) transport.sink.error(undefined)
    })

    test('unsubscribing destroys unfinished handshakes', async () => {
      const { closedAt, emitted, stop } = await stalled({}, 4)
      await pause(30)
      stop()
      await until(() => closedAt.length === 4, 'four ends', 500)
      expect(emitted).toHaveLength(0)
    })
  })
}
