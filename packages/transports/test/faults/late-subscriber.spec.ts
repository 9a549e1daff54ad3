import { Connection, type Packet, type PacketInput } from '@rxmqtt/core'
import { take } from 'rxjs'
import { pause, until } from '../helpers.js'
import { connect, makeWebStreamsPair, messagePort, paired, tcp, tls, turned, websocket, ws } from '../links.js'
import { memoryPair } from '@rxmqtt/transports/memory'
import { encode, expectAllClosed, plain, closeLater } from './support.js'

expectAllClosed()

const payloads = Array.from({ length: 20 }, (_, i) => `message ${i}`)
/** All that an eager client has to say, in one chunk. */
const burst = (): Buffer =>
  encode(
    5,
    { cmd: 'connect', protocolVersion: 5, clientId: 'eager' },
    { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a', qos: 0 }] },
    ...payloads.map((payload): PacketInput => ({ cmd: 'publish', topic: 'a', payload })),
  )

const links = [
  { kind: 'memory', open: () => Promise.resolve(paired(...memoryPair())) },
  { kind: 'web-streams', open: makeWebStreamsPair },
  ...[tcp, tls, ws].map((link) => ({ kind: link.kind, open: () => connect(link) })),
  ...[websocket, messagePort].map((link) => ({ kind: link.kind, open: () => connect(link).then(turned) })),
]

describe.each(links)('who subscribes late, over $kind', ({ open }) => {
  test.each([0, 1, 20, 100])('%i ms after another loses nothing of one chunk', async (late) => {
    const pair = await open()
    closeLater(() => pair.close())
    pair.client.sink.next(burst())
    await pause(late)
    const connection = new Connection(pair.server, { role: 'server' })
    const seen: Packet[] = []
    await pause(late)
    connection.connect$.pipe(take(1)).subscribe((packet) => seen.push(packet))
    await until(() => seen.length === 1, 'CONNECT')
    connection.connack()
    await pause(late)
    connection.subscribe$.pipe(take(1)).subscribe((packet) => seen.push(packet))
    await until(() => seen.length === 2, 'SUBSCRIBE')
    await pause(late)
    connection.publish$.pipe(take(5)).subscribe((packet) => seen.push(packet))
    await until(() => seen.length === 7, 'five messages')
    await pause(late)
    connection.publish$.subscribe((packet) => seen.push(packet))
    await until(() => seen.length === 2 + payloads.length, 'the others')
    await pause(5)
    expect(seen.map((packet) => packet.cmd)).toEqual(['connect', 'subscribe', ...payloads.map(() => 'publish')])
    expect(seen.slice(2).map((packet) => plain(packet)['payload'])).toEqual(payloads)
  })

  test('a second subscriber sees what follows, and the first misses nothing', async () => {
    const pair = await open()
    closeLater(() => pair.close())
    const connection = new Connection(pair.server)
    const [first, second]: [unknown[], unknown[]] = [[], []]
    const join = (): unknown => connection.publish$.subscribe((packet) => second.push(plain(packet)['payload']))
    connection.publish$.subscribe((packet) => {
      first.push(plain(packet)['payload'])
      if (first.length === 8) join()
    })
    pair.client.sink.next(burst())
    await until(() => first.length === payloads.length, 'all messages')
    expect(first).toEqual(payloads)
    expect(second).toEqual(payloads.slice(8))
  })
})
