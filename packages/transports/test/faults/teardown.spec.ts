import { type EventEmitter, once } from 'node:events'
import { connect as dialTcp } from 'node:net'
import { connect as dialTls } from 'node:tls'
import { Connection, MqttError, type Packet, type Transport } from '@rxmqtt/core'
import type { Subscription } from 'rxjs'
import { WebSocket } from 'ws'
import { fixture, until } from '../helpers.js'
import { HOST, type Link, tcp, tcpSocket, tls, ws, wss } from '../links.js'
import { type End, expectAllClosed, listening, turn, watch } from './support.js'

expectAllClosed()

/** One dialled connection, its accepted peer, and the subscription that owns the dial. */
interface Dialled {
  readonly connection: Connection
  readonly peer: Connection
  readonly dial: Subscription
  readonly dialEnds: string[]
}

async function dialled(link: Link): Promise<Dialled> {
  const peers: Connection[] = []
  const { address } = await listening(link, (transport) => {
    const peer = new Connection(transport)
    // A peer that reads to the end and then ends too, as a server does.
    peer.packets$.subscribe()
    peers.push(peer)
  })
  let transport: Transport | undefined
  const dialEnds: string[] = []
  const dial = link.dial(address, { drainTimeout: 500 }).subscribe({
    next: (open) => (transport = open),
    error: (error: unknown) => dialEnds.push((error as MqttError).code),
    complete: () => dialEnds.push('complete'),
  })
  await until(() => transport !== undefined && peers.length > 0, 'a link')
  return { connection: new Connection(transport!), peer: peers[0]!, dial, dialEnds }
}

type Action = (dialled: Dialled) => void
/** How it ends where the `destroy(error)` that follows comes before a goodbye, or the socket's close, is over. */
const cutShort: End = { code: 'transport', reasonCode: undefined }
const actions: Record<string, { act: Action; end: End }> = {
  'end()': { act: ({ connection }) => connection.end(), end: cutShort },
  'destroy()': { act: ({ connection }) => connection.destroy(), end: 'complete' },
  'destroy(error)': {
    act: ({ connection }) => connection.destroy(new MqttError('refused', 'enough')),
    end: { code: 'refused', reasonCode: undefined },
  },
  "the dial's unsubscribe": { act: ({ dial }) => dial.unsubscribe(), end: cutShort },
}

/** Calls `act` at one moment in the life of a connection. */
type Moment = (dialled: Dialled, act: () => void) => void
const send = ({ peer }: Dialled): void => {
  for (let i = 0; i < 10; i += 1) peer.publish({ topic: 't', payload: String(i) })
}
const moments: Record<string, Moment> = {
  'before anything': (_, act) => act(),
  'inside next of a packet': (all, act) => {
    let count = 0
    all.connection.publish$.subscribe(() => {
      count += 1
      if (count === 3) act()
    })
    send(all)
  },
  'inside next, with its own subscription gone': (all, act) => {
    const subscription = all.connection.publish$.subscribe(() => {
      subscription.unsubscribe()
      act()
    })
    send(all)
  },
  'inside a tap': (all, act) => {
    let count = 0
    all.connection.received$.subscribe(() => {
      count += 1
      if (count === 3) act()
    })
    send(all)
  },
  'while paused, with bytes waiting': (all, act) => {
    all.connection.pause()
    send(all)
    setTimeout(act, 10)
  },
  'in the turn of a write': (all, act) => {
    all.connection.publish({ topic: 't', payload: 'x'.repeat(100_000) })
    act()
  },
}

const loud = ['data', 'end', 'error', 'close', 'drain', 'message']

function listeners(emitter: EventEmitter): Record<string, number> {
  return Object.fromEntries(loud.map((event) => [event, emitter.listenerCount(event)]))
}

/** The listeners that are left on a socket of the same kind with which nobody of us had to do. */
async function bareListeners(link: Link): Promise<Record<string, number>> {
  const { address } = await listening(link, () => undefined)
  const at = { host: HOST, port: address.port, ca: fixture('ca.pem') }
  const url = `${link.kind}://localhost:${address.port}/mqtt`
  const socket =
    link.kind === 'tcp' ? dialTcp(at) : link.kind === 'tls' ? dialTls(at) : new WebSocket(url, ['mqtt'], { ca: at.ca })
  const emitter = socket as EventEmitter
  await once(emitter, link.kind === 'tcp' ? 'connect' : link.kind === 'tls' ? 'secureConnect' : 'open')
  if (socket instanceof WebSocket) socket.terminate()
  else socket.destroy()
  await once(emitter, 'close')
  return listeners(emitter)
}

describe.each([tcp, tls, ws, wss])('a connection over $kind', (link) => {
  let bare: Record<string, number> | undefined

  beforeEach(async () => {
    bare ??= await bareListeners(link)
  })

  describe.each(Object.keys(moments))('%s', (moment) => {
    test.each(Object.keys(actions))('%s ends it for good', async (action) => {
      const all = await dialled(link)
      const { connection, dialEnds } = all
      const { act, end } = actions[action]!
      const { ends, completions } = watch(connection)
      const after: Packet[] = []
      let over = false
      connection.packets$.subscribe((packet) => {
        if (over) after.push(packet)
      })
      const socket = tcpSocket(connection.transport)
      moments[moment]!(all, () => {
        act(all)
        // Whoever still gets this very packet may; the next one must not come.
        queueMicrotask(() => (over = true))
        act(all)
        all.connection.end()
        all.connection.destroy(new Error('not the first'))
      })
      await until(() => socket.destroyed && ends.length > 0 && completions.length > 0, 'the end')
      await turn()
      await turn()
      expect(ends).toEqual([end])
      expect([ends.length, completions, after]).toEqual([1, ['complete'], []])
      expect(dialEnds.length).toBe(action.startsWith('the dial') ? 0 : 1)
      expect(listeners(connection.transport.info.socket as EventEmitter)).toEqual(bare)
      // Writers and readers after the end: nothing happens, and the streams say so at once.
      expect([connection.publish({ topic: 't' }), connection.writable]).toEqual([false, false])
      const late = watch(connection)
      expect(late.completions).toEqual(['complete'])
      connection.end()
      connection.destroy()
      connection.pause()
      connection.resume()
    })
  })
})
