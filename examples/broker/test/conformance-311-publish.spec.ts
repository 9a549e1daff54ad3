import { matchesFilter, type ConnectFields, type QoS } from '@rxmqtt/core'
import { pass, type Scene, type TestClient } from './scene.js'
import { brokerOnly, statements } from './statements.js'

const qualities: readonly QoS[] = [0, 1, 2]

const client = (
  scene: Scene,
  clientId: string,
  fields: Partial<ConnectFields> = {},
  acks = true,
): Promise<TestClient> => scene.client({ clientId, protocolVersion: 4, ...fields }, { acks })

describe('MQTT 3.1.1, broker only: PUBLISH', () => {
  const { show, complete } = statements('MQTT 3.1.1')

  show('3.3.1-5', 'a message with RETAIN is kept with its QoS for later subscribers', async (scene) => {
    const alice = await client(scene, 'alice')
    for (const qos of [1, 2] as const) await alice.publish({ topic: `a/${qos}`, payload: 'x', qos, retain: true })
    await alice.vanish()
    for (const name of ['bob', 'carol']) {
      const late = await client(scene, name)
      await late.subscribe([{ topic: 'a/+', qos: 2 }])
      expect(late.told).toEqual(['a/1 x 1r', 'a/2 x 2r'])
    }
  })

  show('3.3.1-6', 'a new subscription gets the last retained message of each topic', async (scene) => {
    const alice = await client(scene, 'alice')
    for (const topic of ['a/1', 'b', 'a/2']) {
      for (const payload of ['first', 'last']) await alice.publish({ topic, payload, qos: 1, retain: true })
    }
    const bob = await client(scene, 'bob')
    await bob.subscribe([{ topic: 'none/#', qos: 1 }])
    expect(bob.heard).toEqual([])
    await bob.subscribe([{ topic: 'a/#', qos: 1 }])
    expect(bob.heard).toEqual(['a/1 last', 'a/2 last'])
    await bob.subscribe([{ topic: 'b', qos: 0 }])
    expect(bob.told.at(-1)).toBe('b last 0r')
  })

  show('3.3.1-7', 'one of QoS 0 takes the place of the one before', async (scene) => {
    const alice = await client(scene, 'alice')
    await alice.publish({ topic: 'a', payload: 'old', qos: 2, retain: true })
    await alice.publish({ topic: 'a', payload: 'new', qos: 0, retain: true })
    const bob = await client(scene, 'bob')
    await bob.subscribe([{ topic: 'a', qos: 2 }])
    expect(bob.told).toEqual(['a new 0r'])
  })

  show('3.3.1-8 3.3.1-9', 'RETAIN says that a message is older than its subscription', async (scene) => {
    const alice = await client(scene, 'alice')
    for (const qos of qualities) await alice.publish({ topic: `a/${qos}`, payload: 'old', qos, retain: true })
    const bob = await client(scene, 'bob', { clean: false })
    await bob.subscribe([{ topic: 'a/+', qos: 2 }])
    expect(bob.told).toEqual(qualities.map((qos) => `a/${qos} old ${qos}r`))
    bob.forget()
    for (const qos of qualities) await alice.publish({ topic: `a/${qos}`, payload: 'new', qos, retain: true })
    expect(bob.told).toEqual(qualities.map((qos) => `a/${qos} new ${qos}`))
    await bob.vanish()
    await alice.publish({ topic: 'a/1', payload: 'away', qos: 1, retain: true })
    expect((await client(scene, 'bob', { clean: false })).told).toEqual(['a/1 away 1'])
  })

  show('3.3.1-10', 'an empty one travels as any other, and takes the retained one away', async (scene) => {
    const alice = await client(scene, 'alice')
    const bob = await client(scene, 'bob')
    await bob.subscribe([{ topic: '#', qos: 2 }])
    for (const qos of qualities) {
      await alice.publish({ topic: 'a', payload: 'x', qos: 1, retain: true })
      await alice.publish({ topic: 'a', payload: '', qos, retain: true })
      expect(bob.told.at(-1)).toBe(`a  ${qos}`)
      const carol = await client(scene, 'carol')
      await carol.subscribe([{ topic: '#', qos: 2 }])
      expect(carol.heard).toEqual([])
    }
  })

  show('3.3.1-11', 'an empty one is not kept', async (scene) => {
    const alice = await client(scene, 'alice')
    for (const qos of qualities) await alice.publish({ topic: `a/${qos}`, payload: '', qos, retain: true })
    await alice.subscribe([{ topic: '#', qos: 2 }])
    expect(alice.heard).toEqual([])
    expect(scene.broker.figures.retained).toBe(0)
  })

  show('3.3.1-12', 'without RETAIN nothing is kept, replaced or taken away', async (scene) => {
    const alice = await client(scene, 'alice')
    await alice.publish({ topic: 'a', payload: 'kept', qos: 1, retain: true })
    for (const payload of ['other', '']) await alice.publish({ topic: 'a', payload, qos: 2 })
    await alice.publish({ topic: 'b', payload: 'live' })
    await alice.subscribe([{ topic: '#', qos: 2 }])
    expect(alice.told).toEqual(['a kept 1r'])
  })

  show('3.3.2-3', 'the topic of each PUBLISH matches the filter of its subscription', async (scene) => {
    const topics = ['a', '/a', 'a/', 'a/b', 'a/b/c', 'b/a', '/', 'A/b', '$a/b', 'a//c']
    const alice = await client(scene, 'alice')
    for (const topic of topics) await alice.publish({ topic, payload: 'x', qos: 1, retain: true })
    for (const filter of ['#', '+', '+/+', 'a/#', 'a/+', '+/b', '/+', 'a/+/c', '$a/#', 'a/b/c', 'a//c']) {
      const bob = await client(scene, 'bob')
      await bob.subscribe([{ topic: filter, qos: 0 }])
      for (const topic of topics) await alice.publish({ topic, payload: 'x', qos: 1 })
      const wanted = topics.filter((topic) => matchesFilter(filter, topic))
      expect(wanted.length).toBeGreaterThan(0)
      expect(bob.of('publish').map(({ topic }) => topic)).toEqual([...wanted, ...wanted])
    }
  })

  show('3.3.5-1', 'overlapping subscriptions: the highest QoS of all that match', async (scene) => {
    const bob = await client(scene, 'bob')
    for (const [topic, qos] of [
      ['a/b', 0],
      ['a/+', 2],
      ['#', 1],
    ] as const) {
      await bob.subscribe([{ topic, qos }])
    }
    for (const topic of ['a/b', 'c']) await bob.publish({ topic, payload: 'x', qos: 2 })
    expect(bob.told).toEqual(['a/b x 2', 'c x 1'])
  })

  show(
    '3.3.5-2',
    'a message that is not allowed is acknowledged, and nobody gets it',
    async (scene) => {
      const eve = await client(scene, 'eve')
      const bob = await client(scene, 'bob')
      await bob.subscribe([{ topic: '#', qos: 2 }])
      for (const qos of qualities) await eve.publish({ topic: 'secret', payload: 'x', qos, retain: true })
      expect(eve.of('puback')).toHaveLength(1)
      expect([eve.of('pubrec').length, eve.of('pubcomp').length]).toEqual([1, 1])
      await eve.publish({ topic: 'open', payload: 'x', qos: 1 })
      expect(bob.heard).toEqual(['open x'])
      expect(eve.end).toBeUndefined()
      expect(scene.broker.figures).toMatchObject({ retained: 0, dropped: 3 })
    },
    { authorization: { publish: ({ topic }) => topic !== 'secret' } },
  )

  show('4.5.0-1', 'a message is added to the session of everybody who wants it', async (scene) => {
    const alice = await client(scene, 'alice')
    const here = await client(scene, 'here')
    const busy = await client(scene, 'busy', { clean: false }, false)
    const away = await client(scene, 'away', { clean: false })
    for (const each of [here, busy, away]) await each.subscribe([{ topic: 'a/#', qos: 2 }])
    await away.vanish()
    for (const qos of [1, 2] as const) await alice.publish({ topic: 'a/b', payload: 'x', qos })
    expect([alice.of('puback').length, alice.of('pubcomp').length]).toEqual([1, 1])
    expect(here.told).toEqual(['a/b x 1', 'a/b x 2'])
    await busy.vanish()
    expect((await client(scene, 'busy', { clean: false })).told).toEqual(['a/b x 1d', 'a/b x 2d'])
    expect((await client(scene, 'away', { clean: false })).told).toEqual(['a/b x 1', 'a/b x 2'])
  })

  show(
    '4.6.0-5 4.6.0-6',
    'each subscriber gets the messages of a client in their order, by topic and QoS',
    async (scene) => {
      const slow = await client(scene, 'slow', { clean: false }, false)
      const quick = await client(scene, 'quick')
      for (const each of [slow, quick]) await each.subscribe([{ topic: '#', qos: 2 }])
      const alice = await client(scene, 'alice')
      const sent: Record<string, string[]> = {}
      for (let i = 0; i < 90; i++) {
        const qos = qualities[(i * 7 + (i >> 2)) % 3]!
        const topic = `a/${i % 2}`
        ;(sent[`${topic} ${qos}`] ??= []).push(`${topic} ${i}`)
        alice.connection.publish({ topic, payload: String(i), qos, ...(qos > 0 && { messageId: i + 1 }) })
        if (i % 9 === 0) await pass(0)
      }
      await pass()
      const heard = (each: TestClient): Record<string, string[]> => {
        const all: Record<string, string[]> = {}
        for (const [i, { topic, qos }] of each.of('publish').entries()) {
          ;(all[`${topic} ${qos}`] ??= []).push(each.heard[i]!)
        }
        return all
      }
      expect(heard(quick)).toEqual(sent)
      await slow.vanish()
      const back = await client(scene, 'slow', { clean: false })
      for (const topic of ['a/0', 'a/1']) {
        // Those that were in flight come again; of QoS 0 each comes once.
        for (const qos of [1, 2]) expect(heard(back)[`${topic} ${qos}`]).toEqual(sent[`${topic} ${qos}`])
        const once = [slow, back].flatMap((each) => heard(each)[`${topic} 0`] ?? [])
        expect(once).toEqual(sent[`${topic} 0`])
      }
    },
    { receiveMaximum: 4 },
  )

  complete(brokerOnly['MQTT 3.1.1'].publish)
})
