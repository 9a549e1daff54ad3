import type { ConnectPacket, Packet, PublishPacket, SubscribePacket } from '@rxmqtt/core'
import { until } from '../helpers.js'
import { connect, tcp } from '../links.js'
import { expectAllClosed, joined, watch } from './support.js'

expectAllClosed()

const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype', 'valueOf', '__defineGetter__']
const shapes = [Object.prototype, Function.prototype, Array.prototype, Uint8Array.prototype, Map.prototype]
const shape = (): string =>
  JSON.stringify(shapes.map((each) => Reflect.ownKeys(each).map((key) => [String(key), Reflect.has({}, key)])))

describe('a name that JavaScript objects have', () => {
  let before: string
  beforeEach(() => (before = shape()))
  afterEach(() => {
    expect(shape()).toBe(before)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  describe.each(names)('%s', (name) => {
    test.each([3, 4, 5] as const)(
      'is a client id, username, topic and filter like any other in version %i',
      async (version) => {
        const { client, server } = joined(await connect(tcp), {
          client: { role: 'client' },
          server: { role: 'server' },
        })
        server.connect$.subscribe(() => server.connack())
        const { packets, ends } = watch(server)
        const accepted = watch(client)
        client.connect({
          protocolVersion: version,
          clientId: name,
          username: name,
          will: { topic: name, payload: name },
        })
        await until(() => accepted.packets.length === 1, 'CONNACK')
        client.publish({ topic: name, payload: name })
        client.subscribe({ messageId: 1, subscriptions: [{ topic: name, qos: 0 }] })
        client.unsubscribe({ messageId: 2, unsubscriptions: [name] })
        await until(() => packets.length === 4, 'the packets')
        const [hello, publish, subscribe, unsubscribe] = packets as [
          ConnectPacket,
          PublishPacket,
          SubscribePacket,
          Packet,
        ]
        expect([hello.clientId, hello.username, hello.will?.topic]).toEqual([name, name, name])
        expect([publish.topic, Buffer.from(publish.payload).toString()]).toEqual([name, name])
        expect(subscribe.subscriptions[0]?.topic).toBe(name)
        expect(unsubscribe).toMatchObject({ unsubscriptions: [name] })
        expect(ends).toEqual([])
      },
    )

    test('is a user property like any other, as name and as value, in every packet that has them', async () => {
      const { client, server } = joined(await connect(tcp), { client: { role: 'client' }, server: { role: 'server' } })
      const [fromClient, fromServer] = [watch(server), watch(client)]
      const userProperties = Object.fromEntries([
        [name, [name, 'polluted']],
        ['polluted', name],
      ]) as Record<string, string | string[]>
      const properties = { userProperties }
      server.connect$.subscribe(() => server.connack({ properties }))
      client.connect({ protocolVersion: 5, clientId: name, properties })
      await until(() => fromServer.packets.length === 1, 'CONNACK')
      client.publish({ topic: name, properties })
      client.subscribe({ messageId: 1, subscriptions: [{ topic: name, qos: 0 }], properties })
      server.suback({ messageId: 1, granted: [0], properties })
      await until(() => fromClient.packets.length === 3, 'the packets of the client')
      server.disconnect({ reasonCode: 0, properties })
      await until(() => fromServer.packets.length === 3, 'those of the server')
      for (const packet of [...fromClient.packets, ...fromServer.packets]) {
        const got = (packet as PublishPacket).properties?.userProperties as Record<string, unknown>
        expect(Object.getPrototypeOf(got)).toBeNull()
        expect(Object.keys(got).sort()).toEqual([name, 'polluted'].sort())
        expect([got[name], got['polluted']]).toEqual([[name, 'polluted'], name])
      }
    })

    test('is no field, property or packet type that a writer takes for one', async () => {
      const { client, server } = joined(await connect(tcp))
      const { packets } = watch(server)
      const code = (run: () => unknown): unknown => {
        try {
          return run()
        } catch (error) {
          return (error as { code?: unknown }).code
        }
      }
      expect(code(() => client.write({ cmd: name } as never))).toBe('invalid-packet')
      const own = Object.fromEntries([[name, 1]])
      expect(code(() => client.connect({ protocolVersion: 5, clientId: 'c', properties: own }))).toBe('invalid-packet')
      client.pingreq()
      await until(() => packets.length === 1, 'the next packet')
      expect(packets.map(({ cmd }) => cmd)).toEqual(['pingreq'])
    })
  })
})
