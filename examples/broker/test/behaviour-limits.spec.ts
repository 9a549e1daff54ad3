import type { PacketOf, QoS } from '@rxmqtt/core'
import { pass, type TestClient, useTime, versions } from './scene.js'
import { lasting, withScene } from './with-scene.js'

useTime()

const seen = (client: TestClient): unknown[] =>
  client.of('publish').map(({ topic, properties }) => [topic, properties?.topicAlias])

describe('topic aliases towards a client', () => {
  it.each([0, 1, 2] as const)('are used from the first PUBLISH on, QoS %s', (qos) =>
    withScene(async (scene) => {
      const bob = await scene.client({ clientId: 'bob', properties: { topicAliasMaximum: 2 } })
      await bob.subscribe([{ topic: '#', qos }])
      for (const topic of ['a', 'a', 'b', 'a', 'b', 'c', 'c', 'b']) {
        scene.broker.publish({ topic, payload: 'x', qos })
        await pass()
      }
      expect(seen(bob)).toEqual([
        ['a', 1],
        ['', 1],
        ['b', 2],
        ['', 1],
        ['', 2],
        // The one that was used longest ago.
        ['c', 1],
        ['', 1],
        ['', 2],
      ])
    })(),
  )

  it.each([
    [undefined, undefined],
    [0, undefined],
    [1, 1],
  ])('a client whose maximum is %s', (topicAliasMaximum, alias) =>
    withScene(async (scene) => {
      const properties = topicAliasMaximum === undefined ? {} : { topicAliasMaximum }
      const bob = await scene.client({ clientId: 'bob', properties })
      await bob.subscribe([{ topic: '#', qos: 0 }])
      for (const topic of ['a', 'a', 'b']) scene.broker.publish({ topic, payload: 'x' })
      await pass()
      expect(seen(bob)).toEqual([
        ['a', alias],
        [alias === undefined ? 'a' : '', alias],
        ['b', alias],
      ])
    })(),
  )

  it(
    'end with their connection: what is sent again has its topic',
    withScene(async (scene) => {
      const fields = { clientId: 'bob', clean: false, properties: { sessionExpiryInterval: 9, topicAliasMaximum: 1 } }
      const bob = await scene.client(fields, { acks: false })
      await bob.subscribe([{ topic: '#', qos: 2 }])
      for (const qos of [1, 2] as const) scene.broker.publish({ topic: 'a', payload: 'x', qos })
      await pass()
      await bob.vanish()
      const back = await scene.client(fields)
      for (const client of [bob, back]) {
        expect(seen(client)).toEqual([
          ['a', 1],
          ['', 1],
        ])
      }
      expect(back.of('publish').map(({ dup }) => dup)).toEqual([true, true])
    }),
  )
})

describe('topic aliases of a client', () => {
  it(
    'stand for the topic that they were given last, up to the maximum',
    withScene(
      async (scene) => {
        const alice = await scene.client({ clientId: 'alice', ...lasting() })
        expect(alice.connack.properties?.topicAliasMaximum).toBe(3)
        const bob = await scene.client({ clientId: 'bob' })
        await bob.subscribe([{ topic: '#', qos: 2 }])
        const send = (topic: string, topicAlias: number, qos: QoS = 0): Promise<void> =>
          alice.publish({ topic, payload: 'x', qos, properties: { topicAlias } })
        await send('a', 3)
        await send('', 3, 1)
        await send('b', 3, 2)
        await send('', 3, 2)
        expect(bob.told).toEqual(['a x 0', 'a x 1', 'b x 2', 'b x 2'])
        expect(bob.of('publish').map(({ properties }) => properties?.topicAlias)).toEqual(Array.from({ length: 4 }))
        alice.connection.publish({ topic: 'c', payload: 'x', properties: { topicAlias: 4 } })
        await pass()
        expect(alice.of('disconnect')).toMatchObject([{ reasonCode: 0x94 }])
        const back = await scene.client({ clientId: 'alice', ...lasting() })
        expect(back.connack.sessionPresent).toBe(true)
        back.connection.publish({ topic: '', payload: 'x', properties: { topicAlias: 3 } })
        await pass()
        expect(back.of('disconnect')).toMatchObject([{ reasonCode: 0x82 }])
        expect(bob.heard).toHaveLength(4)
      },
      { topicAliasMaximum: 3 },
    ),
  )
})

