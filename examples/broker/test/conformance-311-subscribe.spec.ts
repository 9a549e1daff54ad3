import { Connection, handshake, type Message, Session, type QoS } from '@rxmqtt/core'
import { ignoreElements, merge, mergeMap } from 'rxjs'
import { pass, Scene, type TestClient } from './scene.js'
import { brokerOnly, statements } from './statements.js'

const qualities: readonly QoS[] = [0, 1, 2]

const client = (scene: Scene, clientId: string, clean = true, acks = true): Promise<TestClient> =>
  scene.client({ clientId, protocolVersion: 4, clean }, { acks })

/** What a broker answers to bytes, packet by packet as hexadecimal digits. */
async function answers(scene: Scene, ...requests: string[]): Promise<string[]> {
  const transport = scene.transport()
  const answered: string[] = []
  transport.bytes$.subscribe((chunk) => answered.push(Buffer.from(chunk).toString('hex')))
  for (const request of requests) {
    transport.sink.next(Buffer.from(request.replaceAll(' ', ''), 'hex'))
    await pass()
  }
  return answered
}

describe('MQTT 3.1.1, broker only: SUBSCRIBE, UNSUBSCRIBE and what is around them', () => {
  const { show, complete } = statements('MQTT 3.1.1')

  show('3.8.3-2', 'filters with wildcards are supported', async (scene) => {
    const bob = await client(scene, 'bob')
    const filters = ['a/+', '+/b/#', '#', '+']
    expect(await bob.subscribe(filters.map((topic) => ({ topic, qos: 1 })))).toEqual([1, 1, 1, 1])
    await bob.unsubscribe('#')
    for (const topic of ['a/x', 'x/b/c/d', 'x', 'x/y']) await bob.publish({ topic, payload: 'y', qos: 1 })
    expect(bob.heard).toEqual(['a/x y', 'x/b/c/d y', 'x y'])
  })

  show(
    '3.8.3-2',
    'who does not support them rejects them',
    async (scene) => {
      const bob = await client(scene, 'bob')
      const filters = ['a/+', 'a/b', '#']
      expect(await bob.subscribe(filters.map((topic) => ({ topic, qos: 1 })))).toEqual([0x80, 1, 0x80])
      for (const topic of ['a/b', 'a/c']) await bob.publish({ topic, payload: 'y', qos: 1 })
      expect(bob.heard).toEqual(['a/b y'])
    },
    { authorization: { subscribe: ({ topic }) => !/[+#]/.test(topic) } },
  )

  show('3.8.4-3', 'the same filter again takes the place of the subscription, and nothing is lost', async (scene) => {
    const alice = await client(scene, 'alice')
    const bob = await client(scene, 'bob')
    await alice.publish({ topic: 'a/kept', payload: 'k', qos: 1, retain: true })
    await bob.subscribe([{ topic: 'a/+', qos: 2 }])
    const sent: string[] = []
    for (let i = 0; i < 20; i++) {
      sent.push(`a/b ${i}`)
      alice.connection.publish({ topic: 'a/b', payload: String(i), qos: 2, messageId: i + 1 })
      if (i === 11) bob.connection.subscribe({ messageId: 99, subscriptions: [{ topic: 'a/+', qos: 1 }] })
      if (i % 3 === 0) await pass(0)
    }
    await pass()
    expect(bob.heard.filter((heard) => heard !== 'a/kept k')).toEqual(sent)
    expect(bob.heard.filter((heard) => heard === 'a/kept k')).toHaveLength(2)
    expect(bob.told.at(-1)).toMatch(/ 1$/)
    expect(scene.broker.figures.subscriptions).toBe(1)
    await bob.unsubscribe('a/+')
    bob.forget()
    await alice.publish({ topic: 'a/b', payload: 'x', qos: 2 })
    expect(bob.heard).toEqual([])
  })

  show(
    '3.8.4-4',
    'several filters in one SUBSCRIBE are as one after the other',
    async (scene) => {
      const alice = await client(scene, 'alice')
      for (const topic of ['a', 'a/b', 'c']) await alice.publish({ topic, payload: 'x', qos: 1, retain: true })
      const filters = [
        { topic: 'a/#', qos: 1 },
        { topic: 'no', qos: 1 },
        { topic: 'c', qos: 0 },
        { topic: 'c', qos: 2 },
      ] as const
      const together = await client(scene, 'together')
      const apart = await client(scene, 'apart')
      const codes: number[] = []
      for (const filter of filters) codes.push(...(await apart.subscribe([filter])))
      expect(await together.subscribe(filters)).toEqual(codes)
      expect(codes).toEqual([1, 0x80, 0, 2])
      expect(together.of('suback')).toHaveLength(1)
      for (const each of [together, apart]) expect(new Set(each.heard)).toEqual(new Set(['a x', 'a/b x', 'c x']))
      for (const each of [together, apart]) each.forget()
      for (const topic of ['a/b', 'c', 'no']) await alice.publish({ topic, payload: 'live', qos: 2 })
      for (const each of [together, apart]) expect(each.told).toEqual(['a/b live 1', 'c live 2'])
    },
    { authorization: { subscribe: ({ topic }) => topic !== 'no' } },
  )

  show('3.8.4-6', 'a message has its own QoS or that of the subscription, whichever is lower', async (scene) => {
    const alice = await client(scene, 'alice')
    for (const qos of qualities) await alice.publish({ topic: `kept/${qos}`, payload: 'x', qos, retain: true })
    for (const granted of qualities) {
      const bob = await client(scene, 'bob')
      expect(await bob.subscribe([{ topic: '#', qos: granted }])).toEqual([granted])
      for (const qos of qualities) await alice.publish({ topic: 'live', payload: 'x', qos })
      const low = qualities.map((qos) => Math.min(qos, granted))
      expect(bob.of('publish').map(({ qos }) => qos)).toEqual([...low, ...low])
    }
  })

  show('3.10.4-1', 'UNSUBSCRIBE takes away what is the same, character by character', async (scene) => {
    const bob = await client(scene, 'bob')
    const filters = ['a/+', 'a/b', 'a/B', 'a/b/', 'ä', 'a\u0308']
    await bob.subscribe(filters.map((topic) => ({ topic, qos: 0 })))
    await bob.unsubscribe('#', '+/b', 'a/b/#', 'A/b', 'a', ' a/b')
    expect(scene.broker.figures.subscriptions).toBe(filters.length)
    await bob.unsubscribe('a/+', 'ä')
    for (const topic of ['a/c', 'a/b', 'a/B', 'a/b/', 'ä', 'a\u0308']) await bob.publish({ topic, payload: 'x' })
    expect(bob.heard).toEqual(['a/b x', 'a/B x', 'a/b/ x', 'a\u0308 x'])
  })

  show('3.10.4-2', 'after UNSUBSCRIBE no new message is on its way', async (scene) => {
    const alice = await client(scene, 'alice')
    const bob = await client(scene, 'bob', false)
    await bob.subscribe([
      { topic: 'a', qos: 2 },
      { topic: 'b', qos: 2 },
    ])
    await bob.unsubscribe('a')
    const send = async (): Promise<void> => {
      for (const topic of ['a', 'b']) await alice.publish({ topic, payload: 'x', qos: 1 })
    }
    await send()
    await bob.vanish()
    await send()
    const back = await client(scene, 'bob', false)
    await send()
    expect([...bob.heard, ...back.heard]).toEqual(['b x', 'b x', 'b x'])
  })

  show('3.10.4-3', 'after UNSUBSCRIBE what has begun to be delivered is', async (scene) => {
    const bob = await client(scene, 'bob', false, false)
    await bob.subscribe([{ topic: 'a', qos: 2 }])
    for (const qos of [1, 2] as const) await bob.publish({ topic: 'a', payload: 'begun', qos })
    await bob.unsubscribe('a')
    await bob.vanish()
    const back = await client(scene, 'bob', false)
    expect(back.told).toEqual(['a begun 1d', 'a begun 2d'])
    expect(back.of('pubrel')).toHaveLength(1)
  })

  show('3.10.4-6', 'several filters in one UNSUBSCRIBE are as one after the other', async (scene) => {
    const together = await client(scene, 'together')
    const apart = await client(scene, 'apart')
    for (const each of [together, apart]) {
      await each.subscribe(['a', 'b', 'c'].map((topic) => ({ topic, qos: 0 })))
    }
    const filters = ['a', 'x', 'c', 'a']
    for (const filter of filters) await apart.unsubscribe(filter)
    await together.unsubscribe(...filters)
    expect([together.of('unsuback').length, apart.of('unsuback').length]).toEqual([1, 4])
    for (const topic of ['a', 'b', 'c']) await apart.publish({ topic, payload: 'x' })
    expect([together.heard, apart.heard]).toEqual([['b x'], ['b x']])
  })

  show('4.7.2-1', 'a filter that begins with a wildcard has nothing to do with $-topics', async (scene) => {
    const bob = await client(scene, 'bob')
    await bob.publish({ topic: '$a/b', payload: 'kept', retain: true })
    await bob.subscribe(['#', '+/#', '+/b', '+/+'].map((topic) => ({ topic, qos: 1 })))
    await bob.publish({ topic: '$a/b', payload: 'live' })
    expect(bob.heard).toEqual([])
    await bob.subscribe([{ topic: '$a/+', qos: 0 }])
    await bob.publish({ topic: '$a/b', payload: 'live' })
    expect(bob.heard).toEqual(['$a/b kept', '$a/b live'])
  })

  show('4.7.3-4', 'topics and filters are taken as they are', async (scene) => {
    const alice = await client(scene, 'alice')
    const names = ['a', 'A', '/a', 'a/', 'a//', ' a', 'ä', 'a\u0308', '\uFEFFa', 'ﬁ', 'fi', '%61', 'a/./b', 'a/b', '😀']
    for (const topic of names) {
      const bob = await client(scene, 'bob')
      await bob.subscribe([{ topic, qos: 0 }])
      for (const each of names) alice.connection.publish({ topic: each, payload: 'x' })
      await pass()
      expect(bob.heard).toEqual([`${topic} x`])
    }
  })

  show('7.0.0-1', 'a server that is also a client of another one is a right one of both', async (scene) => {
    const other = await Scene.open()
    const connection = new Connection(other.transport(), { role: 'client' })
    const bridge = new Session()
    const connect = { clientId: 'bridge', clean: false, keepalive: 0, protocolVersion: 4 } as const
    const local$ = scene.broker.messages$.pipe(mergeMap((message: Message) => bridge.publish(message)))
    const remote$ = handshake(connection, connect).pipe(
      mergeMap((connack) => merge(bridge.attach(connection, { connect, connack }), local$)),
      ignoreElements(),
    )
    remote$.subscribe()
    await pass()
    const far = await client(other, 'far')
    await far.subscribe([{ topic: '#', qos: 2 }])
    const near = await client(scene, 'near')
    for (const qos of qualities) await near.publish({ topic: 'a', payload: 'x', qos })
    expect(far.told).toEqual(['a x 0', 'a x 1', 'a x 2'])
    await other.close()
    expect(other.problems).toEqual([])
  })

  show('7.0.0-2', 'a client needs nothing but the standard: byte for byte', async (scene) => {
    const connect = '10 0d 0004 4d515454 04 02 0000 0001 61'
    expect(
      await answers(
        scene,
        connect,
        '82 06 0001 0001 61 02',
        '34 07 0001 61 0002 7879',
        '62 02 0002',
        // It is its own subscriber.
        '50 02 0001',
        '70 02 0001',
        'c0 00',
        'a2 05 0003 0001 61',
        'e0 00',
      ),
    ).toEqual([
      '20020000',
      '9003000102',
      // One turn, one chunk: PUBREC, and the PUBLISH to the subscriber.
      expect.stringMatching(/^(500200023407000161(0001)7879|3407000161(0001)787950020002)$/),
      '70020002',
      '62020001',
      'd000',
      'b0020003',
    ])
  })

  complete(brokerOnly['MQTT 3.1.1'].subscribe)
})
