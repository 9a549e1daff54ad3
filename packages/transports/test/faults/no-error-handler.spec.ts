import { Connection, type Transport } from '@rxmqtt/core'
import { config } from 'rxjs'
import { pause, until } from '../helpers.js'
import { type Link, connect, messagePort, resetSocket, tcp, tls, websocket, ws } from '../links.js'
import { closeLater, encode, expectAllClosed } from './support.js'

expectAllClosed()

/** What RxJS would throw out of nowhere, where it would end the process. */
let unhandled: unknown[]
beforeEach(() => {
  unhandled = []
  config.onUnhandledError = (error: unknown) => unhandled.push(error)
})
afterEach(() => {
  config.onUnhandledError = null
})

const hello = encode(5, { cmd: 'connect', protocolVersion: 5, clientId: 'c' })
const failures: Record<string, (peer: Transport) => void> = {
  'a reset': (peer) => resetSocket(peer),
  'a reset behind half a packet': (peer) => {
    peer.sink.next(Uint8Array.of(0x30, 100, 0))
    setTimeout(() => resetSocket(peer), 10)
  },
  'the end in a packet': (peer) => {
    peer.sink.next(Uint8Array.of(0x30, 100, 0))
    peer.sink.complete()
  },
  'a malformed packet': (peer) => peer.sink.next(Uint8Array.of(0x00, 0x00)),
  'a packet out of place': (peer) => peer.sink.next(Buffer.concat([hello, hello])),
  'a packet that is too large': (peer) => peer.sink.next(Buffer.concat([hello, Buffer.of(0x30, 255, 255, 255, 127)])),
}
const listeners: Record<string, (connection: Connection) => void> = {
  'nobody subscribed': () => undefined,
  'packets subscribed': (connection) => connection.packets$.subscribe(),
  'every stream subscribed': (connection) => {
    connection.connect$.subscribe(() => connection.connack())
    connection.publish$.subscribe()
    connection.received$.subscribe()
    connection.sent$.subscribe()
    connection.writable$.subscribe()
  },
}

async function serve(link: Link): Promise<{ connection: Connection; peer: Transport }> {
  const pair = await connect(link)
  closeLater(() => pair.close())
  // On the dialled end, since only an accepted TLS socket can be reset. Where nobody reads, pauseTimeout ends it.
  const connection = new Connection(pair.client, { role: 'server', pauseTimeout: 50, drainTimeout: 100 })
  return { connection, peer: pair.server }
}

describe.each([tcp, tls, ws, websocket, messagePort])('without an error handler anywhere, over $kind', (link) => {
  describe.each(Object.keys(listeners))('%s', (who) => {
    test.each(Object.keys(failures))("%s is nobody's uncaught exception", async (failure) => {
      const { connection, peer } = await serve(link)
      listeners[who]!(connection)
      let isOver = false
      failures[failure]!(peer)
      // The one who waits for the end here comes late, and only to this test's own subscription is it told.
      await until(() => !connection.writable && connection.transport.buffered === 0, 'the end')
      connection.closed$.subscribe({ complete: () => (isOver = true), error: () => (isOver = true) })
      await until(() => isOver, 'the end told')
      await pause(5)
      expect(unhandled).toEqual([])
    })
  })
})
