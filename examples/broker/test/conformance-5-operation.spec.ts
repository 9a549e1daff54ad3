import type { QoS } from '@rxmqtt/core'
import { pass, type Scene, type TestClient } from './scene.js'
import { brokerOnly, statements } from './statements.js'
import { lasting } from './with-scene.js'

const qualities: readonly QoS[] = [0, 1, 2]
const group = '$share/g/a'

/** Two members of a group that don't acknowledge by themselves, and which of them got the first message. */
async function members(scene: Scene, qos: QoS): Promise<{ chosen: TestClient; other: TestClient; id: string }> {
  const clients: TestClient[] = []
  for (const clientId of ['one', 'two']) {
    const client = await scene.client({ clientId, ...lasting() }, { acks: false })
    await client.subscribe([{ topic: group, qos: 2 }])
    clients.push(client)
  }
  const alice = await scene.client({ clientId: 'alice' })
  await alice.publish({ topic: 'a', payload: 'x', qos })
  expect(clients.flatMap(({ told }) => told)).toEqual([`a x ${qos}`])
  const index = clients.findIndex(({ told }) => told.length > 0)
  return { chosen: clients[index]!, other: clients[1 - index]!, id: ['one', 'two'][index]! }
}

describe('MQTT 5, broker only: operation', () => {
  const { show, complete } = statements('MQTT 5')

  show('4.1.0-2', 'a session is discarded when its expiry interval has passed', async (scene) => {
    const alice = await scene.client({ clientId: 'alice' })
    for (const seconds of [0, 1, 30]) {
      const bob = await scene.client({ clientId: 'bob', ...lasting(seconds) })
      await bob.subscribe([{ topic: 'a', qos: 1 }])
      // It does not count while the connection is open.
      await pass(60_000)
      expect(scene.broker.figures).toMatchObject({ sessions: 2, subscriptions: 1 })
      await bob.vanish()
      await alice.publish({ topic: 'a', payload: 'x', qos: 1 })
      if (seconds > 0) {
        await pass(seconds * 1_000 - 100)
        expect(scene.broker.figures).toMatchObject({ sessions: 2, subscriptions: 1 })
      }
      await pass(1_000)
      expect(scene.broker.figures).toMatchObject({ sessions: 1, subscriptions: 0 })
      const back = await scene.client({ clientId: 'bob', ...lasting(0) })
      expect(back.connack.sessionPresent).toBe(false)
      expect(back.heard).toEqual([])
      await back.disconnect()
      await pass(1_000)
    }
  })

  show('4.5.0-1', 'a message is added to the session of everybody who wants it', async (scene) => {
    const alice = await scene.client({ clientId: 'alice' })
    const here = await scene.client({ clientId: 'here' })
    const busy = await scene.client({ clientId: 'busy', ...lasting() }, { acks: false })
    const away = await scene.client({ clientId: 'away', ...lasting() })
    const deaf = await scene.client({ clientId: 'deaf', ...lasting() })
    for (const client of [here, busy, away]) await client.subscribe([{ topic: 'a/#', qos: 2 }])
    await deaf.subscribe([{ topic: 'b', qos: 2 }])
    for (const client of [away, deaf]) await client.vanish()
    for (const qos of [1, 2] as const) await alice.publish({ topic: 'a/b', payload: 'x', qos })
    expect(alice.of('puback')).toMatchObject([{ reasonCode: 0 }])
    expect(alice.of('pubrec')).toMatchObject([{ reasonCode: 0 }])
    expect(here.told).toEqual(['a/b x 1', 'a/b x 2'])
    await busy.vanish()
    const back = async (clientId: string): Promise<string[]> => (await scene.client({ clientId, ...lasting() })).told
    expect(await back('busy')).toEqual(['a/b x 1d', 'a/b x 2d'])
    expect(await back('away')).toEqual(['a/b x 1', 'a/b x 2'])
    expect(await back('deaf')).toEqual([])
  })

  show('4.6.0-5', 'each subscriber gets the messages of a client in their order, by topic and QoS', async (scene) => {
    const properties = { receiveMaximum: 3 }
    const slow = await scene.client({ clientId: 'slow', properties }, { acks: false })
    const quick = await scene.client({ clientId: 'quick' })
    const away = await scene.client({ clientId: 'away', ...lasting() })
    for (const client of [slow, quick, away]) await client.subscribe([{ topic: 'a', qos: 2 }])
    await away.vanish()
    const alice = await scene.client({ clientId: 'alice' })
    const sent: Record<QoS, string[]> = { 0: [], 1: [], 2: [] }
    for (let i = 0; i < 60; i++) {
      const qos = qualities[(i * 7 + (i >> 2)) % 3]!
      sent[qos].push(`a ${i}`)
      alice.connection.publish({ topic: 'a', payload: String(i), qos, ...(qos > 0 && { messageId: i + 1 }) })
      if (i % 9 === 0) await pass(0)
    }
    await pass()
    for (let i = 0; i < slow.received.length; i++) {
      const packet = slow.received[i]!
      if (packet.cmd === 'pubrel') slow.connection.pubcomp({ messageId: packet.messageId })
      else if (packet.cmd === 'publish' && packet.qos === 1) slow.connection.puback({ messageId: packet.messageId! })
      else if (packet.cmd === 'publish' && packet.qos === 2) slow.connection.pubrec({ messageId: packet.messageId! })
      await pass(1)
    }
    const back = await scene.client({ clientId: 'away', ...lasting() })
    const heard = (client: TestClient, qos: QoS): string[] =>
      client.heard.filter((_, i) => client.of('publish')[i]!.qos === qos)
    for (const qos of qualities) {
      for (const client of [slow, quick]) expect(heard(client, qos)).toEqual(sent[qos])
      expect(heard(back, qos)).toEqual(qos === 0 ? [] : sent[qos])
    }
  })

  show('4.6.0-6', 'that is so for every topic, by whatever filter', async (scene) => {
    const alice = await scene.client({ clientId: 'alice' })
    const topics = ['a', 'a/b', '/', '$x/y', 'a/b/c', 'ä/ö']
    const filters = ['#', '$x/#', 'a/#', '+/b', 'ä/+']
    const bobs: TestClient[] = []
    for (const topic of filters) {
      const bob = await scene.client({ clientId: `bob ${topic}` })
      await bob.subscribe([{ topic, qos: 1 }])
      bobs.push(bob)
    }
    for (let i = 0; i < 40; i++) {
      for (const topic of topics) {
        alice.connection.publish({ topic, payload: String(i), qos: 1, messageId: 1 + i * 10 + topics.indexOf(topic) })
      }
      if (i % 10 === 9) await pass()
    }
    await pass()
    for (const bob of bobs) {
      const seen = new Set(bob.of('publish').map(({ topic }) => topic))
      expect(seen.size).toBeGreaterThan(0)
      for (const topic of seen) {
        const payloads = bob.heard.filter((heard) => heard.startsWith(`${topic} `))
        expect(payloads).toEqual(Array.from({ length: 40 }, (_, i) => `${topic} ${i}`))
      }
    }
  })

  show('4.7.2-1', 'a filter that begins with a wildcard has nothing to do with $-topics', async (scene) => {
    const alice = await scene.client({ clientId: 'alice' })
    const topics = ['$a', '$a/b', '$']
    const send = async (payload: string): Promise<void> => {
      for (const topic of topics) await alice.publish({ topic, payload, qos: 1, retain: true })
    }
    await send('kept')
    const bob = await scene.client({ clientId: 'bob' })
    await bob.subscribe(['#', '+/#', '+', '+/b', '+/+', '$share/g/#'].map((topic) => ({ topic, qos: 1 })))
    await send('live')
    expect(bob.heard).toEqual([])
    await bob.subscribe(['$a/#', '$'].map((topic) => ({ topic, qos: 1, rh: 2 })))
    await send('asked for')
    expect(bob.heard).toEqual(['$a asked for', '$a/b asked for', '$ asked for'])
  })

  show('4.7.3-4', 'topics and filters are taken as they are', async (scene) => {
    const alice = await scene.client({ clientId: 'alice' })
    const names = [
      'a',
      'A',
      '/a',
      'a/',
      '//a',
      'a//',
      ' a',
      'a ',
      'ä',
      'a\u0308',
      '\uFEFFa',
      'a\u200b',
      'ﬁ',
      'fi',
      '１',
      '1',
    ]
    const odd = ['%61', 'a%2Fb', 'a/b', 'a/./b', 'a/../b', 'a\\b', '😀', '\ufffd', '__proto__', 'constructor', 'İ', 'i']
    for (const [index, topic] of [...names, ...odd].entries()) {
      const bob = await scene.client({ clientId: 'bob' })
      await bob.subscribe([{ topic, qos: 0, rh: 2 }])
      for (const each of [...names, ...odd]) alice.connection.publish({ topic: each, payload: 'x' })
      await pass()
      expect([index, bob.heard]).toEqual([index, [`${topic} x`]])
    }
  })

  show('4.8.2-3', 'a shared subscription: each member has the QoS that it was granted', async (scene) => {
    const alice = await scene.client({ clientId: 'alice' })
    const clients: TestClient[] = []
    for (const qos of qualities) {
      const client = await scene.client({ clientId: `member ${qos}` })
      await client.subscribe([{ topic: group, qos }])
      clients.push(client)
    }
    for (const qos of qualities) for (let i = 0; i < 3; i++) await alice.publish({ topic: 'a', payload: 'x', qos })
    for (const [granted, client] of clients.entries()) {
      expect(client.of('publish').map(({ qos }) => qos)).toEqual(qualities.map((qos) => Math.min(qos, granted)))
    }
  })

  show('4.8.2-4', 'what a member began to get with QoS 2 is completed when it is back', async (scene) => {
    const { chosen, other, id } = await members(scene, 2)
    const { messageId } = chosen.of('publish')[0]!
    await chosen.vanish()
    await pass(1_000)
    const back = await scene.client({ clientId: id, ...lasting() }, { acks: false })
    expect(back.told).toEqual(['a x 2d'])
    back.connection.pubrec({ messageId: messageId! })
    await pass()
    expect(back.of('pubrel')).toMatchObject([{ messageId }])
    await back.vanish()
    const last = await scene.client({ clientId: id, ...lasting() })
    expect(last.received.slice(1)).toMatchObject([{ cmd: 'pubrel', messageId }])
    expect(other.heard).toEqual([])
  })

  show('4.8.2-5', 'nobody else gets it where the session ends before', async (scene) => {
    const { chosen, other, id } = await members(scene, 2)
    await chosen.vanish()
    await pass(101_000)
    expect(scene.broker.figures.sessions).toBe(2)
    expect((await scene.client({ clientId: id, ...lasting() })).heard).toEqual([])
    await other.vanish()
    expect((await scene.client({ clientId: id === 'one' ? 'two' : 'one', ...lasting() })).heard).toEqual([])
  })

  for (const qos of [1, 2] as const) {
    show('4.8.2-6', `what a member refuses nobody else gets, QoS ${qos}`, async (scene) => {
      const { chosen, other, id } = await members(scene, qos)
      const { messageId } = chosen.of('publish')[0]!
      const answer = { messageId: messageId!, reasonCode: 0x83 } as const
      if (qos === 1) chosen.connection.puback(answer)
      else chosen.connection.pubrec(answer)
      await pass(1_000)
      expect(chosen.of('pubrel')).toEqual([])
      await chosen.vanish()
      expect((await scene.client({ clientId: id, ...lasting() })).heard).toEqual([])
      expect(other.heard).toEqual([])
      expect(other.end).toBeUndefined()
    })
  }

  complete(brokerOnly['MQTT 5'].operation)
})
