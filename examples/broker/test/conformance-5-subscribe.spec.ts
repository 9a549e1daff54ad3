import type { QoS } from '@rxmqtt/core'
import { pass, type Scene, type TestClient } from './scene.js'
import { brokerOnly, statements } from './statements.js'
import { lasting } from './with-scene.js'

const qualities: readonly QoS[] = [0, 1, 2]
/** In flight, one at a time: the others wait. */
const slow = { clean: false, properties: { sessionExpiryInterval: 100, receiveMaximum: 1 } } as const

async function acknowledge(client: TestClient): Promise<void> {
  client.connection.puback({ messageId: client.of('publish').at(-1)!.messageId! })
  await pass()
}

describe('MQTT 5, broker only: SUBSCRIBE and UNSUBSCRIBE', () => {
  const { show, complete } = statements('MQTT 5')

  show('3.8.3-3', 'No Local: a client does not get what it published itself', async (scene) => {
    const alice = await scene.client({ clientId: 'alice', ...lasting() })
    const bob = await scene.client({ clientId: 'bob' })
    for (const client of [alice, bob]) await client.subscribe([{ topic: 'a', qos: 1, nl: true }])
    for (const qos of qualities) await alice.publish({ topic: 'a', payload: `alice ${qos}`, qos })
    await bob.publish({ topic: 'a', payload: 'bob', qos: 1 })
    expect(alice.heard).toEqual(['a bob'])
    expect(bob.heard).toEqual(qualities.map((qos) => `a alice ${qos}`))
    // It is the client identifier that counts, and another subscription of it is another matter.
    await alice.vanish()
    const back = await scene.client({ clientId: 'alice', ...lasting() })
    await back.publish({ topic: 'a', payload: 'back', qos: 1 })
    expect(back.heard).toEqual([])
    await back.subscribe([{ topic: '#', qos: 0 }])
    await back.publish({ topic: 'a', payload: 'twice', qos: 1 })
    expect(back.told).toEqual(['a twice 0'])
  })

  show('3.8.4-3', 'the same filter again takes the place of the subscription', async (scene) => {
    const bob = await scene.client({ clientId: 'bob' })
    await bob.subscribe([{ topic: 'a/+', qos: 2, nl: true }], { subscriptionIdentifier: 1 })
    await bob.subscribe([{ topic: 'a/+', qos: 1, rap: true }], { subscriptionIdentifier: 2 })
    await bob.publish({ topic: 'a/b', payload: 'x', qos: 2, retain: true })
    expect(bob.told).toEqual(['a/b x 1r'])
    expect(bob.of('publish')[0]!.properties).toEqual({ subscriptionIdentifier: 2 })
    await bob.subscribe([{ topic: 'a/+', qos: 0, rh: 2 }])
    await bob.publish({ topic: 'a/b', payload: 'y', qos: 2, retain: true })
    expect(bob.told[1]).toBe('a/b y 0')
    expect(scene.broker.figures.subscriptions).toBe(1)
    expect((await bob.unsubscribe('a/+', 'a/+')).granted).toEqual([0x00, 0x11])
  })

  show('3.8.4-4', 'the same filter again: retained messages once more, and nothing is lost', async (scene) => {
    const alice = await scene.client({ clientId: 'alice' })
    const bob = await scene.client({ clientId: 'bob', ...slow }, { acks: false })
    await alice.publish({ topic: 'kept', payload: 'k', qos: 1, retain: true })
    await bob.subscribe([{ topic: '#', qos: 1, rh: 2 }])
    const sent: string[] = []
    for (let i = 0; i < 20; i++) {
      sent.push(`a ${i}`)
      alice.connection.publish({ topic: 'a', payload: String(i), qos: 1, messageId: i + 1 })
      if (i % 7 === 3) bob.connection.subscribe({ messageId: i, subscriptions: [{ topic: '#', qos: 1, rh: 0 }] })
      if (i % 2 === 0) await pass(0)
    }
    await pass()
    for (let i = 0; i < 23; i++) await acknowledge(bob)
    expect(bob.of('suback')).toHaveLength(4)
    expect(bob.told.filter((told) => told !== 'kept k 1r')).toEqual(sent.map((text) => `${text} 1`))
    // After each SUBSCRIBE; one that comes before its turn is served with the one before.
    for (const suback of bob.of('suback').slice(1)) {
      const later = bob.received.slice(bob.received.indexOf(suback))
      expect(later).toContainEqual(expect.objectContaining({ cmd: 'publish', topic: 'kept', retain: true }))
    }
  })

  show('3.8.4-5', 'several filters in one SUBSCRIBE are as one after the other', async (scene) => {
    const alice = await scene.client({ clientId: 'alice' })
    for (const topic of ['a', 'a/b', 'c']) await alice.publish({ topic, payload: 'x', qos: 1, retain: true })
    const filters = [
      { topic: 'a/#', qos: 1, rh: 1 },
      { topic: 'no/#', qos: 1 },
      { topic: 'c', qos: 0, rap: true },
      { topic: 'a/#', qos: 2, rh: 1 },
      { topic: 'c', qos: 2 },
    ] as const
    const together = await scene.client({ clientId: 'together' })
    const apart = await scene.client({ clientId: 'apart' })
    const codes: number[] = []
    for (const filter of filters) codes.push(...(await apart.subscribe([filter])))
    expect(await together.subscribe(filters)).toEqual(codes)
    expect(codes).toEqual([1, 1, 0, 2, 2])
    for (const topic of ['a/b', 'c']) await alice.publish({ topic, payload: 'live', qos: 2, retain: true })
    expect(together.of('suback')).toHaveLength(1)
    expect(together.told).toEqual(['a x 1r', 'a/b x 1r', 'c x 1r', 'a/b live 2', 'c live 2'])
    expect(apart.told).toEqual(['a x 1r', 'a/b x 1r', 'c x 0r', 'c x 1r', 'a/b live 2', 'c live 2'])
  })

  show(
    '3.8.4-7',
    'a code is the QoS that was granted, or says that it failed',
    async (scene) => {
      const bob = await scene.client({ clientId: 'bob' })
      const filters = ['a/0', 'a/1', 'a/2', 'secret', 'a/b/c/d', 'a/3', 'a/4']
      const wishes = filters.map((topic) => ({ topic, qos: Number(/\d/.exec(topic)?.[0] ?? 0) % 3 }) as const)
      const codes = await bob.subscribe(wishes.map(({ topic, qos }) => ({ topic, qos: qos as QoS })))
      expect(codes).toEqual([0, 1, 2, 0x80, 0x8f, 0, 0x97])
      for (const topic of ['a/0', 'a/1', 'a/2', 'secret', 'a/3', 'a/4']) {
        await bob.publish({ topic, payload: 'x', qos: 2 })
      }
      expect(bob.told).toEqual(['a/0 x 0', 'a/1 x 1', 'a/2 x 2', 'a/3 x 0'])
    },
    {
      maximumFilters: 4,
      maximumLevels: 3,
      authorization: { subscribe: ({ topic }) => topic !== 'secret' },
    },
  )

  show('3.8.4-8', 'a message has its own QoS or that of the subscription, whichever is lower', async (scene) => {
    const alice = await scene.client({ clientId: 'alice' })
    for (const granted of qualities) {
      const bob = await scene.client({ clientId: 'bob' })
      for (const qos of qualities) await alice.publish({ topic: `kept/${qos}`, payload: 'x', qos, retain: true })
      await bob.subscribe([{ topic: '#', qos: granted }])
      for (const qos of qualities) await alice.publish({ topic: 'live', payload: 'x', qos })
      const low = qualities.map((qos) => Math.min(qos, granted))
      expect(bob.of('publish').map(({ qos }) => qos)).toEqual([...low, ...low])
    }
  })

  show('3.10.4-1', 'UNSUBSCRIBE takes away what is the same, character by character', async (scene) => {
    const bob = await scene.client({ clientId: 'bob' })
    const filters = ['a/+', 'a/b', 'a/B', 'a/b/', '/a/b', 'a/#', '$share/g/a/b', 'ä', 'a\u0308']
    await bob.subscribe(filters.map((topic) => ({ topic, qos: 0 })))
    const others = ['#', '+/b', 'a/b/#', 'A/b', '$share/h/a/b', '$share/g/a/+', 'a', ' a/b', 'Ä']
    expect((await bob.unsubscribe(...others)).granted).toEqual(others.map(() => 0x11))
    expect(scene.broker.figures.subscriptions).toBe(filters.length)
    expect((await bob.unsubscribe('a/+')).granted).toEqual([0x00])
    await bob.publish({ topic: 'a/c', payload: 'by a/#' })
    expect((await bob.unsubscribe('a/#')).granted).toEqual([0x00])
    await bob.publish({ topic: 'a/c', payload: 'by none' })
    await bob.publish({ topic: 'a/B', payload: 'by a/B' })
    expect((await bob.unsubscribe('a/B', '$share/g/a/b', 'ä')).granted).toEqual([0, 0, 0])
    for (const topic of ['a/B', 'ä', 'a\u0308', 'a/b']) await bob.publish({ topic, payload: 'last' })
    expect(bob.heard).toEqual(['a/c by a/#', 'a/B by a/B', 'a\u0308 last', 'a/b last'])
  })

  show('3.10.4-2', 'after UNSUBSCRIBE nothing more is on its way', async (scene) => {
    const alice = await scene.client({ clientId: 'alice' })
    const bob = await scene.client({ clientId: 'bob' })
    await bob.subscribe([
      { topic: 'a', qos: 2 },
      { topic: 'b', qos: 2 },
    ])
    await bob.unsubscribe('a')
    for (const qos of qualities) {
      for (const topic of ['a', 'b']) await alice.publish({ topic, payload: String(qos), qos })
    }
    expect(bob.heard).toEqual(['b 0', 'b 1', 'b 2'])
  })

  show('3.10.4-2', 'nor are the retained messages that did not begin to be', async (scene) => {
    const alice = await scene.client({ clientId: 'alice' })
    for (let i = 0; i < 100; i++) await alice.publish({ topic: `a/${i}`, payload: 'x', qos: 1, retain: true })
    const bob = await scene.client({ clientId: 'bob', ...slow }, { acks: false })
    await bob.subscribe([{ topic: 'a/#', qos: 1 }])
    await bob.unsubscribe('a/#')
    for (let i = 0; i < 99 && bob.of('publish').length > i; i++) await acknowledge(bob)
    // Those that were in its session already.
    expect(bob.heard.length).toBeLessThan(40)
    await bob.subscribe([{ topic: 'b', qos: 1 }])
    await alice.publish({ topic: 'b', payload: 'next', qos: 1 })
    await acknowledge(bob)
    expect(bob.heard.at(-1)).toBe('b next')
  })

  show('3.10.4-3', 'after UNSUBSCRIBE what has begun to be delivered is', async (scene) => {
    const begun = async (from: Scene, qos: QoS): Promise<TestClient> => {
      const bob = await from.client({ clientId: 'bob', ...lasting() }, { acks: false })
      await bob.subscribe([{ topic: 'a', qos: 2 }])
      await bob.publish({ topic: 'a', payload: 'begun', qos })
      await bob.unsubscribe('a')
      return bob
    }
    const one = await begun(scene, 1)
    await one.vanish()
    const again = await scene.client({ clientId: 'bob', ...lasting() })
    expect(again.told).toEqual(['a begun 1d'])
    const two = await begun(scene, 2)
    const { messageId } = two.of('publish').at(-1)!
    two.connection.pubrec({ messageId: messageId! })
    await pass()
    expect(two.of('pubrel')).toMatchObject([{ messageId }])
    await two.vanish()
    const last = await scene.client({ clientId: 'bob', ...lasting() })
    expect(last.of('pubrel')).toMatchObject([{ messageId }])
    expect(last.heard).toEqual([])
  })

  show('3.10.4-6', 'several filters in one UNSUBSCRIBE are as one after the other', async (scene) => {
    const together = await scene.client({ clientId: 'together' })
    const apart = await scene.client({ clientId: 'apart' })
    for (const client of [together, apart]) {
      await client.subscribe(['a', 'b', 'c'].map((topic) => ({ topic, qos: 0 })))
    }
    const filters = ['a', 'x', 'c', 'a']
    const codes: number[] = []
    for (const filter of filters) codes.push(...((await apart.unsubscribe(filter)).granted ?? []))
    expect((await together.unsubscribe(...filters)).granted).toEqual(codes)
    expect(codes).toEqual([0x00, 0x11, 0x00, 0x11])
    expect(together.of('unsuback')).toHaveLength(1)
    for (const topic of ['a', 'b', 'c']) await apart.publish({ topic, payload: 'x' })
    expect([together.heard, apart.heard]).toEqual([['b x'], ['b x']])
  })

  complete(brokerOnly['MQTT 5'].subscribe)
})
