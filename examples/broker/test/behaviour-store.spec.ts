import type { SessionChange } from '@rxmqtt/core'
import { pass, Scene, useTime, versions } from './scene.js'
import { Shelf } from './shelf.js'
import { lasting } from './with-scene.js'

useTime()

const will = { topic: 'gone', payload: 'x', qos: 1, retain: false } as const

/** Each broker takes the place of one that was killed. */
async function restarted(shelf: Shelf): Promise<Scene> {
  const scene = await Scene.open({ store: shelf.open() })
  await pass()
  return scene
}

describe('a broker that was killed', () => {
  it.each([
    ['of a session that ends with its connection', {}],
    ['of a session that lasts', lasting(1_000)],
  ])('publishes a will %s once, however often it is killed', async (_, terms) => {
    const shelf = new Shelf()
    const first = await restarted(shelf)
    const sub = await first.client({ clientId: 'sub', ...lasting(10_000) })
    await sub.subscribe([{ topic: '#', qos: 1 }])
    await first.client({ clientId: 'x', will, ...terms })
    const heard: string[] = []
    for (let i = 0; i < 3; i++) {
      const scene = await restarted(shelf)
      heard.push(...(await scene.client({ clientId: 'sub', ...lasting(10_000) })).heard)
    }
    expect(heard).toEqual(['gone x'])
    expect([...shelf.clients.values()].map((record) => record.will)).not.toContainEqual(will)
  })

  it('leaves no record of a session that ended with its connection', async () => {
    const shelf = new Shelf()
    await (await restarted(shelf)).client({ clientId: 'x', will })
    expect([...shelf.clients.keys()]).toEqual(['x'])
    await restarted(shelf)
    expect([...shelf.clients.keys()]).toEqual([])
  })
})

it('a session makes room for another in the order in which clients left, also after a restart', async () => {
  const shelf = new Shelf()
  const options = { maximumSessions: 2, sessionOverflow: 'drop-oldest' } as const
  const first = await Scene.open({ store: shelf.open(), ...options })
  for (const clientId of ['first', 'second']) {
    await (await first.client({ clientId, ...lasting() })).disconnect()
    await pass(1_000)
  }
  // A store has an order of its own.
  const record = shelf.clients.get('first')!
  shelf.clients.delete('first')
  shelf.clients.set('first', record)
  const scene = await Scene.open({ store: shelf.open(), ...options })
  await scene.client({ clientId: 'third', ...lasting() })
  expect([...shelf.clients.keys()].sort()).toEqual(['second', 'third'])
  await scene.close()
})

describe('a SUBSCRIBE whose last filter is refused', () => {
  it.each([
    ['has too many levels', 'a/b/c/d', 0x8f],
    ['is one that the hook fails for', 'fails', 0x80],
  ])('is answered when the others are stored: it %s', async (_, topic, code) => {
    const shelf = new Shelf()
    const subscribe = (wish: { readonly topic: string }): boolean => {
      if (wish.topic === 'fails') throw new Error('the hook fails')
      return true
    }
    const scene = await Scene.open({ store: shelf.open(), maximumLevels: 3, authorization: { subscribe } })
    const alice = await scene.client({ clientId: 'alice', ...lasting() })
    const wishes = [
      { topic: 'good', qos: 1 },
      { topic, qos: 1 },
    ] as const
    expect(await alice.subscribe(wishes)).toEqual([1, code])
    expect(shelf.clients.get('alice')!.subscriptions).toMatchObject([{ topic: 'good', qos: 1 }])
    await scene.close()
  })
})

describe('a store that fails once', () => {
  it.each(versions)('does not hold back acknowledgements for ever, MQTT %s', async (protocolVersion) => {
    const shelf = new Shelf()
    const scene = await restarted(shelf)
    const terms = { protocolVersion, ...(protocolVersion === 5 ? lasting() : { clean: false }) }
    const sub = await scene.client({ clientId: 'sub', ...terms })
    await sub.subscribe([{ topic: 'a', qos: 2 }])
    await sub.vanish()
    const pub = await scene.client({ clientId: 'pub', protocolVersion })
    for (const qos of [1, 2] as const) {
      shelf.fail('write')
      await pub.publish({ topic: 'a', payload: `${qos} first`, qos })
      await pub.publish({ topic: 'a', payload: `${qos} second`, qos })
      expect(pub.of(qos === 1 ? 'puback' : 'pubcomp')).toEqual([])
      await pass(2_000)
      expect(pub.of(qos === 1 ? 'puback' : 'pubcomp')).toHaveLength(2)
    }
    expect(scene.problems).not.toEqual([])
    const again = await scene.client({ clientId: 'sub', ...terms })
    expect(again.heard).toEqual(['a 1 first', 'a 1 second', 'a 2 first', 'a 2 second'])
    await scene.close()
  })

  it('has the last retained message of a topic in the end', async () => {
    const shelf = new Shelf()
    const scene = await restarted(shelf)
    const pub = await scene.client({ clientId: 'pub' })
    shelf.fail('putRetained')
    await pub.publish({ topic: 'a', payload: 'kept', qos: 1, retain: true })
    shelf.fail('putRetained')
    await pub.publish({ topic: 'b', payload: 'old', qos: 1, retain: true })
    await pub.publish({ topic: 'b', payload: 'new', qos: 1, retain: true })
    expect(pub.of('puback')).toEqual([])
    await pass(2_000)
    expect(pub.of('puback')).toHaveLength(3)
    const written = [...shelf.retained.values()].map(
      ({ topic, payload }) => `${topic} ${new TextDecoder().decode(payload)}`,
    )
    expect(written.sort()).toEqual(['a kept', 'b new'])
    shelf.fail('removeRetained')
    await pub.publish({ topic: 'a', payload: '', qos: 1, retain: true })
    await pass(2_000)
    expect([...shelf.retained.keys()]).toEqual(['b'])
    expect(pub.of('puback')).toHaveLength(4)
    await scene.close()
  })

  it('is closed all the same, once, and who closes the broker hears of it', async () => {
    const shelf = new Shelf()
    const scene = await restarted(shelf)
    for (const clientId of ['a', 'b']) await (await scene.client({ clientId, ...lasting() })).disconnect()
    await scene.stop()
    shelf.fail('putClient')
    await expect(scene.broker.close()).rejects.toThrow('putClient failed')
    await expect(scene.broker.close()).rejects.toThrow('putClient failed')
    expect(shelf.closed).toBe(1)
  })
})

it('sessions may be stored by an instance of a class', async () => {
  const shelf = new Shelf()
  const store = shelf.open()
  class Sessions {
    load(id: string) {
      return store.sessions.load(id)
    }
    write(id: string, changes: readonly SessionChange[]) {
      return store.sessions.write(id, changes)
    }
    clear(id: string) {
      return store.sessions.clear(id)
    }
  }
  const scene = await Scene.open({ store: { ...store, sessions: new Sessions() } })
  const alice = await scene.client({ clientId: 'alice', ...lasting() })
  expect(alice.end).toBeUndefined()
  expect(scene.events.map(({ type }) => type)).toEqual(['opened'])
  await scene.close()
})

it('figures of $SYS are not stored', async () => {
  const shelf = new Shelf()
  const scene = await Scene.open({ store: shelf.open(), sysInterval: 1_000 })
  await pass(1_100)
  expect(scene.broker.figures.retained).toBeGreaterThan(0)
  expect(shelf.calls).toEqual([])
  await scene.close()
})
