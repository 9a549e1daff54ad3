import type { ConnectFields, WillFields } from '@rxmqtt/core'
import { pass, type Scene, type TestClient } from './scene.js'
import { brokerOnly, statements } from './statements.js'

const will: WillFields = { topic: 'gone', payload: 'alice', qos: 1, retain: false }

const client = (scene: Scene, clientId: string, fields: Partial<ConnectFields> = {}): Promise<TestClient> =>
  scene.client({ clientId, protocolVersion: 4, ...fields })

/** Somebody who listens to everything, by MQTT 5, where flags are as they were published. */
async function listener(scene: Scene): Promise<TestClient> {
  const bob = await scene.client({ clientId: 'bob' })
  await bob.subscribe([{ topic: '#', qos: 1, rap: true }])
  return bob
}

describe('MQTT 3.1.1, broker only: CONNECT', () => {
  const { show, complete } = statements('MQTT 3.1.1')

  show('3.1.2-5', 'after a session with CleanSession 0, messages of QoS 1 and 2 are stored', async (scene) => {
    const alice = await client(scene, 'alice', { clean: false })
    await alice.subscribe([
      { topic: 'a', qos: 2 },
      { topic: 'b', qos: 1 },
      { topic: 'no', qos: 1 },
    ])
    await alice.unsubscribe('no')
    await alice.disconnect()
    const bob = await client(scene, 'bob')
    for (const topic of ['a', 'b', 'no']) {
      for (const qos of [0, 1, 2] as const) await bob.publish({ topic, payload: 'x', qos })
    }
    await pass(1_000_000_000)
    const back = await client(scene, 'alice', { clean: false })
    expect(back.told).toEqual(['a x 1', 'a x 2', 'b x 1', 'b x 1'])
  })

  show('3.1.2-7', 'retained messages outlive the session of who published them', async (scene) => {
    for (const clean of [true, false]) {
      const alice = await client(scene, 'alice', { clean })
      await alice.publish({ topic: `a/${clean}`, payload: 'x', qos: 1, retain: true })
      await alice.disconnect()
    }
    await (await client(scene, 'alice', { clean: true })).disconnect()
    await pass(1_000)
    expect(scene.broker.figures.sessions).toBe(0)
    const bob = await client(scene, 'bob')
    await bob.subscribe([{ topic: '#', qos: 1 }])
    expect(bob.told).toEqual(['a/true x 1r', 'a/false x 1r'])
  })

  show(
    '3.1.2-8',
    'a will is published when its connection ends, however it does, but for DISCONNECT',
    async (scene) => {
      const bob = await listener(scene)
      const ends: ((alice: TestClient) => unknown)[] = [
        (alice) => alice.vanish(),
        (alice) => alice.connection.end(),
        () => client(scene, 'alice'),
        () => pass(3_100),
        // What no client may send.
        (alice) => alice.connection.transport.sink.next(Uint8Array.of(0xf0, 0)),
        (alice) => alice.connection.transport.sink.next(Uint8Array.of(0x10, 0)),
      ]
      for (const [index, end] of ends.entries()) {
        for (const clean of [true, false]) {
          bob.forget()
          const alice = await client(scene, 'alice', { clean, will, keepalive: 2 })
          await pass(2_500)
          expect(bob.heard).toEqual([])
          alice.connection.pingreq()
          await pass()
          await end(alice)
          await pass(1_000)
          expect([index, bob.heard]).toEqual([index, ['gone alice']])
        }
      }
      bob.forget()
      const last = await client(scene, 'alice', { will })
      await last.disconnect()
      await pass(10_000)
      expect(bob.heard).toEqual([])
    },
  )

  show('3.1.2-10', 'a will is gone once it was published, or after DISCONNECT', async (scene) => {
    const bob = await listener(scene)
    for (const says of [true, false]) {
      bob.forget()
      const alice = await client(scene, 'alice', { clean: false, will })
      if (says) await alice.disconnect()
      else await alice.vanish()
      await pass(1_000)
      expect(bob.heard).toHaveLength(says ? 0 : 1)
      const back = await client(scene, 'alice', { clean: false })
      expect(back.connack.sessionPresent).toBe(true)
      await back.vanish()
      await pass(10_000)
      expect(bob.heard).toHaveLength(says ? 0 : 1)
    }
  })

  show('3.1.2-12', 'without the Will Flag none is published', async (scene) => {
    const bob = await listener(scene)
    await client(scene, 'alice', { will })
    // It takes over: that one's will is published, this one has none.
    const alice = await client(scene, 'alice')
    expect(bob.heard).toEqual(['gone alice'])
    await alice.vanish()
    await pass(10_000)
    expect(bob.heard).toHaveLength(1)
  })

  for (const [id, retain] of [
    ['3.1.2-16', false],
    ['3.1.2-17', true],
  ] as const) {
    show(id, `a will ${retain ? 'with' : 'without'} Will Retain is ${retain ? '' : 'not '}retained`, async (scene) => {
      const bob = await listener(scene)
      await (await client(scene, 'alice', { will: { ...will, retain } })).vanish()
      await pass(1_000)
      expect(bob.told).toEqual([retain ? 'gone alice 1r' : 'gone alice 1'])
      const carol = await client(scene, 'carol')
      await carol.subscribe([{ topic: 'gone', qos: 1 }])
      expect(carol.told).toEqual(retain ? ['gone alice 1r'] : [])
    })
  }

  show('3.1.3-5', 'client identifiers of 1 to 23 digits and letters are let in', async (scene) => {
    const letters = 'abcdefghijklmnopqrstuvwxyz'
    const all = `0123456789${letters}${letters.toUpperCase()}`
    const ids = new Set([...all, ...Array.from({ length: 23 }, (_, i) => all.slice(i, 2 * i + 1)), all.slice(39, 62)])
    for (const clientId of ids) expect((await client(scene, clientId)).connack.returnCode).toBe(0)
    expect(scene.broker.figures.connected).toBe(ids.size)
  })

  show('3.1.3-6', 'who has no client identifier is as good as one who has', async (scene) => {
    const clients: TestClient[] = []
    for (let i = 0; i < 5; i++) clients.push(await client(scene, ''))
    for (const each of clients) await each.subscribe([{ topic: 'a', qos: 1 }])
    await clients[0]!.publish({ topic: 'a', payload: 'x', qos: 1 })
    for (const each of clients) {
      expect(each.connack).toMatchObject({ returnCode: 0, sessionPresent: false })
      expect(each.told).toEqual(['a x 1'])
      expect(each.end).toBeUndefined()
    }
    expect(scene.broker.figures).toMatchObject({ connected: 5, sessions: 5 })
  })

  show('3.1.4-3', 'CleanSession is done as it says', async (scene) => {
    const bob = await client(scene, 'bob')
    const visit = async (clean: boolean, leaves: boolean): Promise<[boolean, string[]]> => {
      const alice = await client(scene, 'alice', { clean })
      const seen: [boolean, string[]] = [alice.connack.sessionPresent, alice.heard]
      await alice.subscribe([{ topic: 'a', qos: 1 }])
      if (leaves) await alice.vanish()
      await bob.publish({ topic: 'a', payload: 'x', qos: 1 })
      return seen
    }
    for (const leaves of [true, false]) {
      const missed = leaves ? ['a x'] : []
      expect(await visit(false, leaves)).toEqual([false, []])
      expect(await visit(false, leaves)).toEqual([true, missed])
      expect(await visit(true, leaves)).toEqual([false, []])
      // The state of a clean session is not used again.
      expect(await visit(false, leaves)).toEqual([false, []])
      expect(await visit(false, leaves)).toEqual([true, missed])
      expect(await visit(true, true)).toEqual([false, []])
    }
  })

  show('3.2.2-1', 'with CleanSession 1 there is no session present', async (scene) => {
    await (await client(scene, 'alice', { clean: false })).disconnect()
    for (let i = 0; i < 3; i++) {
      const alice = await client(scene, 'alice', { clean: true })
      expect(alice.connack).toMatchObject({ returnCode: 0, sessionPresent: false })
    }
  })

  show('3.2.2-2', 'with CleanSession 0 a session that is stored is present', async (scene) => {
    await (await client(scene, 'alice', { clean: false })).disconnect()
    for (let i = 0; i < 3; i++) {
      const alice = await client(scene, 'alice', { clean: false })
      expect(alice.connack).toMatchObject({ returnCode: 0, sessionPresent: true })
      if (i === 1) await alice.vanish()
    }
  })

  show('3.2.2-3', 'with CleanSession 0 one that is not stored is not', async (scene) => {
    const alice = await client(scene, 'alice', { clean: false })
    const bob = await client(scene, 'bob', { clean: true })
    await bob.disconnect()
    const again = await client(scene, 'bob', { clean: false })
    for (const each of [alice, again]) expect(each.connack).toMatchObject({ returnCode: 0, sessionPresent: false })
  })

  show(
    '4.1.0-2',
    'a session lasts at least as long as its connection',
    async (scene) => {
      for (const clean of [true, false]) {
        const alice = await client(scene, `alice ${clean}`, { clean })
        await alice.subscribe([{ topic: 'a', qos: 2 }])
        await pass(10_000_000)
        alice.forget()
        const bob = await client(scene, 'bob')
        await bob.publish({ topic: 'a', payload: 'x', qos: 2 })
        expect(alice.told).toEqual(['a x 2'])
        expect(alice.of('pubrel')).toHaveLength(1)
      }
    },
    { maximumSessionExpiry: 10, sysInterval: 0 },
  )

  complete(brokerOnly['MQTT 3.1.1'].connect)
})
