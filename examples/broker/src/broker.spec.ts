import { memorySessionStore } from '@rxmqtt/core'
import { Scene, useTime, versions, pass } from '../test/scene.js'

useTime()

describe('openBroker', () => {
  it.each(versions)('delivers what one client publishes to those who want it, MQTT %s', async (protocolVersion) => {
    const scene = await Scene.open()
    const alice = await scene.client({ clientId: 'alice', protocolVersion })
    const bob = await scene.client({ clientId: 'bob', protocolVersion })
    expect(
      await bob.subscribe([
        { topic: 'a/+', qos: 2 },
        { topic: 'b', qos: 0 },
      ]),
    ).toEqual([2, 0])
    for (const qos of [0, 1, 2] as const) await alice.publish({ topic: 'a/x', payload: `qos ${qos}`, qos })
    await alice.publish({ topic: 'b', payload: 'low', qos: 2 })
    await alice.publish({ topic: 'c', payload: 'nobody', qos: 1 })
    expect(bob.heard).toEqual(['a/x qos 0', 'a/x qos 1', 'a/x qos 2', 'b low'])
    expect(bob.of('publish').map(({ qos }) => qos)).toEqual([0, 1, 2, 0])
    expect(alice.of('puback').map(({ reasonCode }) => reasonCode)).toEqual(
      protocolVersion === 5 ? [0, 0x10] : [undefined, undefined],
    )
    expect(alice.of('pubcomp')).toHaveLength(2)
    await scene.close()
    expect(scene.problems).toEqual([])
  })

  it.each(versions)('keeps a session while its client is away, MQTT %s', async (protocolVersion) => {
    const scene = await Scene.open()
    const fields = {
      protocolVersion,
      clean: false,
      properties: protocolVersion === 5 ? { sessionExpiryInterval: 100 } : undefined,
    }
    const bob = await scene.client({ clientId: 'bob', ...fields })
    await bob.subscribe([{ topic: 'a', qos: 1 }])
    await bob.vanish()
    const alice = await scene.client({ clientId: 'alice', protocolVersion })
    for (const qos of [0, 1, 2] as const) await alice.publish({ topic: 'a', payload: `qos ${qos}`, qos })
    const again = await scene.client({ clientId: 'bob', ...fields })
    expect(again.connack.sessionPresent).toBe(true)
    expect(again.heard).toEqual(['a qos 1', 'a qos 2'])
    await scene.close()
  })

  it('says goodbye to all when it stops', async () => {
    const scene = await Scene.open()
    const bob = await scene.client({ clientId: 'bob' })
    await scene.stop()
    expect(bob.of('disconnect').map(({ reasonCode }) => reasonCode)).toEqual([0x8b])
    expect(bob.end).toBeDefined()
    await scene.close()
  })

  it('publishes a will within a second of its time', async () => {
    const scene = await Scene.open()
    const bob = await scene.client({ clientId: 'bob' })
    await bob.subscribe([{ topic: '#', qos: 0 }])
    const will = { topic: 'gone', payload: 'alice', qos: 0 as const, retain: false }
    const alice = await scene.client({ clientId: 'alice', keepalive: 2, will })
    await pass(2_900)
    expect(bob.heard).toEqual([])
    await pass(1_100)
    expect(bob.heard).toEqual(['gone alice'])
    expect(alice.end).toBeDefined()
    const delayed = { ...will, payload: 'late', properties: { willDelayInterval: 5 } }
    const carol = await scene.client({ clientId: 'carol', will: delayed, properties: { sessionExpiryInterval: 60 } })
    await carol.vanish()
    await pass(4_900)
    expect(bob.heard).toHaveLength(1)
    await pass(200)
    expect(bob.heard[1]).toBe('gone late')
    await scene.close()
  })

  it('publishes what the program itself has to say, where it may be said', async () => {
    const scene = await Scene.open()
    const bob = await scene.client({ clientId: 'bob' })
    await bob.subscribe([{ topic: '#', qos: 1 }])
    scene.broker.publish({ topic: 'a', payload: 'from here', qos: 1 })
    for (const topic of ['', 'a/+', '#', 'a\0']) {
      expect(() => scene.broker.publish({ topic })).toThrow('PUBLISH topic must be a topic name')
    }
    expect(() => scene.broker.publish({ topic: 'a', qos: 7 as 0 })).toThrow('PUBLISH qos must be 0, 1 or 2, not 7')
    await pass()
    expect(bob.heard).toEqual(['a from here'])
    await scene.close()
  })

  it('a store that does not answer is a refusal after half a minute, and its end too', async () => {
    const never = (): Promise<void> => new Promise(() => undefined)
    const none = async function* (): AsyncGenerator<never> {}
    const sessions = memorySessionStore()
    const gone = (): Promise<void> => Promise.resolve()
    const store = {
      sessions,
      clients: none,
      retained: none,
      putClient: never,
      removeClient: gone,
      putRetained: gone,
      removeRetained: gone,
      close: gone,
    }
    const scene = await Scene.open({ store })
    const bob = await scene.client({ clientId: 'bob', clean: false, properties: { sessionExpiryInterval: 9 } })
    bob.connection.subscribe({ messageId: 1, subscriptions: [{ topic: 'a', qos: 1 }] })
    await pass(29_000)
    expect(bob.of('suback')).toEqual([])
    await pass(2_000)
    expect(bob.of('suback').map(({ granted }) => granted)).toEqual([[0x83]])
    expect(scene.problems).toContainEqual(expect.objectContaining({ code: 'store' }))
    await scene.stop()
    const closed = scene.broker.close().catch((error: unknown) => error)
    await pass(31_000)
    expect(await closed).toMatchObject({ code: 'store' })
  })
})