describe('Receive Maximum', () => {
  it.each([1, 2] as const)('a client that sends more, QoS %s, is told 0x93', (qos) =>
    withScene(
      async (scene) => {
        const alice = await scene.client({ clientId: 'alice' }, { acks: false })
        expect(alice.connack.properties?.receiveMaximum).toBe(4)
        for (let messageId = 1; messageId <= 4; messageId++) {
          alice.connection.publish({ topic: 'a', payload: 'x', qos: 2, messageId })
        }
        await pass()
        expect(alice.end).toBeUndefined()
        alice.connection.publish({ topic: 'a', payload: 'x', qos, messageId: 5 })
        await pass()
        expect(alice.of('disconnect')).toMatchObject([{ reasonCode: 0x93 }])
        await pass(1_000)
        expect(alice.end).toBeDefined()
      },
      { receiveMaximum: 4 },
    )(),
  )

  it(
    "the broker stays below a client's own, over acknowledgements and connections",
    withScene(async (scene) => {
      const fields = { clientId: 'bob', clean: false, properties: { sessionExpiryInterval: 9, receiveMaximum: 3 } }
      const sent: string[] = []
      let bob = await scene.client(fields, { acks: false })
      await bob.subscribe([{ topic: 'a', qos: 2 }])
      for (let i = 0; i < 40; i++) {
        scene.broker.publish({ topic: 'a', payload: String(i), qos: (1 + (i % 2)) as QoS })
        sent.push(`a ${i}`)
      }
      const heard: string[] = []
      const open = new Map<number, QoS>()
      let done = 0
      const look = (): void => {
        for (const packet of bob.received.slice(done)) {
          if (packet.cmd === 'pubrel') bob.connection.pubcomp({ messageId: packet.messageId })
          if (packet.cmd === 'pubrel') open.delete(packet.messageId)
          if (packet.cmd !== 'publish') continue
          open.set(packet.messageId!, packet.qos)
          if (!packet.dup) heard.push(`a ${new TextDecoder().decode(packet.payload)}`)
        }
        done = bob.received.length
        expect(open.size).toBeLessThanOrEqual(3)
      }
      for (let i = 0; i < 200 && (heard.length < 40 || open.size > 0); i++) {
        await pass(1)
        look()
        const [first] = open
        if (first?.[1] === 1) bob.connection.puback({ messageId: first[0] })
        if (first?.[1] === 1) open.delete(first[0])
        if (first?.[1] === 2) bob.connection.pubrec({ messageId: first[0] })
        if (i % 25 !== 24) continue
        await pass(1)
        look()
        await bob.vanish()
        open.clear()
        bob = await scene.client(fields, { acks: false })
        done = 0
      }
      expect(heard).toEqual(sent)
    }),
  )
})

describe('Maximum Packet Size', () => {
  it(
    'a client that sends more is told 0x95',
    withScene(
      async (scene) => {
        const alice = await scene.client({ clientId: 'alice' })
        expect(alice.connack.properties?.maximumPacketSize).toBe(100)
        // Five bytes of header and topic, one of properties.
        await alice.publish({ topic: 'a', payload: 'x'.repeat(94) })
        expect(alice.end).toBeUndefined()
        alice.connection.transport.sink.next(Uint8Array.of(0x30, 99, 0, 1, 97, 0, ...Array<number>(95).fill(120)))
        await pass()
        expect(alice.of('disconnect')).toMatchObject([{ reasonCode: 0x95 }])
        const four = await scene.client({ clientId: 'four', protocolVersion: 4 })
        four.connection.publish({ topic: 'a', payload: 'x'.repeat(200) })
        await pass(1_000)
        expect(four.end).toBeDefined()
        expect(scene.broker.figures.received).toBe(1)
      },
      { maximumPacketSize: 100 },
    ),
  )

  it.each([0, 1, 2] as const)('a message too large for a client is for the others, QoS %s', (qos) =>
    withScene(async (scene) => {
      const dropped: string[] = []
      scene.broker.dropped$.subscribe(({ clientId, error }) => dropped.push(`${clientId} ${error.code}`))
      const small = await scene.client({ clientId: 'small', properties: { maximumPacketSize: 50 } })
      const large = await scene.client({ clientId: 'large' })
      for (const client of [small, large]) await client.subscribe([{ topic: '#', qos: 2 }])
      const alice = await scene.client({ clientId: 'alice' })
      await alice.publish({ topic: 'a', payload: 'x'.repeat(60), qos, retain: true })
      await alice.publish({ topic: 'b', payload: 'small', qos })
      expect(large.heard).toEqual([`a ${'x'.repeat(60)}`, 'b small'])
      expect(small.heard).toEqual(['b small'])
      expect(dropped).toEqual(['small packet-too-large'])
      await small.subscribe([{ topic: 'a', qos: 1 }])
      expect(small.heard).toEqual(['b small'])
      expect(small.end).toBeUndefined()
    })(),
  )
})

describe('keep-alive', () => {
  it.each([
    [120, 60],
    [0, 60],
    [60, undefined],
    [30, undefined],
  ])('a client that asks for %s s is told %s', (keepalive, told) =>
    withScene(
      async (scene) => {
        const alice = await scene.client({ clientId: 'alice', keepalive })
        expect(alice.connack.properties?.serverKeepAlive).toBe(told)
        const seconds = told ?? keepalive
        await pass(seconds * 1_500 - 1_000)
        expect(alice.end).toBeUndefined()
        await pass(3_000)
        expect(alice.of('disconnect')).toMatchObject([{ reasonCode: 0x8d }])
        await pass(1_000)
        expect(scene.broker.figures.connected).toBe(0)
      },
      { maximumKeepAlive: 60 },
    )(),
  )

  it.each(versions)('a client that says something in time stays, MQTT %s', (protocolVersion) =>
    withScene(async (scene) => {
      const alice = await scene.client({ clientId: 'alice', protocolVersion, keepalive: 10 })
      for (let i = 0; i < 10; i++) {
        await pass(14_000)
        if (i % 2 === 0) alice.connection.pingreq()
        else alice.connection.publish({ topic: 'a', payload: 'x' })
      }
      expect(alice.end).toBeUndefined()
      expect(alice.of('pingresp')).toHaveLength(5)
      await pass(17_000)
      expect(alice.end).toBeDefined()
    })(),
  )
})

