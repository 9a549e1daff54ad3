import type { WillFields } from '@rxmqtt/core'
import { of } from 'rxjs'
import { pass, type Scene, type TestClient } from './scene.js'
import { brokerOnly, statements } from './statements.js'
import { lasting } from './with-scene.js'

const will: WillFields = { topic: 'gone', payload: 'alice', qos: 1, retain: false }
const delayed = (willDelayInterval: number): WillFields => ({ ...will, properties: { willDelayInterval } })

/** Somebody who listens to everything. */
async function listener(scene: Scene): Promise<TestClient> {
  const bob = await scene.client({ clientId: 'bob' })
  await bob.subscribe([{ topic: '#', qos: 1, rap: true }])
  return bob
}

describe('MQTT 5, broker only: CONNECT', () => {
  const { show, complete } = statements('MQTT 5')

  show('3.1.2-5', 'without clean start a session goes on where it was', async (scene) => {
    const alice = await scene.client({ clientId: 'alice', ...lasting() })
    await alice.subscribe([{ topic: 'a', qos: 1 }])
    await alice.vanish()
    const bob = await scene.client({ clientId: 'bob' })
    await bob.publish({ topic: 'a', payload: 'while away', qos: 1 })
    const again = await scene.client({ clientId: 'alice', ...lasting() })
    await bob.publish({ topic: 'a', payload: 'back', qos: 1 })
    expect(again.connack.sessionPresent).toBe(true)
    expect(again.told).toEqual(['a while away 1', 'a back 1'])
  })

  show('3.1.2-6', 'without clean start, and without a session, one begins', async (scene) => {
    const alice = await scene.client({ clientId: 'alice', ...lasting(5) })
    expect(alice.connack).toMatchObject({ reasonCode: 0, sessionPresent: false })
    await alice.subscribe([{ topic: 'a', qos: 1 }])
    await alice.vanish()
    const back = await scene.client({ clientId: 'alice', ...lasting(5) })
    expect(back.connack.sessionPresent).toBe(true)
    await back.vanish()
    await pass(5_000)
    const late = await scene.client({ clientId: 'alice', ...lasting(5) })
    await late.publish({ topic: 'a', payload: 'who hears', qos: 1 })
    expect(late.connack).toMatchObject({ reasonCode: 0, sessionPresent: false })
    expect(late.of('puback')).toMatchObject([{ reasonCode: 0x10 }])
    expect(late.heard).toEqual([])
  })

  show('3.1.2-7', 'a will belongs to its session, which keeps it when the connection is over', async (scene) => {
    const bob = await listener(scene)
    const alice = await scene.client({ clientId: 'alice', ...lasting(), will: delayed(50) })
    await alice.vanish()
    await pass(20_000)
    expect(bob.heard).toEqual([])
    // The session ends, and the will with it.
    await scene.client({ clientId: 'alice' })
    expect(bob.told).toEqual(['gone alice 1'])
  })

  show('3.1.2-8', 'a will is published after its delay, or when the session ends before', async (scene) => {
    const bob = await listener(scene)
    const cases = [
      { delay: 0, expiry: 0, at: 0 },
      { delay: 0, expiry: 10, at: 0 },
      { delay: 3, expiry: 10, at: 3 },
      { delay: 10, expiry: 3, at: 3 },
      { delay: 10, expiry: 0, at: 0 },
      { delay: 3, expiry: 0xffff_ffff, at: 3 },
    ]
    for (const { delay, expiry, at } of cases) {
      bob.forget()
      const alice = await scene.client({ clientId: 'alice', ...lasting(expiry), clean: true, will: delayed(delay) })
      await alice.vanish()
      if (at > 0) {
        await pass(at * 1_000 - 50)
        expect(bob.heard).toEqual([])
      }
      await pass(1_000)
      expect(bob.told).toEqual(['gone alice 1'])
    }
  })

  show('3.1.2-8', 'but not after DISCONNECT 0x00, nor when the client is back before its delay', async (scene) => {
    const bob = await listener(scene)
    const alice = await scene.client({ clientId: 'alice', ...lasting(), will: delayed(5) })
    await alice.vanish()
    await pass(4_000)
    const back = await scene.client({ clientId: 'alice', ...lasting(), will })
    await pass(10_000)
    await back.disconnect({ reasonCode: 0 })
    await pass(200_000)
    expect(bob.heard).toEqual([])
  })

  show('3.1.2-8', 'and after every DISCONNECT with another reason', async (scene) => {
    const bob = await listener(scene)
    for (const reasonCode of [0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99] as const) {
      bob.forget()
      const alice = await scene.client({ clientId: 'alice', will })
      await alice.disconnect({ reasonCode })
      await pass(1_000)
      expect([reasonCode, bob.heard]).toEqual([reasonCode, ['gone alice']])
    }
  })

  show('3.1.2-10', 'a will that was published is gone', async (scene) => {
    const bob = await listener(scene)
    const alice = await scene.client({ clientId: 'alice', ...lasting(), will: delayed(2) })
    await alice.vanish()
    await pass(3_000)
    expect(bob.heard).toHaveLength(1)
    const back = await scene.client({ clientId: 'alice', ...lasting() })
    expect(back.connack.sessionPresent).toBe(true)
    await back.vanish()
    await pass(200_000)
    expect(bob.heard).toHaveLength(1)
  })

  show('3.1.2-10', 'a will is gone after DISCONNECT 0x00, though its session goes on', async (scene) => {
    const bob = await listener(scene)
    const alice = await scene.client({ clientId: 'alice', ...lasting(), will: delayed(2) })
    await alice.disconnect()
    await pass(50_000)
    expect((await scene.client({ clientId: 'alice', ...lasting() })).connack.sessionPresent).toBe(true)
    await pass(200_000)
    expect(bob.heard).toEqual([])
  })

  for (const [id, retain] of [
    ['3.1.2-14', false],
    ['3.1.2-15', true],
  ] as const) {
    show(id, `a will ${retain ? 'with' : 'without'} Will Retain is ${retain ? '' : 'not '}retained`, async (scene) => {
      const bob = await listener(scene)
      const alice = await scene.client({ clientId: 'alice', will: { ...will, retain } })
      await alice.vanish()
      await pass(1_000)
      expect(bob.told).toEqual([retain ? 'gone alice 1r' : 'gone alice 1'])
      const carol = await scene.client({ clientId: 'carol' })
      await carol.subscribe([{ topic: 'gone', qos: 1 }])
      expect(carol.told).toEqual(retain ? ['gone alice 1r'] : [])
    })
  }

  show('3.1.3-5', 'client identifiers of 1 to 23 digits and letters are let in', async (scene) => {
    const letters = 'abcdefghijklmnopqrstuvwxyz'
    const all = `0123456789${letters}${letters.toUpperCase()}`
    const ids = [...all, ...Array.from({ length: 23 }, (_, i) => all.slice(i, 2 * i + 1)), all.slice(39, 62)]
    for (const clientId of new Set(ids)) {
      const client = await scene.client({ clientId })
      expect(client.connack.reasonCode).toBe(0)
      expect(client.connack.properties?.assignedClientIdentifier).toBeUndefined()
    }
    expect(scene.broker.figures.connected).toBe(new Set(ids).size)
  })

  show('3.1.3-6', 'who has no client identifier gets one that nobody else has', async (scene) => {
    const clients: TestClient[] = []
    for (let i = 0; i < 20; i++) clients.push(await scene.client({ clientId: '' }))
    const ids = clients.map(({ connack }) => connack.properties?.assignedClientIdentifier)
    expect(new Set(ids).size).toBe(20)
    for (const id of ids) expect(id).toMatch(/^[0-9a-zA-Z]{1,23}$/)
    expect(clients.map(({ end }) => end)).toEqual(clients.map(() => undefined))
    // It is the client's own, as if it had sent it.
    await scene.client({ clientId: ids[0]! })
    expect(clients[0]!.of('disconnect')).toMatchObject([{ reasonCode: 0x8e }])
  })

  show(
    '3.1.3-8',
    'a client identifier that is rejected is answered by 0x85, and the connection is closed',
    async (scene) => {
      const eve = await scene.client({ clientId: 'eve' })
      expect(eve.received).toMatchObject([{ cmd: 'connack', reasonCode: 0x85, sessionPresent: false }])
      await pass(1_000)
      expect(eve.end).toBeDefined()
      expect((await scene.client({ clientId: 'bob' })).connack.reasonCode).toBe(0)
    },
    { authorization: { connect: ({ clientId }) => of({ reasonCode: clientId === 'eve' ? 0x85 : 0 }) } },
  )

  show('3.1.3-9', 'a will is not sent where its client is back before the delay is over', async (scene) => {
    const bob = await listener(scene)
    const alice = await scene.client({ clientId: 'alice', ...lasting(), will: delayed(10) })
    await alice.vanish()
    await pass(9_900)
    const back = await scene.client({ clientId: 'alice', ...lasting(), will: delayed(10) })
    await pass(50_000)
    expect(bob.heard).toEqual([])
    // Also where it takes its own connection over.
    const last = await scene.client({ clientId: 'alice', ...lasting() })
    await pass(50_000)
    expect([back.end, last.end]).toEqual([expect.anything(), undefined])
    expect(bob.heard).toEqual([])
  })

  complete(brokerOnly['MQTT 5'].connect)
})
