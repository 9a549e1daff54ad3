import { Connection, keepAlive, type MqttError, type Packet, watchKeepAlive } from '@rxmqtt/core'
import { connectTcp } from '@rxmqtt/transports/tcp'
import { defer, EMPTY, merge, switchMap, tap } from 'rxjs'
import { pause, until } from '../helpers.js'
import { HOST, tcp } from '../links.js'
import { clients, server as serverScript, startChild } from './child.js'
import { closeLater, encode, expectAllClosed, listening } from './support.js'

expectAllClosed()

/** Holds up this whole process. */
function stall(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

const opening = encode(4, { cmd: 'connect', clientId: 'c', keepalive: 1 }).toString('hex')

describe('a process that was stalled for longer than the keep-alive', () => {
  test.each([1, 1_000])('ends none of its %i clients, which went on sending all the time', async (count) => {
    const codes: string[] = []
    let packets = 0
    const { address } = await listening(tcp, (transport) => {
      const connection = new Connection(transport, { role: 'server' })
      connection.packets$.subscribe(() => (packets += 1))
      const watching$ = connection.connect$.pipe(
        tap(() => connection.connack()),
        switchMap(({ keepalive }) => watchKeepAlive(connection, keepalive)),
      )
      watching$.subscribe({ error: (error: unknown) => codes.push((error as MqttError).code) })
    })
    // Nothing but their CONNECT is read before the stall: what tells that they are alive waits at the sockets.
    await startChild(clients, address.port, count, 900, opening)
    const before = packets
    stall(1_800)
    await pause(700)
    expect(packets - before).toBeGreaterThanOrEqual(2 * count)
    expect(codes).toEqual([])
  })

  test('does not blame its server either, which had answered', async () => {
    const accepting = encode(4, { cmd: 'connack' }).toString('hex')
    const { said } = await startChild(serverScript, accepting)
    const codes: string[] = []
    let answers = 0
    let stalls = 0
    // As soon as the PINGREQ is written, and before its answer is read.
    const stallOnce = ({ cmd }: Packet): void => {
      if (cmd !== 'pingreq' || answers !== 1 || stalls > 0) return
      stalls += 1
      queueMicrotask(() => stall(1_500))
    }
    const client$ = connectTcp({ host: HOST, port: Number(said[0]), drainTimeout: 50 }).pipe(
      switchMap((transport) => {
        const client = new Connection(transport, { role: 'client' })
        const answers$ = client.pingresp$.pipe(tap(() => (answers += 1)))
        const alive$ = client.connack$.pipe(switchMap(() => keepAlive(client, 1, { timeout: 400 })))
        const connecting$ = defer(() => (client.connect({ clientId: 'c', keepalive: 1 }), EMPTY))
        return merge(answers$, client.sent$.pipe(tap(stallOnce)), alive$, client.closed$, connecting$)
      }),
    )
    const client = client$.subscribe({ error: (error: unknown) => codes.push((error as MqttError).code) })
    closeLater(() => client.unsubscribe())
    await until(() => answers >= 3 || codes.length > 0, 'three answers')
    expect(codes).toEqual([])
    expect(stalls).toBe(1)
  })
})
