import { Connection, type ConnectionOptions, Decoder, Protocol } from '@rxmqtt/core'
import { pattern, until } from '../helpers.js'
import { tcp } from '../links.js'
import { encode, type End, expectAllClosed, listening, memoryInUse, rawPeer, watch, type Watched } from './support.js'

expectAllClosed()

const MEBIBYTE = 1_048_576
/** A fixed header whose remaining length is the longest there is. */
const header = (first: number): Buffer => Buffer.from([first, 0xff, 0xff, 0xff, 0x7f])
const connectBytes = (version: 3 | 4 | 5): Buffer =>
  encode(version, { cmd: 'connect', protocolVersion: version, clientId: 'c' })
const tooLarge: End = { code: 'packet-too-large', reasonCode: 0x95 }

/** A server that accepts every CONNECT, after a while or at once. */
async function server(
  answer: boolean,
  options: ConnectionOptions = {},
): Promise<{
  readonly peers: Watched[]
  readonly connections: Connection[]
  readonly address: Awaited<ReturnType<typeof listening>>['address']
}> {
  const peers: Watched[] = []
  const connections: Connection[] = []
  const { address } = await listening(tcp, (transport) => {
    const connection = new Connection(transport, { role: 'server', ...options })
    connections.push(connection)
    if (answer) connection.connect$.subscribe(() => connection.connack())
    peers.push(watch(connection))
  })
  return { peers, connections, address }
}

describe('a header that announces 256 MiB, to a server', () => {
  test.each([
    ['CONNECT', 0x10, tooLarge],
    ['PUBLISH', 0x30, { code: 'protocol-error', reasonCode: 0x82 }],
  ] as const)('before CONNECT, as a %s: closed at once, and nothing is sent', async (_, first, end) => {
    // Every time-out is far beyond the test's own, so none of them is what closes.
    const { peers, address } = await server(true, { drainTimeout: 120_000, pauseTimeout: 120_000 })
    const peer = await rawPeer(address)
    peer.socket.write(header(first))
    await peer.closed
    expect(peer.bytes().length).toBe(0)
    await until(() => peers[0]!.ends.length > 0, 'the end')
    expect(peers.map(({ ends, packets }) => ({ ends, packets }))).toEqual([{ ends: [end], packets: [] }])
  })

  test('a CONNECT of one byte more than maximumConnectSize is refused at its header, one that fits is read', async () => {
    const { peers, address } = await server(true, { maximumConnectSize: 1_000 })
    const connect = (size: number): Buffer =>
      encode(4, { cmd: 'connect', protocolVersion: 4, clientId: 'c'.repeat(size - 15) })
    expect([connect(1_000).length, connect(1_001).length]).toEqual([1_000, 1_001])
    const [fits, not] = [await rawPeer(address), await rawPeer(address)]
    fits.socket.write(connect(1_000))
    not.socket.write(connect(1_001).subarray(0, 3))
    await not.closed
    await until(() => fits.bytes().length === 4, 'CONNACK')
    expect(not.bytes().length).toBe(0)
    expect(peers.map(({ ends, packets }) => [ends, packets.length])).toEqual([
      [[], 1],
      [[tooLarge], 0],
    ])
  })

  test.each([
    [5, [0xe0, 1, 0x95]],
    [4, []],
    [3, []],
  ] as const)('after CONNECT of version %i: told by DISCONNECT 0x95 in MQTT 5, then closed', async (version, last) => {
    const { peers, address } = await server(true)
    const peer = await rawPeer(address)
    peer.socket.write(connectBytes(version))
    await until(() => peer.bytes().length >= 4, 'CONNACK')
    const connack = peer.bytes().length
    peer.socket.write(header(0x30))
    peer.socket.write(pattern(MEBIBYTE))
    await peer.closed
    expect([...peer.bytes().subarray(connack)]).toEqual(last)
    await until(() => peers[0]!.ends.length > 0, 'the end')
    expect(peers.map(({ ends }) => ends)).toEqual([[tooLarge]])
  })

  test('between CONNECT and CONNACK the smaller limit still holds, and MQTT 5 is told by CONNACK 0x95', async () => {
    const { peers, address } = await server(false)
    const peer = await rawPeer(address)
    peer.socket.write(Buffer.concat([connectBytes(5), Buffer.from([0x30, 0x81, 0x80, 0x04])]))
    await peer.closed
    expect([...peer.bytes()]).toEqual([0x20, 3, 0, 0x95, 0])
    await until(() => peers[0]!.ends.length > 0, 'the end')
    expect(peers.map(({ ends }) => ends)).toEqual([[tooLarge]])
  })

  test('keeps less than 64 KiB of each such peer, whatever follows the header', async () => {
    const [bad, rounds] = [50, 2]
    const { peers, connections, address } = await server(true)
    const start: number[] = []
    for (let round = 0; round <= rounds; round += 1) {
      // The first round warms up.
      start.push(memoryInUse())
      for (let i = 0; i < bad; i += 1) {
        const peer = await rawPeer(address)
        if (i % 2 === 0) peer.socket.write(connectBytes(5))
        peer.socket.write(header(i % 2 === 0 ? 0x30 : 0x10))
        peer.socket.write(pattern(262_144))
        await peer.closed
      }
      await until(() => peers.every(({ ends }) => ends.length === 1), 'all ends')
    }
    // The connections themselves are still held here: it is they that must not hold on to bytes.
    expect(connections.length).toBe(bad * (rounds + 1))
    expect((memoryInUse() - start[1]!) / (bad * rounds)).toBeLessThan(65_536)
  })

  test('a decoder that refused a header holds nothing', () => {
    const decoder = new Decoder({ protocol: new Protocol(5) })
    decoder.push(Buffer.concat([header(0x30), pattern(262_144)]))
    expect(() => decoder.read()).toThrow('maximumPacketSize')
    decoder.push(pattern(MEBIBYTE))
    expect(decoder.buffered).toBe(0)
    expect(decoder.rejected).toBeUndefined()
  })
})
