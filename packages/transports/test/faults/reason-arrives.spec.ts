import { Connection } from '@rxmqtt/core'
import { pattern, until } from '../helpers.js'
import { connect, messagePort, tcp, tls, websocket, ws } from '../links.js'
import { encode, expectAllClosed, joined, listening, rawPeer, watch, watchEnd } from './support.js'

expectAllClosed()

const MEBIBYTE = 1_048_576
const hello = encode(5, { cmd: 'connect', protocolVersion: 5, clientId: 'c' })
/** What a client sends that does not wait for the answer to its CONNECT. */
const flood = Buffer.concat(
  Array.from({ length: 64 }, () => encode(5, { cmd: 'publish', topic: 't', payload: pattern(65_536) })),
)

const refusals: Record<string, { reject: (connection: Connection) => void; last: number[] }> = {
  'a refusing CONNACK': {
    reject: (connection) => connection.connect$.subscribe(() => connection.connack({ reasonCode: 0x87 })),
    last: [0x20, 3, 0, 0x87, 0],
  },
  'a DISCONNECT with its reason, and end()': {
    reject: (connection) => {
      connection.connect$.subscribe(() => {
        connection.connack()
        connection.disconnect({ reasonCode: 0x8b })
        connection.end()
      })
    },
    last: [0xe0, 1, 0x8b],
  },
  'the DISCONNECT of a protocol error': {
    reject: (connection) => {
      connection.connect$.subscribe(() => connection.connack())
      connection.packets$.subscribe()
    },
    last: [0xe0, 1, 0x82],
  },
}

describe.each(Object.keys(refusals))('%s reaches a peer that is still sending 4 MiB', (kind) => {
  const { reject, last } = refusals[kind]!

  test('60 of 60 times, and then the peer is let go', async () => {
    const ended: unknown[][] = []
    const { address } = await listening(tcp, (transport) => {
      const connection = new Connection(transport, { role: 'server' })
      ended.push(watchEnd(connection))
      reject(connection)
    })
    let told = 0
    const errors: string[] = []
    const run = async (): Promise<void> => {
      const peer = await rawPeer(address)
      // Reads nothing until it has said everything: with nobody to take that, it would never come to read.
      peer.socket.pause()
      peer.socket.write(hello)
      if (kind.includes('protocol error')) peer.socket.write(hello)
      peer.socket.write(flood, () => peer.socket.resume())
      await peer.closed
      errors.push(...peer.errors)
      const bytes = peer.bytes()
      if (bytes.subarray(bytes.length - last.length).equals(Buffer.from(last))) told += 1
    }
    for (let i = 0; i < 60; i += 6) await Promise.all(Array.from({ length: 6 }, run))
    expect(told).toBe(60)
    expect(errors).toEqual([])
    await until(() => ended.length === 60 && ended.every((ends) => ends.length === 1), 'all ends')
  }, 30_000)
})

test.each([tcp, tls, ws, websocket, messagePort])('over $kind a client of ours gets it too', async (link) => {
  const { client, server } = joined(await connect(link), {
    client: { maximumBuffered: 16 * MEBIBYTE },
    server: { role: 'server' },
  })
  server.connect$.subscribe(() => server.connack({ reasonCode: 0x87 }))
  const { packets, ends } = watch(client)
  client.connect({ protocolVersion: 5, clientId: 'c' })
  for (let i = 0; i < 64; i += 1) client.publish({ topic: 't', payload: pattern(65_536) })
  await until(() => ends.length > 0, 'the end')
  expect(packets).toMatchObject([{ cmd: 'connack', reasonCode: 0x87 }])
})
