import type { WillFields } from '@rxmqtt/core'
import { pass, Scene, type TestClient, useTime, versions } from './scene.js'
import { lasting, withScene } from './with-scene.js'

useTime()

const will: WillFields = { topic: 'gone', payload: 'alice', qos: 1, retain: false }

async function listener(scene: Scene): Promise<TestClient> {
  const bob = await scene.client({ clientId: 'bob' })
  await bob.subscribe([{ topic: '#', qos: 2, rap: true }])
  return bob
}

describe('wills', () => {
  it.each(versions)('within a second of the end, and of the keep-alive, MQTT %s', (protocolVersion) =>
    withScene(async (scene) => {
      const bob = await listener(scene)
      const first = await scene.client({ clientId: 'alice', protocolVersion, will })
      first.connection.destroy()
      await pass(900)
      expect(bob.heard).toEqual(['gone alice'])
      await scene.client({ clientId: 'alice', protocolVersion, will, keepalive: 10 })
      await pass(14_900)
      expect(bob.heard).toHaveLength(1)
      await pass(1_000)
      expect(bob.heard).toHaveLength(2)
    })(),
  )

  it(
    'a takeover publishes it at once, unless it is delayed and the session goes on',
    withScene(async (scene) => {
      const bob = await listener(scene)
      const delayed = { ...will, properties: { willDelayInterval: 10 } }
      const cases = [
        { will, fields: lasting(), clean: false, isPublished: true },
        { will: delayed, fields: lasting(), clean: false, isPublished: false },
        { will: delayed, fields: lasting(), clean: true, isPublished: true },
        { will: delayed, fields: lasting(0), clean: false, isPublished: true },
      ]
      for (const { will: own, fields, clean, isPublished } of cases) {
        bob.forget()
        await scene.client({ clientId: 'alice', ...fields, clean: true, will: own })
        bob.forget()
        const next = await scene.client({ clientId: 'alice', ...lasting(), clean })
        expect(bob.heard).toEqual(isPublished ? ['gone alice'] : [])
        await pass(20_000)
        expect(bob.heard).toHaveLength(isPublished ? 1 : 0)
        await next.disconnect({ properties: { sessionExpiryInterval: 0 } })
        await pass(1_000)
      }
    }),
  )

  it(
    'each connection has its own: the last one counts',
    withScene(async (scene) => {
      const bob = await listener(scene)
      for (const payload of ['first', 'second', undefined, 'third']) {
        const own = payload === undefined ? undefined : { ...will, payload, properties: { willDelayInterval: 5 } }
        const alice = await scene.client({ clientId: 'alice', ...lasting(), will: own })
        await alice.vanish()
        await pass(2_000)
      }
      await pass(20_000)
      expect(bob.heard).toEqual(['gone third'])
    }),
  )

  it(
    'of QoS 2 waits for who is away; one that is retained and empty takes the retained message away',
    withScene(async (scene) => {
      const away = await scene.client({ clientId: 'away', ...lasting() })
      await away.subscribe([{ topic: 'gone', qos: 2 }])
      await away.vanish()
      scene.broker.publish({ topic: 'gone', payload: 'here', retain: true })
      const alice = await scene.client({ clientId: 'alice', will: { ...will, payload: '', qos: 2, retain: true } })
      expect(scene.broker.figures.retained).toBe(1)
      await alice.disconnect({ reasonCode: 0x04 })
      await pass(1_000)
      expect(scene.broker.figures.retained).toBe(0)
      expect((await scene.client({ clientId: 'away', ...lasting() })).told).toEqual(['gone  2'])
    }),
  )

  it(
    'its expiry begins when it is published, and its payload is its own',
    withScene(async (scene) => {
      const bob = await listener(scene)
      const properties = { willDelayInterval: 50, messageExpiryInterval: 20 }
      const alice = await scene.client({ clientId: 'alice', ...lasting(), will: { ...will, retain: true, properties } })
      await alice.vanish()
      await pass(51_000)
      expect(bob.of('publish').map(({ properties: got }) => got)).toEqual([{ messageExpiryInterval: 20 }])
      await pass(10_000)
      const carol = await listener(scene)
      expect(carol.of('publish').map(({ properties: got }) => got)).toEqual([{ messageExpiryInterval: 9 }])
      await pass(10_000)
      expect((await listener(scene)).heard).toEqual([])
    }),
  )

  it('is not published when the server stops', async () => {
    const scene = await Scene.open()
    const heard: string[] = []
    const alice = await scene.client({ clientId: 'alice', will })
    const bob = await listener(scene)
    await scene.stop()
    heard.push(...bob.heard)
    expect([alice, bob].map(({ end }) => end)).not.toContain(undefined)
    expect(heard).toEqual([])
    await scene.close()
    expect(scene.problems).toEqual([])
  })
})
