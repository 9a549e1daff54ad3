import type { Socket } from 'node:net'
import { type Connection, mergeMapPausing, type PublishPacket } from '@rxmqtt/core'
import { map, type Observable, timer } from 'rxjs'
import { pattern, until } from '../helpers.js'
import { connect, messagePort, tcp, tls, turned, websocket, ws } from '../links.js'
import { expectAllClosed, joined } from './support.js'

expectAllClosed()

const PAYLOAD = 16_384

/** Publishes numbered messages for as long as the connection takes them. */
function flood(connection: Connection, total: number): { sent: () => number } {
  let sent = 0
  connection.writable$.subscribe((writable) => {
    while (writable && connection.writable && sent < total) {
      const payload = pattern(PAYLOAD, sent)
      payload.writeUInt32BE(sent)
      connection.publish({ topic: 't', payload })
      sent += 1
    }
  })
  return { sent: () => sent }
}

const links = [
  ...[tcp, tls, ws, websocket, messagePort].map((link) => ({ kind: link.kind, open: () => connect(link) })),
  { kind: 'message-port, in the page', open: () => connect(messagePort).then(turned) },
]

describe.each(links)('a handler that takes 1 ms a packet, over $kind', (link) => {
  test('stops the socket, not the memory, and loses nothing', async () => {
    const [total, capacity] = [1_500, 64]
    const pair = await link.open()
    const { client, server } = joined(pair)
    let received = 0
    let mostQueued = 0
    let pauses = 0
    const handled: number[] = []
    const { pause } = server
    server.pause = () => {
      pauses += 1
      pause.call(server)
    }
    server.received$.subscribe(() => {
      received += 1
      mostQueued = Math.max(mostQueued, received - handled.length)
    })
    const { sent } = flood(client, total)
    const work = (packet: PublishPacket): Observable<number> => timer(1).pipe(map(() => number(packet)))
    let mostUnread = 0
    let wasPaused = false
    server.publish$.pipe(mergeMapPausing(server, work, { capacity })).subscribe((n) => {
      handled.push(n)
      if (link.kind !== 'tcp') return
      const socket = server.transport.info.socket as Socket
      wasPaused ||= socket.isPaused()
      mostUnread = Math.max(mostUnread, socket.bytesRead - received * (PAYLOAD + 7))
    })
    await until(() => received >= capacity, 'a full queue')
    // The queue is full long before the client has said all: what is left waits with the client.
    expect(sent()).toBeLessThan(total)
    expect(client.writable).toBe(false)
    await until(() => handled.length === total, 'all messages', 15_000)
    expect(handled).toEqual(Array.from({ length: total }, (_, n) => n))
    expect(mostQueued).toBeLessThanOrEqual(capacity + 1)
    expect(pauses).toBeGreaterThan(total / capacity)
    if (link.kind === 'tcp') {
      expect(wasPaused).toBe(true)
      // What the decoder had got when it was paused, one read of the socket more, and the packet that it cut.
      expect(mostUnread).toBeLessThanOrEqual(2 * 65_536 + PAYLOAD)
    }
  })
})

function number({ payload }: PublishPacket): number {
  return Buffer.from(payload.buffer, payload.byteOffset, payload.length).readUInt32BE()
}
