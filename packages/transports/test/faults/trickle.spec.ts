import { Connection, type MqttError, type Transport, watchKeepAlive } from '@rxmqtt/core'
import { switchMap } from 'rxjs'
import { WebSocket } from 'ws'
import { until } from '../helpers.js'
import { tcp, ws } from '../links.js'
import { watchLag } from './child.js'
import { closeLater, encode, expectAllClosed, listening, rawPeer } from './support.js'

expectAllClosed()

const opening = encode(4, { cmd: 'connect', clientId: 'c', keepalive: 1 })
const unfinished = encode(4, { cmd: 'publish', topic: 't', payload: new Uint8Array(1_000) })

/** Accepts clients, and notes how long after its CONNECT one was given up, and why. */
function serverOf(waits: number[], codes: unknown[]): (transport: Transport) => void {
  return (transport) => {
    const connection = new Connection(transport, { role: 'server' })
    let start = 0
    connection.packets$.subscribe()
    const watching$ = connection.connect$.pipe(
      switchMap(({ keepalive }) => {
        start = performance.now()
        connection.connack()
        return watchKeepAlive(connection, keepalive)
      }),
    )
    watching$.subscribe({
      error: (error: unknown) => {
        waits.push(performance.now() - start)
        codes.push((error as MqttError).code)
        connection.destroy()
      },
    })
  }
}

describe('a packet that trickles and is never whole', () => {
  test.each([tcp, ws])('does not keep a client alive over $kind: bytes are not packets', async (link) => {
    const lag = watchLag()
    const waits: number[] = []
    const codes: unknown[] = []
    const { address } = await listening(link, serverOf(waits, codes))
    const send = link === tcp ? await tcpPeer(address) : await wsPeer(address.port)
    send(opening)
    let at = 0
    const trickling = setInterval(() => {
      send(unfinished.subarray(at, at + 1))
      at += 1
    }, 50)
    closeLater(() => clearInterval(trickling))
    await until(() => waits.length > 0, 'the time-out')
    expect(codes).toEqual(['timeout'])
    expect(at).toBeGreaterThan(10)
    expect(waits[0]).toBeGreaterThanOrEqual(1_499)
    expect(waits[0]).toBeLessThan(1_750 + lag())
  })
})

async function tcpPeer(address: Parameters<typeof rawPeer>[0]): Promise<(bytes: Uint8Array) => void> {
  const { socket } = await rawPeer(address)
  return (bytes) => void socket.write(bytes)
}

async function wsPeer(port: number): Promise<(bytes: Uint8Array) => void> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, 'mqtt')
  const closed = new Promise((resolve) => socket.once('close', resolve))
  // The server hangs up on it.
  socket.on('error', () => undefined)
  closeLater(async () => {
    socket.terminate()
    await closed
  })
  await new Promise((resolve) => socket.once('open', resolve))
  return (bytes) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(bytes)
  }
}