describe('other limits', () => {
  it(
    'levels of topics, filters and wills',
    withScene(
      async (scene) => {
        const alice = await scene.client({ clientId: 'alice' })
        const filters = ['a/b/c', 'a/b/c/d', '#', '$share/g/a/b/c', '$share/g/a/b/c/d', 'a/b/c/#']
        const codes = await alice.subscribe(filters.map((topic) => ({ topic, qos: 0 })))
        expect(codes).toEqual([0, 0x8f, 0, 0, 0x8f, 0x8f])
        for (const topic of ['a/b/c', 'a/b/c/d', '/////']) await alice.publish({ topic, payload: 'x', qos: 1 })
        expect(alice.of('puback').map(({ reasonCode }) => reasonCode)).toEqual([0, 0x90, 0x90])
        const will = { topic: 'a/b/c/d', payload: 'will', qos: 0, retain: true } as const
        const bob = await scene.client({ clientId: 'bob', will })
        await bob.vanish()
        await pass(1_000)
        expect(alice.heard).not.toContain('a/b/c/d will')
        const four = await scene.client({ clientId: 'four', protocolVersion: 4 })
        expect(await four.subscribe(filters.map((topic) => ({ topic, qos: 0 })))).toEqual([0, 0x80, 0, 0, 0x80, 0x80])
        await four.publish({ topic: 'a/b/c/d', payload: 'x', qos: 1, retain: true })
        expect(four.of('puback')).toHaveLength(1)
        expect(scene.broker.figures.retained).toBe(0)
      },
      { maximumLevels: 3 },
    ),
  )

  it(
    'filters of a client',
    withScene(
      async (scene) => {
        for (const clientId of ['a', 'b']) {
          const client = await scene.client({ clientId })
          const ask = (...topics: string[]): Promise<readonly number[]> =>
            client.subscribe(topics.map((topic) => ({ topic, qos: 1 })))
          expect(await ask('a', 'b', 'a', 'c')).toEqual([1, 1, 1, 0x97])
          expect(await ask('b')).toEqual([1])
          await client.unsubscribe('a')
          expect(await ask('c', 'a')).toEqual([1, 0x97])
        }
      },
      { maximumFilters: 2 },
    ),
  )

  it(
    'retained messages: one more is refused, and nobody gets it',
    withScene(
      async (scene) => {
        const alice = await scene.client({ clientId: 'alice' })
        const bob = await scene.client({ clientId: 'bob' })
        await bob.subscribe([{ topic: '#', qos: 0 }])
        const codes = (): unknown => alice.of('puback').map(({ reasonCode }: PacketOf<'puback'>) => reasonCode)
        for (const topic of ['a', 'b', 'c', 'b']) await alice.publish({ topic, payload: 'x', qos: 1, retain: true })
        expect(codes()).toEqual([0, 0, 0x97, 0])
        expect(bob.heard).toEqual(['a x', 'b x', 'b x'])
        await alice.publish({ topic: 'a', payload: '', qos: 1, retain: true })
        await alice.publish({ topic: 'c', payload: 'x', qos: 1, retain: true })
        expect(codes()).toEqual([0, 0, 0x97, 0, 0, 0])
      },
      { maximumRetained: 2 },
    ),
  )

  it(
    'retained messages: or takes the place of the oldest',
    withScene(
      async (scene) => {
        const alice = await scene.client({ clientId: 'alice' })
        for (const topic of ['a', 'b', 'a', 'c']) await alice.publish({ topic, payload: 'x', qos: 1, retain: true })
        await alice.subscribe([{ topic: '#', qos: 0 }])
        expect(alice.heard).toEqual(['a x', 'c x'])
      },
      { maximumRetained: 2, retainedOverflow: 'drop-oldest' },
    ),
  )

  it(
    'peers: one more is cut off, and lets others in when it goes',
    withScene(
      async (scene) => {
        const [a] = [await scene.client({ clientId: 'a' }), await scene.client({ clientId: 'b' })]
        const c = await scene.client({ clientId: 'c' })
        expect([c.received, c.end]).toEqual([[], expect.anything()])
        expect(scene.events.at(-1)).toMatchObject({ type: 'refused', error: { code: 'overflow' } })
        await a.disconnect()
        await pass(1_000)
        expect((await scene.client({ clientId: 'c' })).connack.reasonCode).toBe(0)
      },
      { maximumPeers: 2 },
    ),
  )
})
