import { pass, type TestClient, useTime } from './scene.js'
import { withScene } from './with-scene.js'

useTime()

/** One message in flight: the other retained ones wait for their turn. */
const slow = { clean: false, properties: { sessionExpiryInterval: 100, receiveMaximum: 1 } } as const

/** Acknowledges one after the other, as long as there are more. */
async function acknowledgeAll(client: TestClient, most = Number.POSITIVE_INFINITY): Promise<void> {
  for (let i = 0; i < Math.min(client.of('publish').length, most); i++) {
    client.connection.puback({ messageId: client.of('publish')[i]!.messageId! })
    await pass(1)
  }
}

describe('retained messages on their way to a slow client', () => {
  const topics = Array.from({ length: 100 }, (_, i) => `a/${i}`)

  it(
    'all arrive in their order',
    withScene(async (scene) => {
      for (const topic of topics) scene.broker.publish({ topic, payload: 'x', qos: 1, retain: true })
      const bob = await scene.client({ clientId: 'bob', ...slow }, { acks: false })
      await bob.subscribe([{ topic: '#', qos: 1 }])
      await acknowledgeAll(bob)
      expect(bob.told).toEqual(topics.map((topic) => `${topic} x 1r`))
    }),
  )

  it(
    'an older one never comes after the newer one that took its place, or was taken away',
    withScene(async (scene) => {
      for (const topic of topics) scene.broker.publish({ topic, payload: 'old', qos: 1, retain: true })
      const bob = await scene.client({ clientId: 'bob', ...slow }, { acks: false })
      await bob.subscribe([{ topic: '#', qos: 1 }])
      scene.broker.publish({ topic: 'a/90', payload: 'new', qos: 1, retain: true })
      scene.broker.publish({ topic: 'a/91', payload: '', qos: 1, retain: true })
      await acknowledgeAll(bob)
      expect(bob.heard.filter((heard) => /^a.9[01] /.test(heard))).toEqual(['a/90 new', 'a/91 '])
      expect(bob.heard).toHaveLength(100)
    }),
  )

  it(
    'a new session gets nothing of what the earlier one asked for',
    withScene(async (scene) => {
      for (const topic of topics) scene.broker.publish({ topic, payload: 'x', qos: 1, retain: true })
      for (const takesOver of [true, false]) {
        const bob = await scene.client({ clientId: 'bob', ...slow }, { acks: false })
        await bob.subscribe([{ topic: '#', qos: 1 }])
        if (!takesOver) await bob.vanish()
        const anew = await scene.client({ clientId: 'bob', ...slow, clean: true })
        await pass(1_000)
        expect(anew.heard).toEqual([])
      }
    }),
  )

  it(
    'many that were taken away meanwhile are no burden',
    withScene(async (scene) => {
      const many = Array.from({ length: 20_000 }, (_, i) => `a/${i}`)
      for (const topic of many) scene.broker.publish({ topic, payload: 'x', qos: 1, retain: true })
      const bob = await scene.client({ clientId: 'bob', ...slow }, { acks: false })
      await bob.subscribe([{ topic: '#', qos: 1, nl: true }])
      for (const topic of many) bob.connection.publish({ topic, payload: '', retain: true })
      await pass()
      await acknowledgeAll(bob)
      expect(bob.end).toBeUndefined()
      expect(bob.heard).toHaveLength(32)
      expect(scene.broker.figures.retained).toBe(0)
    }),
  )

  it(
    'nor are many of QoS 0 behind some that wait for their acknowledgement',
    withScene(async (scene) => {
      const many = Array.from({ length: 5_000 }, (_, i) => `a/${i}`)
      for (const [i, topic] of many.entries()) {
        scene.broker.publish({ topic, payload: 'x', qos: i < 50 ? 1 : 0, retain: true })
      }
      const bob = await scene.client({ clientId: 'bob' }, { acks: false })
      await bob.subscribe([{ topic: '#', qos: 1 }])
      expect(bob.heard).toHaveLength(32)
      await acknowledgeAll(bob, 50)
      await pass()
      expect(bob.of('publish').map(({ topic }) => topic)).toEqual(many)
      await bob.subscribe([{ topic: 'a/1', qos: 0 }])
      expect(bob.told.at(-1)).toBe('a/1 x 0r')
    }),
  )
})
