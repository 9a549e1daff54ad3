import { Connection } from '@rxmqtt/core'
import { pass, type Scene, useTime, versions } from './scene.js'
import { lasting, withScene } from './with-scene.js'

useTime()

/** What is answered to bytes from a peer, and whether its connection has ended. */
async function answer(scene: Scene, hex: string): Promise<[string, boolean]> {
  const transport = scene.transport()
  let received = ''
  let isOver = false
  transport.bytes$.subscribe({
    next: (chunk) => (received += Buffer.from(chunk).toString('hex')),
    error: () => (isOver = true),
    complete: () => (isOver = true),
  })
  transport.sink.next(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
  await pass(1_000)
  return [received, isOver]
}

describe('who is no right client', () => {
  it.each([
    ['an unknown protocol name', '10 0d 0004 4d515458 04 02 0000 0001 61', ''],
    ['a level of the future', '10 0d 0004 4d515454 06 02 0000 0001 61', '2003008400'],
    ['a level of the past', '10 0d 0004 4d515454 02 02 0000 0001 61', '20020001'],
    ['3.1.1 with a reserved flag', '10 0d 0004 4d515454 04 03 0000 0001 61', ''],
    ['3.1.1 without an id, for a session that stays', '10 0c 0004 4d515454 04 00 0000 0000', '20020002'],
    ['PUBLISH first', '30 04 0001 61 78', ''],
    ['PINGREQ first', 'c0 00', ''],
    ['no packet at all', '00 00', ''],
    ['a length without an end', '10 ff ff ff ff ff', ''],
  ])('%s', (_, hex, received) =>
    withScene(async (scene) => {
      expect(await answer(scene, hex)).toEqual([received, true])
      expect(scene.broker.figures).toMatchObject({ sessions: 0, connected: 0 })
      const right = await scene.client({ clientId: 'right' })
      expect(right.connack.reasonCode).toBe(0)
    })(),
  )

  it.each(versions)('a second CONNECT ends the connection, MQTT %s', (protocolVersion) =>
    withScene(async (scene) => {
      const will = { topic: 'gone', payload: 'x', qos: 0, retain: false } as const
      const bob = await scene.client({ clientId: 'bob' })
      await bob.subscribe([{ topic: '#', qos: 0 }])
      const connection = new Connection(scene.transport(), { protocolVersion })
      const types: string[] = []
      connection.packets$.subscribe((packet) => types.push(packet.cmd))
      for (let i = 0; i < 2; i++) {
        connection.connect({ clientId: 'alice', clean: true, keepalive: 0, protocolVersion, will })
        await pass()
      }
      expect(types).toEqual(protocolVersion === 5 ? ['connack', 'disconnect'] : ['connack'])
      await pass(1_000)
      expect(scene.broker.figures.connected).toBe(1)
      expect(bob.heard).toEqual(['gone x'])
    })(),
  )

  it(
    'who says nothing for 10 s is cut off',
    withScene(async (scene) => {
      const transport = scene.transport()
      let isOver = false
      transport.closed$.subscribe({ error: () => (isOver = true), complete: () => (isOver = true) })
      await pass(9_900)
      expect(isOver).toBe(false)
      await pass(1_000)
      expect(isOver).toBe(true)
    }),
  )

  it.each(versions)('a filter or a topic that is none ends its connection alone, MQTT %s', (protocolVersion) =>
    withScene(async (scene) => {
      const bob = await scene.client({ clientId: 'bob', protocolVersion })
      const property = protocolVersion === 5 ? [0] : []
      const filter = (text: string): number[] => {
        const body = [0, 1, ...property, 0, text.length, ...Buffer.from(text), 0]
        return [0x82, body.length, ...body]
      }
      const topic = (text: string): number[] => {
        const body = [0, text.length, ...Buffer.from(text), ...property]
        return [0x30, body.length, ...body]
      }
      for (const bytes of [
        filter('a#'),
        filter('a/#/b'),
        filter('+a'),
        filter(''),
        topic('a/+'),
        topic('#'),
        topic(''),
      ]) {
        const eve = await scene.client({ clientId: 'eve', protocolVersion })
        eve.connection.transport.sink.next(Uint8Array.from(bytes))
        await pass(1_000)
        expect(eve.end).toBeDefined()
        expect(eve.of('disconnect').length).toBe(protocolVersion === 5 ? 1 : 0)
      }
      expect(bob.end).toBeUndefined()
      expect(scene.broker.figures).toMatchObject({ connected: 1, subscriptions: 0 })
    })(),
  )
})

describe('$SYS', () => {
  it(
    'the figures are right, for who asks for them',
    withScene(
      async (scene) => {
        const bob = await scene.client({ clientId: 'bob' })
        const away = await scene.client({ clientId: 'away', ...lasting() })
        await away.subscribe([{ topic: 'a', qos: 1 }])
        await away.vanish()
        await bob.subscribe(['$SYS/#', '#', 'a'].map((topic) => ({ topic, qos: 0 })))
        await bob.publish({ topic: 'a', payload: 'four', qos: 1 })
        await bob.publish({ topic: 'b', payload: 'five!', retain: true })
        await bob.publish({ topic: '$SYS/broker/uptime', payload: 'x', qos: 1, retain: true })
        expect(bob.heard).toEqual(['a four', 'b five!'])
        bob.forget()
        await pass(10_000)
        expect(bob.told).toEqual(
          [
            'clients/connected 1',
            'clients/total 2',
            'subscriptions/count 4',
            'retained messages/count 1',
            'retained messages/bytes 5',
            'publish/messages/received 2',
            'publish/messages/sent 3',
            'publish/messages/dropped 1',
            'uptime 10',
          ].map((text) => `$SYS/broker/${text} 0`),
        )
        bob.forget()
        await bob.subscribe([{ topic: '$SYS/broker/clients/+', qos: 0 }])
        expect(bob.told).toEqual(['$SYS/broker/clients/connected 1 0r', '$SYS/broker/clients/total 2 0r'])
      },
      { sysInterval: 10_000 },
    ),
  )
})
