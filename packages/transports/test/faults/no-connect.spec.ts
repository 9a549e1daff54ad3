import { type AddressInfo, connect as dialSocket, type Socket } from 'node:net'
import { type ConnectionOptions, serve, type ServeEvent, type ServeOptions } from '@rxmqtt/core'
import { EMPTY, mergeMap, of, tap } from 'rxjs'
import { pause, until } from '../helpers.js'
import { HOST, type Link, tcp, tls, ws, wss } from '../links.js'
import { closeLater, encode, expectAllClosed, rawPeer } from './support.js'

expectAllClosed()

const connectTimeout = 400
/** Milliseconds by which a close may miss its time. */
const tolerance = 250

/** A server on a link, and what it tells. */
async function serving(
  link: Link,
  options: Partial<ServeOptions> = {},
  handler: () => typeof EMPTY = () => EMPTY,
): Promise<{ address: AddressInfo; events: ServeEvent[] }> {
  const events: ServeEvent[] = []
  let address: AddressInfo | undefined
  const server = link
    .listen({ handshakeTimeout: connectTimeout, listening: { next: (at) => (address = at as AddressInfo) } })
    .pipe(serve(handler, { authorize: () => of({}), connectTimeout, connection: quick, ...options }))
    .subscribe((event) => events.push(event))
  closeLater(async () => {
    server.unsubscribe()
    await pause(20)
  })
  await until(() => address !== undefined, 'a listener')
  return { address: address as unknown as AddressInfo, events }
}

const quick: ConnectionOptions = { drainTimeout: 50 }

/** Milliseconds from the dial to the close, for a peer that sends these bytes and then nothing. */
async function timeToClose(address: AddressInfo, bytes: Uint8Array): Promise<number> {
  const start = Date.now()
  const { socket, closed } = await rawPeer(address)
  if (bytes.length > 0) socket.write(bytes)
  await closed
  return Date.now() - start
}

/** Never early; late only where the machine is busy, which it is not three times. */
async function expectInTime(measure: () => Promise<number>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const time = await measure()
    expect(time).toBeGreaterThan(connectTimeout - tolerance)
    if (time < connectTimeout + tolerance || tries === 3) return expect(time).toBeLessThan(connectTimeout + tolerance)
  }
}

const connectPacket = encode(5, { cmd: 'connect', clientId: 'me', protocolVersion: 5 })
const upgrade = (...lines: string[]): Buffer =>
  Buffer.from(
    ['GET /mqtt HTTP/1.1', `Host: ${HOST}`, 'Connection: Upgrade', 'Upgrade: websocket', ...lines].join('\r\n'),
  )

describe('FAULTS 4: a peer that does not come to CONNECT', () => {
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['one byte of CONNECT', connectPacket.subarray(0, 1)],
    ['all of CONNECT but its last byte', connectPacket.subarray(0, -1)],
  ])('over TCP, %s: closed when connectTimeout is over, without a byte', async (_, bytes) => {
    const { address, events } = await serving(tcp)
    await expectInTime(() => timeToClose(address, bytes))
    const [event] = events
    expect([event?.type, event !== undefined && 'error' in event && event.error]).toEqual([
      'refused',
      expect.objectContaining({ code: 'timeout' }),
    ])
  })

  test.each([
    ['TLS: nothing', Buffer.alloc(0), tls],
    ['TLS: the first bytes of it', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]), tls],
    ['WebSocket over TLS: nothing', Buffer.alloc(0), wss],
    ['WebSocket: nothing', Buffer.alloc(0), ws],
    ['WebSocket: half of its upgrade', upgrade('Sec-WebSocket-Ver'), ws],
  ])('over %s, a handshake that stalls: closed when handshakeTimeout is over', async (_, bytes, link) => {
    const { address, events } = await serving(link)
    await expectInTime(() => timeToClose(address, bytes))
    expect(events).toEqual([])
  })

  test.each([tls, ws, wss])(
    'over $kind, no CONNECT after the handshake: closed when connectTimeout is over',
    async (link) => {
      const { address, events } = await serving(link)
      await expectInTime(async () => {
        let start = 0
        let closedAfter = 0
        const end = (): void => void (closedAfter = Date.now() - start)
        const bytes$ = link.dial(address).pipe(
          mergeMap((transport) => {
            start = Date.now()
            return transport.bytes$.pipe(tap({ error: end, complete: end }))
          }),
        )
        const dial = bytes$.subscribe({ error: () => undefined })
        closeLater(() => dial.unsubscribe())
        await until(() => closedAfter > 0, 'the close')
        return closedAfter
      })
      expect(events[0]?.type).toBe('refused')
    },
  )

  test('many at a time are all closed, nobody who says CONNECT waits for them, and nothing is kept', async () => {
    const { address, events } = await serving(tcp)
    const sockets: Socket[] = []
    const times: number[] = []
    const start = Date.now()
    for (let i = 0; i < 200; i += 1) {
      const socket = dialSocket({ host: HOST, port: address.port })
      socket.on('error', () => undefined).on('close', () => times.push(Date.now() - start))
      if (i % 2 === 1) socket.write(connectPacket.subarray(0, 5))
      socket.resume()
      sockets.push(socket)
    }
    closeLater(() => sockets.forEach((socket) => socket.destroy()))
    const good = await rawPeer(address)
    good.socket.write(connectPacket)
    await until(() => good.bytes().length > 0, 'CONNACK')
    expect(events.map(({ type }) => type)).toEqual(['opened'])
    await until(() => times.length === 200, 'all closed')
    for (const time of times) expect(time).toBeGreaterThan(connectTimeout - tolerance)
    expect(good.isClosed()).toBe(false)
    good.socket.destroy()
    await until(() => events.length === 202, 'all told')
  })

  test('authorize that never answers: CONNACK 0x88 when connectTimeout is over', async () => {
    const { address } = await serving(tcp, { authorize: () => new Promise(() => undefined) })
    await expectInTime(async () => {
      const start = Date.now()
      const peer = await rawPeer(address)
      peer.socket.write(connectPacket)
      await peer.closed
      expect(peer.bytes()).toEqual(encode(5, { cmd: 'connack', reasonCode: 0x88 }))
      return Date.now() - start
    })
  })
})
