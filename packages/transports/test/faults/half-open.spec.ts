import { Connection, keepAlive, keepAliveOf, type MqttError, type Packet, watchKeepAlive } from '@rxmqtt/core'
import { connectTcp } from '@rxmqtt/transports/tcp'
import { merge, type Observable, switchMap, tap } from 'rxjs'
import { until } from '../helpers.js'
import { connect, HOST, tcp } from '../links.js'
import { clients, server as serverScript, startChild, watchLag } from './child.js'
import { closeLater, type End, encode, expectAllClosed, joined, listening, watchEnd } from './support.js'

expectAllClosed()

/** What an Observable that must not emit ended with, and when. */
interface Told {
  readonly errors: { code: string; reasonCode: number | undefined }[]
  at: number
}

function watched(flow$: Observable<never>): Told {
  const told: Told = { errors: [], at: Number.NaN }
  const subscription = flow$.subscribe({
    error: (error: unknown) => {
      const { code, reasonCode } = error as MqttError
      told.errors.push({ code, reasonCode })
      told.at = performance.now()
    },
  })
  closeLater(() => subscription.unsubscribe())
  return told
}

/** Notes when the last packet came or left. */
function lastOf(packets$: Observable<Packet>, cmd: Packet['cmd']): () => number {
  const times: number[] = []
  packets$.subscribe((packet) => {
    if (packet.cmd === cmd) times.push(performance.now())
  })
  return () => times.at(-1) ?? Number.NaN
}

describe('a peer that vanishes: its process is stopped, its socket stays open', () => {
  test.each([4, 5] as const)(
    'MQTT %i: a server is told at 1.5 times the keep-alive, −0/+250 ms, and closes',
    async (version) => {
      const lag = watchLag()
      let server: Connection | undefined
      let told: Told | undefined
      let lastPing: (() => number) | undefined
      const ends: End[] = []
      const { address } = await listening(tcp, (transport) => {
        const connection = new Connection(transport, { role: 'server', drainTimeout: 100 })
        server = connection
        lastPing = lastOf(connection.received$, 'pingreq')
        watchEnd(connection, ends)
        connection.connect$.subscribe((connect) => {
          connection.connack()
          // What a server does with it.
          const end = (): boolean | void =>
            version === 5 ? connection.disconnect({ reasonCode: 0x8d }) : connection.end()
          told = watched(watchKeepAlive(connection, keepAliveOf({ connect, connack: {} })).pipe(tap({ error: end })))
        })
        connection.pingreq$.subscribe(() => connection.pingresp())
      })
      const opening = encode(version, { cmd: 'connect', clientId: 'c', keepalive: 1, protocolVersion: version })
      const child = await startChild(clients, address.port, 1, 200, opening.toString('hex'))
      await until(() => lastPing!() > 0, 'a PINGREQ')
      child.freeze()
      await until(() => told!.errors.length > 0, 'the time-out')
      expect(told!.errors).toEqual([{ code: 'timeout', reasonCode: 0x8d }])
      const waited = told!.at - lastPing!()
      expect(waited).toBeGreaterThanOrEqual(1_499)
      expect(waited).toBeLessThan(1_750 + lag())
      await until(() => ends.length > 0, 'the close')
      expect(server!.writable).toBe(false)
    },
  )

  test('a client misses the PINGRESP within its timeout, ±250 ms', async () => {
    const lag = watchLag()
    const accepting = encode(5, { cmd: 'connack', properties: { serverKeepAlive: 1 } })
    const child = await startChild(serverScript, accepting.toString('hex'))
    let lastPing: (() => number) | undefined
    let lastAnswer: (() => number) | undefined
    const connect = { clientId: 'c', keepalive: 60, protocolVersion: 5 } as const
    const client$ = connectTcp({ host: HOST, port: Number(child.said[0]), drainTimeout: 50 }).pipe(
      switchMap((transport) => {
        const client = new Connection(transport, { role: 'client' })
        lastPing = lastOf(client.sent$, 'pingreq')
        lastAnswer = lastOf(client.received$, 'pingresp')
        const alive$ = client.connack$.pipe(
          switchMap((connack) => keepAlive(client, keepAliveOf({ connect, connack }), { timeout: 400 })),
        )
        const dialled$ = merge(alive$, client.closed$)
        client.connect(connect)
        return dialled$
      }),
    )
    const told = watched(client$)
    await until(() => lastAnswer?.() !== undefined && lastAnswer() > 0, 'a PINGRESP')
    const answered = lastAnswer!()
    child.freeze()
    await until(() => told.errors.length > 0, 'the time-out')
    expect(told.errors).toEqual([{ code: 'timeout', reasonCode: undefined }])
    // The one that was not answered leaves at most half a second after the one that was.
    expect(lastPing!()).toBeGreaterThan(answered)
    const waited = told.at - lastPing!()
    expect(waited).toBeGreaterThanOrEqual(399)
    expect(waited).toBeLessThan(650 + lag())
  })

  test('while reading is paused the clock stands still: closed at pauseTimeout', async () => {
    const lag = watchLag()
    let server: Connection | undefined
    let told: Told | undefined
    let closed: Told | undefined
    const { address } = await listening(tcp, (transport) => {
      const connection = new Connection(transport, { role: 'server', pauseTimeout: 1_900 })
      server = connection
      closed = watched(connection.closed$)
      connection.connect$.subscribe((connect) => {
        connection.connack()
        told = watched(watchKeepAlive(connection, keepAliveOf({ connect, connack: {} })))
      })
    })
    const opening = encode(4, { cmd: 'connect', clientId: 'c', keepalive: 1 })
    const child = await startChild(clients, address.port, 1, 200, opening.toString('hex'))
    child.freeze()
    server!.pause()
    const paused = performance.now()
    await until(() => closed!.errors.length > 0, 'the close')
    expect(closed!.errors).toEqual([{ code: 'timeout', reasonCode: undefined }])
    expect(told!.errors).toEqual([])
    const waited = closed!.at - paused
    expect(waited).toBeGreaterThanOrEqual(1_899)
    expect(waited).toBeLessThan(2_150 + lag())
  })

  test('a peer that answers, and one that sends, stay: nobody is closed in two seconds of a keep-alive of one', async () => {
    const pair = await connect(tcp)
    const { client, server } = joined(pair)
    server.connect$.subscribe(() => server.connack())
    server.pingreq$.subscribe(() => server.pingresp())
    client.packets$.subscribe()
    client.connect({ clientId: 'c', keepalive: 1 })
    const pings = { count: 0 }
    server.pingreq$.subscribe(() => (pings.count += 1))
    const told = [watched(keepAlive(client, 1)), watched(watchKeepAlive(server, 1))]
    await until(() => pings.count >= 4, 'four PINGREQs')
    expect(told.map(({ errors }) => errors)).toEqual([[], []])
  })
})
