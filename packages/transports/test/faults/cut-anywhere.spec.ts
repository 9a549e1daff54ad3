import { Connection, type PacketInput } from '@rxmqtt/core'
import { until } from '../helpers.js'
import { tcp } from '../links.js'
import {
  encode,
  type End,
  expectAllClosed,
  listening,
  type RawPeer,
  rawPeer,
  turn,
  watch,
  watchEnd,
  type Watched,
} from './support.js'

expectAllClosed()

const publish = (payload: string): PacketInput => ({ cmd: 'publish', topic: 'a/b', payload, qos: 1, messageId: 7 })
/** What a client sends, and what a server sends, 200 bytes each. */
const streams: Record<'client' | 'server', readonly PacketInput[]> = {
  client: [
    { cmd: 'connect', protocolVersion: 5, clientId: 'a client', properties: { receiveMaximum: 10 } },
    { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a/#', qos: 1 }] },
    { cmd: 'pingreq' },
    publish('hello'),
    { cmd: 'puback', messageId: 1 },
    publish('x'.repeat(131)),
  ],
  server: [
    { cmd: 'connack', reasonCode: 0, properties: { serverKeepAlive: 10 } },
    { cmd: 'suback', messageId: 1, granted: [1] },
    { cmd: 'pingresp' },
    publish('hello'),
    { cmd: 'puback', messageId: 7 },
    publish('x'.repeat(154)),
  ],
}

const bytesOf = (sender: 'client' | 'server'): Buffer => encode(5, ...streams[sender])
/** Where the packets of a stream end. */
const borders = (sender: 'client' | 'server'): number[] =>
  streams[sender].map((_, i) => encode(5, ...streams[sender].slice(0, i + 1)).length)

const connectPacket = encode(5, { cmd: 'connect', protocolVersion: 5, clientId: 'c' })

/** A connection on a server's socket, and the bare peer at its other end. */
async function link(sender: 'client' | 'server'): Promise<() => Promise<{ watched: Watched; peer: RawPeer }>> {
  const waiting: ((watched: Watched) => void)[] = []
  const { address } = await listening(tcp, (transport) => {
    const connection = new Connection(transport, { role: sender === 'client' ? 'server' : 'client' })
    if (sender === 'client') connection.connect$.subscribe(() => connection.connack())
    else connection.connect({ protocolVersion: 5, clientId: 'c' })
    waiting.shift()!(watch(connection))
  })
  return async () => {
    const accepted = new Promise<Watched>((resolve) => {
      waiting.push(resolve)
    })
    const peer = await rawPeer(address, { allowHalfOpen: true })
    const watched = await accepted
    if (sender === 'server') await until(() => peer.bytes().length === connectPacket.length, 'CONNECT')
    return { watched, peer }
  }
}

describe.each(['client', 'server'] as const)('a stream of 200 bytes from a %s, cut at every offset', (sender) => {
  const bytes = bytesOf(sender)
  const ends = borders(sender)
  const packetsBy = (offset: number): number => ends.filter((end) => end <= offset).length

  test('is 200 bytes long', () => {
    expect(bytes.length).toBe(200)
  })

  test('by FIN: clean between two packets, an error inside one, told once', async () => {
    const open = await link(sender)
    const seen: { offset: number; packets: number; end: End | undefined; told: number[] }[] = []
    const expected: typeof seen = []
    for (let offset = 0; offset <= bytes.length; offset += 1) {
      const { watched, peer } = await open()
      peer.socket.end(bytes.subarray(0, offset))
      await peer.closed
      await until(() => watched.ends.length > 0, `the end at ${offset}`)
      await turn()
      const told = [watched.ends.length, watched.completions.length]
      seen.push({ offset, packets: watched.packets.length, end: watched.ends[0], told })
      const whole = offset === 0 || ends.includes(offset)
      const end: End = whole ? 'complete' : { code: 'malformed-packet', reasonCode: 0x81 }
      expected.push({ offset, packets: packetsBy(offset), end, told: [1, 1] })
    }
    expect(seen).toEqual(expected)
  }, 60_000)

  test('by RST, when all before it was read: an error of the transport, told once', async () => {
    const open = await link(sender)
    const seen: unknown[] = []
    const expected: unknown[] = []
    for (let offset = 0; offset <= bytes.length; offset += 1) {
      const { watched, peer } = await open()
      const packets = packetsBy(offset)
      peer.socket.write(bytes.subarray(0, offset))
      await until(() => watched.packets.length === packets, `the packets at ${offset}`)
      await turn()
      await turn()
      peer.socket.resetAndDestroy()
      await until(() => watched.ends.length > 0, `the end at ${offset}`)
      await turn()
      const told = [watched.ends.length, watched.completions.length]
      seen.push({ offset, packets: watched.packets.length, end: watched.ends[0], told })
      expected.push({ offset, packets, end: { code: 'transport', reasonCode: undefined }, told: [1, 1] })
    }
    expect(seen).toEqual(expected)
  }, 60_000)

  test('by RST in the turn of the last byte: told once, and no part of a packet passes for a whole one', async () => {
    const open = await link(sender)
    const seen: unknown[] = []
    const expected: unknown[] = []
    for (let offset = 0; offset <= bytes.length; offset += 1) {
      const { watched, peer } = await open()
      peer.socket.write(bytes.subarray(0, offset), () => peer.socket.resetAndDestroy())
      await until(() => watched.ends.length > 0, `the end at ${offset}`)
      await turn()
      const { ends: told, completions, packets } = watched
      const prefix = packets.every(({ cmd }, i) => cmd === streams[sender][i]!.cmd)
      // Behind unread bytes a reset may look like an end, but never like a whole packet.
      const isRight = told[0] !== 'complete' || offset === 0 || ends.includes(offset)
      seen.push({ offset, told: [told.length, completions], isRight, prefix })
      expected.push({ offset, told: [1, ['complete']], isRight: true, prefix: true })
    }
    expect(seen).toEqual(expected)
  }, 60_000)

  test('with nobody subscribed: told once, and nothing uncaught', async () => {
    const told: End[][] = []
    const { address } = await listening(tcp, (transport) => {
      const connection = new Connection(transport, { pauseTimeout: 50 })
      told.push(watchEnd(connection))
    })
    for (const how of ['fin', 'rst'] as const) {
      for (let offset = 0; offset <= bytes.length; offset += 20) {
        const count = told.length
        const peer = await rawPeer(address)
        await until(() => told.length > count, 'the peer')
        const part = bytes.subarray(0, offset)
        if (how === 'fin') peer.socket.end(part)
        else peer.socket.write(part, () => peer.socket.resetAndDestroy())
      }
    }
    await until(() => told.every((ends) => ends.length > 0), 'all ends')
    await turn()
    expect(told.map((ends) => ends.length)).toEqual(Array.from(told, () => 1))
  })
})
