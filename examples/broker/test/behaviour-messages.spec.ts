import type { PublishProperties, QoS } from '@rxmqtt/core'
import { pass, type Scene, useTime, versions } from './scene.js'
import { lasting, withScene } from './with-scene.js'

useTime()

const properties: PublishProperties = {
  payloadFormatIndicator: true,
  messageExpiryInterval: 100,
  contentType: 'text/plain',
  responseTopic: 'answers/1',
  correlationData: Uint8Array.of(0, 1, 255),
  userProperties: { z: '1', a: ['2', '3'], __proto__: '4', '': '5' },
}

/** z=1, a=2, z=3, a=2 as user properties, and a client that is bytes, since objects don't show their order. */
const ordered = '2600017a000131' + '26000161000132' + '2600017a000133' + '26000161000132'

function bytes(scene: Scene, clientId: string): { send(hex: string): Promise<void>; readonly received: string } {
  const transport = scene.transport()
  const peer = {
    received: '',
    async send(hex: string): Promise<void> {
      transport.sink.next(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
      await pass()
    },
  }
  transport.bytes$.subscribe({
    next: (chunk) => (peer.received += Buffer.from(chunk).toString('hex')),
    error: () => undefined,
  })
  // CONNECT of MQTT 5 with a session of 100 s.
  transport.sink.next(Buffer.from(`101300044d5154540500000005110000006400 01${clientId}`.replaceAll(' ', ''), 'hex'))
  return peer
}

const count = (hex: string): number => hex.split(ordered).length - 1

describe.each(versions)('retained messages, MQTT %s', (protocolVersion) => {
  it.each([
    ['#', ['a', 'a/b', 'a/b/c', '/', 'b/c']],
    ['+/+', ['a/b', '/', 'b/c']],
    ['+', ['a']],
    ['a/#', ['a', 'a/b', 'a/b/c']],
    ['+/b/#', ['a/b', 'a/b/c']],
    ['/+', ['/']],
    ['$x/+', ['$x/y']],
    ['none/#', []],
  ])('are found by %s', (filter, topics) =>
    withScene(async (scene) => {
      const alice = await scene.client({ clientId: 'alice', protocolVersion })
      for (const [i, topic] of ['a', 'a/b', 'a/b/c', '/', '$x/y', 'b/c'].entries()) {
        await alice.publish({ topic, payload: topic, qos: (i % 3) as QoS, retain: true })
      }
      const bob = await scene.client({ clientId: 'bob', protocolVersion })
      await bob.subscribe([{ topic: filter, qos: 2 }])
      expect(bob.of('publish').map(({ topic, retain }) => [topic, retain])).toEqual(
        topics.map((topic) => [topic, true]),
      )
    })(),
  )

  it(
    'come after a SUBSCRIBE of several filters, each with its QoS, and to no shared subscription',
    withScene(async (scene) => {
      const alice = await scene.client({ clientId: 'alice', protocolVersion })
      for (const topic of ['a', 'b']) await alice.publish({ topic, payload: 'x', qos: 2, retain: true })
      const bob = await scene.client({ clientId: 'bob', protocolVersion })
      await bob.subscribe([
        { topic: 'b', qos: 0 },
        { topic: 'a', qos: 1 },
        { topic: '$share/g/+', qos: 2 },
      ])
      expect(bob.told).toEqual(['b x 0r', 'a x 1r'])
      expect(bob.received.map(({ cmd }) => cmd).slice(0, 2)).toEqual(['connack', 'suback'])
    }),
  )
})

describe('what a message has besides', () => {
  it(
    'comes as it went: live, retained, from the queue and from a will, user properties in their order',
    withScene(async (scene) => {
      const bob = bytes(scene, '62')
      await bob.send('82 07 0001 00 0001 61 01')
      const alice = bytes(scene, '61')
      // PUBLISH of QoS 1, retained, to the topic a: x.
      const publish = `33 23 0001 61 0001 1c ${ordered} 78`
      await alice.send(publish)
      expect(count(bob.received)).toBe(1)
      const carol = bytes(scene, '63')
      await carol.send('82 07 0001 00 0001 61 01')
      expect(count(carol.received)).toBe(1)
      await bob.send('40 02 0001')
      await bob.send('e0 00')
      await pass(1_000)
      await alice.send(publish)
      const back = bytes(scene, '62')
      await pass()
      expect(count(back.received)).toBe(1)
      // CONNECT with a will of QoS 0: x to the topic a.
      const will = scene.transport()
      will.sink.next(
        Buffer.from(`103100044d5154540506000000 00015a 1c ${ordered} 0001 61 0001 78`.replaceAll(' ', ''), 'hex'),
      )
      await pass()
      will.sink.error(undefined)
      await pass(1_000)
      expect(count(back.received)).toBe(2)
    }),
  )

  it(
    'all its properties',
    withScene(async (scene) => {
      const bob = await scene.client({ clientId: 'bob', ...lasting() })
      await bob.subscribe([{ topic: '#', qos: 1 }])
      const will = {
        topic: 'will',
        payload: 'x',
        qos: 1,
        retain: true,
        properties: { ...properties, willDelayInterval: 1 },
      } as const
      const alice = await scene.client({ clientId: 'alice', will, ...lasting() })
      await alice.publish({ topic: 'live', payload: 'x', qos: 1, retain: true, properties })
      await bob.vanish()
      await alice.publish({ topic: 'queued', payload: 'x', qos: 1, retain: true, properties })
      await alice.vanish()
      await pass(980)
      const back = await scene.client({ clientId: 'bob', ...lasting() })
      await pass(1_000)
      const carol = await scene.client({ clientId: 'carol' })
      await carol.subscribe([{ topic: '#', qos: 1 }])
      const all = [bob, back, carol].flatMap((client) => client.of('publish'))
      expect(all.map(({ topic }) => topic)).toEqual(['live', 'queued', 'will', 'live', 'queued', 'will'])
      for (const { properties: got } of all) {
        expect({ ...got, messageExpiryInterval: 100 }).toEqual(properties)
        expect(got?.messageExpiryInterval).toBeGreaterThan(96)
      }
    }),
  )

  it(
    'is left out for a client of MQTT 3.1.1',
    withScene(async (scene) => {
      const four = await scene.client({ clientId: 'four', protocolVersion: 4 })
      await four.subscribe([{ topic: '#', qos: 1 }])
      await four.publish({ topic: 'a', payload: 'x', qos: 1 })
      scene.broker.publish({ topic: 'b', payload: 'x', qos: 1, properties })
      await pass()
      expect(four.of('publish').map(({ properties: got }) => got)).toEqual([undefined, undefined])
      expect(four.told).toEqual(['a x 1', 'b x 1'])
    }),
  )

  it(
    'request and response: what the broker tells, and what the requester gets back',
    withScene(
      async (scene) => {
        const asks = { requestResponseInformation: true }
        const alice = await scene.client({ clientId: 'alice', properties: asks })
        const server = await scene.client({ clientId: 'server' })
        const beginning = alice.connack.properties?.responseInformation
        expect([beginning, server.connack.properties?.responseInformation]).toEqual(['answers/alice/', undefined])
        await alice.subscribe([{ topic: `${beginning}#`, qos: 1 }])
        await server.subscribe([{ topic: 'ask', qos: 1 }])
        const correlationData = Uint8Array.of(1, 2, 3)
        await alice.publish({
          topic: 'ask',
          payload: '?',
          qos: 1,
          properties: { responseTopic: `${beginning}1`, correlationData },
        })
        const { responseTopic, ...others } = server.of('publish')[0]!.properties ?? {}
        await server.publish({ topic: responseTopic!, payload: '!', qos: 1, properties: others })
        expect(alice.heard).toEqual(['answers/alice/1 !'])
        expect(alice.of('publish')[0]!.properties).toEqual({ correlationData })
      },
      { responseInformation: ({ clientId }) => `answers/${clientId}/` },
    ),
  )

  it(
    'names like __proto__ are names like others',
    withScene(async (scene) => {
      const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']
      for (const name of names) {
        const client = await scene.client({ clientId: name, ...lasting() })
        await client.subscribe([{ topic: name, qos: 1 }])
        await client.publish({
          topic: name,
          payload: name,
          qos: 1,
          retain: true,
          properties: { userProperties: { [name]: name } },
        })
        expect(client.heard).toEqual([`${name} ${name}`])
        expect(Object.entries(client.of('publish')[0]!.properties!.userProperties!)).toEqual([[name, name]])
        await client.vanish()
        expect((await scene.client({ clientId: name, ...lasting() })).connack.sessionPresent).toBe(true)
      }
      expect(scene.broker.figures).toMatchObject({ sessions: 4, subscriptions: 4, retained: 4 })
      expect(Object.keys(Object.prototype)).toEqual([])
    }),
  )
})
