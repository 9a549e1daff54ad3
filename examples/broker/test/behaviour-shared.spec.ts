import type { ConnectFields } from '@rxmqtt/core'
import { pass, type Scene, type TestClient, useTime, versions } from './scene.js'
import { lasting, withScene } from './with-scene.js'

useTime()

async function join(
  scene: Scene,
  names: readonly string[],
  topic: string,
  fields: Partial<ConnectFields> = {},
): Promise<TestClient[]> {
  const clients: TestClient[] = []
  for (const clientId of names) {
    const client = await scene.client({ clientId, ...fields })
    await client.subscribe([{ topic, qos: 2 }])
    clients.push(client)
  }
  return clients
}

async function publish(scene: Scene, count: number, qos: 0 | 1 | 2 = 1): Promise<string[]> {
  const sent = Array.from({ length: count }, (_, i) => `a/b ${i}`)
  for (let i = 0; i < count; i++) {
    scene.broker.publish({ topic: 'a/b', payload: String(i), qos })
    await pass(1)
  }
  await pass()
  return sent
}

const all = (clients: readonly TestClient[]): string[] =>
  clients.flatMap(({ heard }) => heard).sort((a, b) => Number(a.slice(4)) - Number(b.slice(4)))

describe('shared subscriptions', () => {
  it.each([
    [4, 0],
    [4, 1],
    [5, 1],
    [5, 2],
  ] as const)('each message goes to one of a group, all have their turn, MQTT %s, QoS %s', (protocolVersion, qos) =>
    withScene(async (scene) => {
      const members = await join(scene, ['one', 'two', 'three'], '$share/g/a/+', { protocolVersion })
      const sent = await publish(scene, 30, qos)
      expect(all(members)).toEqual(sent)
      expect(members.map(({ heard }) => heard.length)).toEqual([10, 10, 10])
    })(),
  )

  it(
    'two groups, and who subscribed for itself, get each message',
    withScene(async (scene) => {
      const first = await join(scene, ['one', 'two'], '$share/g/a/+')
      const second = await join(scene, ['three', 'four'], '$share/h/a/+')
      const [alone] = await join(scene, ['five'], 'a/+')
      // The same share name with another filter is another group.
      const third = await join(scene, ['six'], '$share/g/a/#')
      await first[0]!.subscribe([{ topic: 'a/+', qos: 1 }])
      const sent = await publish(scene, 10)
      for (const clients of [second, third, [alone!]]) expect(all(clients)).toEqual(sent)
      expect(first[1]!.heard).toHaveLength(5)
      expect(first[0]!.heard).toHaveLength(15)
    }),
  )

  it(
    'a member that left gets nothing more, and its session nothing as long as others are there',
    withScene(async (scene) => {
      const members = await join(scene, ['one', 'two', 'three'], '$share/g/a/+', lasting())
      await members[0]!.vanish()
      await members[1]!.unsubscribe('$share/g/a/+')
      expect(members[2]!.heard).toEqual([])
      const sent = await publish(scene, 10)
      expect(members[2]!.heard).toEqual(sent)
      expect((await scene.client({ clientId: 'one', ...lasting() })).heard).toEqual([])
    }),
  )

  it(
    'when all are away the messages wait for them',
    withScene(async (scene) => {
      const members = await join(scene, ['one', 'two'], '$share/g/a/+', lasting())
      const gone = await join(scene, ['gone'], '$share/g/a/+')
      for (const client of [...members, ...gone]) await client.vanish()
      const sent = await publish(scene, 10)
      const back = [
        await scene.client({ clientId: 'one', ...lasting() }),
        await scene.client({ clientId: 'two', ...lasting() }),
      ]
      expect(all(back)).toEqual(sent)
    }),
  )

  it(
    'a member that is full is passed over',
    withScene(async (scene) => {
      const full = await scene.client({ clientId: 'full', properties: { receiveMaximum: 2 } }, { acks: false })
      await full.subscribe([{ topic: '$share/g/a/+', qos: 1 }])
      const [quick] = await join(scene, ['quick'], '$share/g/a/+')
      const sent = await publish(scene, 20)
      expect(full.heard).toHaveLength(2)
      // Nothing waits for it.
      expect(all([full, quick!])).toEqual(sent)
      for (const { messageId } of full.of('publish')) full.connection.puback({ messageId: messageId! })
      await publish(scene, 2)
      expect(full.heard.length).toBeGreaterThan(2)
    }),
  )

  it(
    'a member whose network is stuck is passed over',
    withScene(async (scene) => {
      const stuck = await scene.client({ clientId: 'stuck' })
      await stuck.subscribe([{ topic: '$share/g/a/+', qos: 0 }])
      const [quick] = await join(scene, ['quick'], '$share/g/a/+')
      stuck.connection.pause()
      const payload = 'x'.repeat(70_000)
      for (let i = 0; i < 10; i++) {
        scene.broker.publish({ topic: 'a/b', payload, qos: 0 })
        await pass()
      }
      expect(quick!.heard.length).toBeGreaterThanOrEqual(8)
      stuck.connection.resume()
      await pass()
      expect(quick!.heard.length + stuck.heard.length).toBe(10)
    }),
  )

  it(
    'retained messages are not for them, and no-local is not allowed',
    withScene(async (scene) => {
      scene.broker.publish({ topic: 'a/b', payload: 'x', qos: 1, retain: true })
      const [one] = await join(scene, ['one'], '$share/g/a/+')
      expect(one!.heard).toEqual([])
      const bytes = Uint8Array.from([0x82, 16, 0, 9, 0, 0, 10, ...Buffer.from('$share/g/a'), 0x05])
      one!.connection.transport.sink.next(bytes)
      await pass()
      expect(one!.of('disconnect')).toMatchObject([{ reasonCode: 0x82 }])
    }),
  )

  it.each(versions)(
    'a member that is over its own QoS gets less, and its refusal is nobody else’s, MQTT %s',
    (protocolVersion) =>
      withScene(async (scene) => {
        const zero = await scene.client({ clientId: 'zero', protocolVersion })
        await zero.subscribe([{ topic: '$share/g/#', qos: 0 }])
        const [two] = await join(scene, ['two'], '$share/g/#', { protocolVersion })
        await publish(scene, 4, 2)
        expect(zero.of('publish').map(({ qos }) => qos)).toEqual([0, 0])
        expect(two!.of('publish').map(({ qos }) => qos)).toEqual([2, 2])
      })(),
  )
})
