import { matchesFilter, type QoS } from '@rxmqtt/core'
import { pass } from './scene.js'
import { brokerOnly, statements } from './statements.js'
import { lasting } from './with-scene.js'

const qualities: readonly QoS[] = [0, 1, 2]

describe('MQTT 5, broker only: PUBLISH', () => {
  const { show, complete } = statements('MQTT 5')

  show('3.3.1-5', 'a retained message takes the place of the one before', async (scene) => {
    const alice = await scene.client({ clientId: 'alice' })
    for (const qos of qualities) {
      await alice.publish({ topic: 'a', payload: `of QoS ${qos}`, qos, retain: true })
      const bob = await scene.client({ clientId: 'bob' })
      await bob.subscribe([{ topic: '#', qos: 2 }])
      expect(bob.told).toEqual([`a of QoS ${qos} ${qos}r`])
    }
  })

  show('3.3.1-6', 'an empty payload travels as any other, and takes the retained message away', async (scene) => {
    const alice = await scene.client({ clientId: 'alice' })
    const bob = await scene.client({ clientId: 'bob' })
    await bob.subscribe([{ topic: '#', qos: 2, rap: true }])
    for (const qos of qualities) {
      await alice.publish({ topic: 'a', payload: 'x', qos: 1, retain: true })
      await alice.publish({ topic: 'b', payload: 'stays', retain: true })
      bob.forget()
      await alice.publish({ topic: 'a', payload: '', qos, retain: true })
      expect(bob.told).toEqual([`a  ${qos}r`])
      const carol = await scene.client({ clientId: 'carol' })
      await carol.subscribe([{ topic: '#', qos: 2 }])
      expect(carol.heard).toEqual(['b stays'])
    }
  })

  show('3.3.1-7', 'an empty payload is not retained', async (scene) => {
    const alice = await scene.client({ clientId: 'alice' })
    await alice.publish({ topic: 'a', payload: '', qos: 1, retain: true })
    await alice.subscribe([{ topic: '#', qos: 2 }])
    expect(alice.heard).toEqual([])
    expect(scene.broker.figures.retained).toBe(0)
  })

  show('3.3.1-8', 'without RETAIN nothing is retained, replaced or taken away', async (scene) => {
    const alice = await scene.client({ clientId: 'alice' })
    await alice.publish({ topic: 'a', payload: 'kept', qos: 1, retain: true })
    for (const payload of ['other', '']) await alice.publish({ topic: 'a', payload, qos: 2 })
    await alice.publish({ topic: 'b', payload: 'live' })
    await alice.subscribe([{ topic: '#', qos: 2 }])
    expect(alice.told).toEqual(['a kept 1r'])
  })

  show('3.3.1-9', 'Retain Handling 0: each SUBSCRIBE is followed by the retained messages', async (scene) => {
    const alice = await scene.client({ clientId: 'alice' })
    for (const topic of ['a/1', 'a/2', 'b']) await alice.publish({ topic, payload: 'x', retain: true })
    for (let i = 0; i < 3; i++) {
      alice.forget()
      await alice.subscribe([{ topic: 'a/+', qos: 0, rh: 0 }])
      expect(alice.told).toEqual(['a/1 x 0r', 'a/2 x 0r'])
    }
  })

  show('3.3.1-10', 'Retain Handling 1: only a SUBSCRIBE that is new', async (scene) => {
    const alice = await scene.client({ clientId: 'alice', ...lasting() })
    await alice.publish({ topic: 'a', payload: 'x', retain: true })
    await alice.subscribe([{ topic: 'a', qos: 0, rh: 1 }])
    expect(alice.told).toEqual(['a x 0r'])
    await alice.subscribe([{ topic: 'a', qos: 1, rh: 1 }])
    // Another filter is another subscription.
    await alice.subscribe([{ topic: '+', qos: 1, rh: 2 }])
    await alice.subscribe([{ topic: '+', qos: 1, rh: 1 }])
    await alice.vanish()
    const back = await scene.client({ clientId: 'alice', ...lasting() })
    await back.subscribe([{ topic: 'a', qos: 0, rh: 1 }])
    expect([alice.told, back.told]).toEqual([['a x 0r'], []])
    await back.unsubscribe('a')
    await back.subscribe([{ topic: 'a', qos: 0, rh: 1 }])
    expect(back.told).toEqual(['a x 0r'])
  })

  show('3.3.1-11', 'Retain Handling 2: no SUBSCRIBE', async (scene) => {
    const alice = await scene.client({ clientId: 'alice' })
    await alice.publish({ topic: 'a', payload: 'x', retain: true })
    for (let i = 0; i < 2; i++) await alice.subscribe([{ topic: 'a', qos: 0, rh: 2 }])
    expect(alice.heard).toEqual([])
    await alice.publish({ topic: 'a', payload: 'y' })
    expect(alice.heard).toEqual(['a y'])
  })

  for (const [id, rap] of [
    ['3.3.1-12', false],
    ['3.3.1-13', true],
  ] as const) {
    show(id, `Retain As Published ${Number(rap)}: RETAIN is ${rap ? 'as it was' : '0'}`, async (scene) => {
      const alice = await scene.client({ clientId: 'alice' })
      const bob = await scene.client({ clientId: 'bob', ...lasting() })
      await bob.subscribe([{ topic: '#', qos: 2, rap }])
      const send = async (qos: QoS): Promise<void> => {
        await alice.publish({ topic: 'a', payload: 'kept', qos, retain: true })
        await alice.publish({ topic: 'a', payload: 'live', qos })
      }
      for (const qos of qualities) await send(qos)
      const flag = rap ? 'r' : ''
      expect(bob.told).toEqual(qualities.flatMap((qos) => [`a kept ${qos}${flag}`, `a live ${qos}`]))
      await bob.vanish()
      await send(1)
      const back = await scene.client({ clientId: 'bob', ...lasting() })
      expect(back.told).toEqual([`a kept 1${flag}`, 'a live 1'])
    })
  }

  show('3.3.2-3', 'the topic of each PUBLISH matches the filter of its subscription', async (scene) => {
    const topics = ['a', '/a', 'a/', 'a/b', 'a/b/c', 'b/a', '/', 'A/b', '$a/b', 'a//c']
    const filters = ['#', '+', '+/+', 'a/#', 'a/+', '+/b', '/+', 'a/+/c', '$a/#', 'a/b/c', 'a//c']
    const alice = await scene.client({ clientId: 'alice' })
    const payload = 'x'
    for (const retain of [true, false]) {
      if (retain) for (const topic of topics) await alice.publish({ topic, payload, retain })
      for (const [index, filter] of filters.entries()) {
        const bob = await scene.client({ clientId: `bob ${index}` })
        await bob.subscribe([{ topic: filter, qos: 0, rh: retain ? 0 : 2 }])
        if (!retain) for (const topic of topics) await alice.publish({ topic, payload })
        const wanted = topics.filter((topic) => matchesFilter(filter, topic))
        expect(wanted.length).toBeGreaterThan(0)
        expect(bob.of('publish').map(({ topic }) => topic)).toEqual(wanted)
      }
    }
  })

  show('3.3.2-5', 'a message that expired before it could be sent is deleted', async (scene) => {
    const alice = await scene.client({ clientId: 'alice' })
    const bob = await scene.client({ clientId: 'bob', ...lasting() })
    await bob.subscribe([{ topic: '#', qos: 1 }])
    await bob.vanish()
    for (const [payload, seconds] of [
      ['short', 5],
      ['long', 20],
    ] as const) {
      const properties = { messageExpiryInterval: seconds }
      await alice.publish({ topic: payload, payload, qos: 1, properties, retain: true })
      await alice.publish({ topic: 'for ever', payload, qos: 1 })
    }
    await pass(6_000)
    const back = await scene.client({ clientId: 'bob', ...lasting() })
    expect(back.heard).toEqual(['for ever short', 'long long', 'for ever long'])
    const carol = await scene.client({ clientId: 'carol' })
    await carol.subscribe([{ topic: '#', qos: 1 }])
    expect(carol.heard).toEqual(['long long'])
  })

  show('3.3.2-5', 'also one that waits for a client which is connected and full', async (scene) => {
    const properties = { receiveMaximum: 1 }
    const bob = await scene.client({ clientId: 'bob', properties }, { acks: false })
    await bob.subscribe([{ topic: '#', qos: 1 }])
    await bob.publish({ topic: 'a', payload: 'first', qos: 1, properties: { messageExpiryInterval: 1 } })
    await bob.publish({ topic: 'a', payload: 'expires', qos: 1, properties: { messageExpiryInterval: 1 } })
    await bob.publish({ topic: 'a', payload: 'last', qos: 1 })
    await pass(2_000)
    bob.connection.puback({ messageId: bob.of('publish')[0]!.messageId! })
    await pass()
    expect(bob.heard).toEqual(['a first', 'a last'])
  })

  show('3.3.2-6', 'what a message waited is taken off its expiry interval', async (scene) => {
    const alice = await scene.client({ clientId: 'alice' })
    const bob = await scene.client({ clientId: 'bob', ...lasting() })
    await bob.subscribe([{ topic: '#', qos: 1 }])
    const intervals = (client: typeof bob): unknown[] =>
      client.of('publish').map(({ properties }) => properties?.messageExpiryInterval)
    const fields = {
      topic: 'a',
      payload: 'x',
      qos: 1,
      retain: true,
      properties: { messageExpiryInterval: 30 },
    } as const
    await alice.publish(fields)
    expect(intervals(bob)).toEqual([30])
    await bob.vanish()
    await alice.publish(fields)
    await pass(11_500)
    const back = await scene.client({ clientId: 'bob', ...lasting() })
    expect(intervals(back)).toEqual([19])
    await pass(10_000)
    const carol = await scene.client({ clientId: 'carol' })
    await carol.subscribe([{ topic: '#', qos: 1 }])
    expect(intervals(carol)).toEqual([9])
  })

  show('3.3.4-2', 'overlapping subscriptions: the highest QoS of all that match', async (scene) => {
    const bob = await scene.client({ clientId: 'bob' })
    for (const [topic, qos] of [
      ['a/b', 0],
      ['a/+', 2],
      ['#', 1],
      ['c/#', 1],
      ['c/+', 0],
      ['d', 2],
    ] as const) {
      await bob.subscribe([{ topic, qos }])
    }
    for (const topic of ['a/b', 'c/d', 'e']) await bob.publish({ topic, payload: 'x', qos: 2 })
    expect(bob.told).toEqual(['a/b x 2', 'c/d x 1', 'e x 1'])
  })

  show('3.3.4-3 3.3.4-4', 'one copy has the identifiers of all subscriptions that match', async (scene) => {
    const bob = await scene.client({ clientId: 'bob' })
    await bob.subscribe([{ topic: 'a/#', qos: 0 }], { subscriptionIdentifier: 1 })
    await bob.subscribe([{ topic: 'a/+', qos: 1 }])
    await bob.subscribe([{ topic: '+/b', qos: 2 }], { subscriptionIdentifier: 268_435_455 })
    await bob.subscribe([{ topic: 'c', qos: 0 }], { subscriptionIdentifier: 3 })
    for (const topic of ['a/b', 'a/c', 'c', 'd/b']) await bob.publish({ topic, payload: 'x', qos: 2, retain: true })
    const seen = bob.of('publish').map(({ topic, qos, properties }) => [topic, qos, properties?.subscriptionIdentifier])
    const of = (...ids: number[]): unknown => (ids.length === 1 ? ids[0] : expect.arrayContaining(ids))
    expect(seen).toEqual([
      ['a/b', 2, of(1, 268_435_455)],
      ['a/c', 1, of(1)],
      ['c', 0, of(3)],
      ['d/b', 2, of(268_435_455)],
    ])
    expect(seen[0]![2]).toHaveLength(2)
    // A retained message has that of the subscription which asked for it.
    bob.forget()
    await bob.subscribe([{ topic: 'a/#', qos: 0 }], { subscriptionIdentifier: 7 })
    expect(bob.of('publish').map(({ properties }) => properties?.subscriptionIdentifier)).toEqual([7, 7])
  })

  show('3.3.4-5', 'of several copies each has the identifier of its own subscription', async (scene) => {
    const bob = await scene.client({ clientId: 'bob' })
    await bob.subscribe([{ topic: 'a', qos: 0 }], { subscriptionIdentifier: 1 })
    await bob.subscribe([{ topic: '$share/g/a', qos: 1 }], { subscriptionIdentifier: 2 })
    await bob.subscribe([{ topic: '$share/h/a', qos: 2 }])
    await bob.publish({ topic: 'a', payload: 'x', qos: 2 })
    const seen = bob.of('publish').map(({ qos, properties }) => [qos, properties?.subscriptionIdentifier])
    expect(seen.sort()).toEqual([
      [0, 1],
      [1, 2],
      [2, undefined],
    ])
  })

  complete(brokerOnly['MQTT 5'].publish)
})
