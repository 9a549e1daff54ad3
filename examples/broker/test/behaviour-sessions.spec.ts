import { jest } from '@jest/globals'
import type { ConnectFields, ProtocolVersion, QoS } from '@rxmqtt/core'
import { pass, type Scene, type TestClient, useTime, versions } from './scene.js'
import { lasting, withScene } from './with-scene.js'

// A thousand connections, one after the other, take a while on a busy machine.
jest.setTimeout(90_000)
useTime()

/** A client whose session stays, by either version. */
const stays = (clientId: string, protocolVersion: ProtocolVersion): ConnectFields => ({
  clientId,
  protocolVersion,
  ...(protocolVersion === 5 ? lasting() : { clean: false }),
})

describe.each(versions)('sessions, MQTT %s', (version) => {
  it(
    'what waits comes in its order, and is not lost by a second cut',
    withScene(async (scene) => {
      const bob = await scene.client(stays('bob', version))
      await bob.subscribe([{ topic: '#', qos: 2 }])
      await bob.vanish()
      const alice = await scene.client({ clientId: 'alice' })
      const sent: string[] = []
      for (let i = 0; i < 30; i++) {
        const qos = (1 + (i % 2)) as QoS
        await alice.publish({ topic: `a/${i % 3}`, payload: String(i), qos })
        sent.push(`a/${i % 3} ${i} ${qos}`)
      }
      const back = await scene.client(stays('bob', version), { acks: false })
      expect(back.connack.sessionPresent).toBe(true)
      expect(back.told).toEqual(sent)
      const released = back.of('publish')[1]!.messageId!
      back.connection.puback({ messageId: back.of('publish')[0]!.messageId! })
      back.connection.pubrec({ messageId: released })
      await pass()
      await back.vanish()
      const last = await scene.client(stays('bob', version))
      expect(last.told).toEqual(sent.slice(2).map((told) => `${told}d`))
      expect(last.of('pubrel')[0]).toMatchObject({ messageId: released })
      await last.vanish()
      expect((await scene.client(stays('bob', version))).heard).toEqual([])
    }),
  )

  it(
    'a message of QoS 2 that comes again after a cut is published once',
    withScene(async (scene) => {
      const bob = await scene.client({ clientId: 'bob', protocolVersion: version })
      await bob.subscribe([{ topic: 'a', qos: 2 }])
      const fields = { topic: 'a', payload: 'x', qos: 2, messageId: 7 } as const
      const alice = await scene.client(stays('alice', version), { acks: false })
      alice.connection.publish(fields)
      await pass()
      await alice.vanish()
      const back = await scene.client(stays('alice', version), { acks: false })
      back.connection.publish({ ...fields, dup: true })
      await pass()
      expect(back.of('pubrec')).toHaveLength(1)
      back.connection.pubrel({ messageId: 7 })
      await pass()
      expect(back.of('pubcomp')).toHaveLength(1)
      expect(bob.told).toEqual(['a x 2'])
      back.connection.publish({ ...fields, payload: 'y' })
      await pass()
      expect(bob.told).toEqual(['a x 2', 'a y 2'])
    }),
  )

  it(
    'of what waits the oldest is dropped, and that is told',
    withScene(
      async (scene) => {
        const dropped: string[] = []
        scene.broker.dropped$.subscribe(({ clientId, message, error }) =>
          dropped.push(`${clientId} ${message.topic} ${error.code}`),
        )
        const bob = await scene.client(stays('bob', version))
        await bob.subscribe([{ topic: '#', qos: 1 }])
        await bob.vanish()
        for (let i = 0; i < 8; i++) scene.broker.publish({ topic: `a/${i}`, payload: 'x', qos: 1 })
        expect((await scene.client(stays('bob', version))).heard).toEqual(['a/3 x', 'a/4 x', 'a/5 x', 'a/6 x', 'a/7 x'])
        expect(dropped).toEqual([0, 1, 2].map((i) => `bob a/${i} overflow`))
        expect(scene.broker.figures.dropped).toBe(3)
      },
      { maxQueued: 5 },
    ),
  )

  it(
    'or the newest',
    withScene(
      async (scene) => {
        const bob = await scene.client(stays('bob', version))
        await bob.subscribe([{ topic: '#', qos: 1 }])
        await bob.vanish()
        for (let i = 0; i < 8; i++) scene.broker.publish({ topic: `a/${i}`, payload: 'x', qos: 1 })
        expect((await scene.client(stays('bob', version))).heard).toEqual(['a/0 x', 'a/1 x', 'a/2 x'])
      },
      { maxQueued: 3, queueOverflow: 'drop-newest' },
    ),
  )

  it(
    'what waits is bounded in bytes too',
    withScene(
      async (scene) => {
        const bob = await scene.client(stays('bob', version))
        await bob.subscribe([{ topic: '#', qos: 1 }])
        await bob.vanish()
        for (let i = 0; i < 8; i++) scene.broker.publish({ topic: `a/${i}`, payload: 'x'.repeat(100), qos: 1 })
        const back = await scene.client(stays('bob', version))
        expect(back.of('publish').map(({ topic }) => topic)).toEqual(['a/6', 'a/7'])
        expect(scene.broker.figures.dropped).toBe(6)
      },
      { maxQueuedBytes: 299 },
    ),
  )

  it(
    'a client that comes again takes over: never two live, and nothing is left',
    withScene(async (scene) => {
      const { broker } = scene
      const times = 1_000
      let before: TestClient | undefined
      for (let i = 0; i < times; i++) {
        const fields = i % 3 === 0 ? { clientId: 'bob', protocolVersion: version, clean: true } : stays('bob', version)
        const client = scene.dial(fields)
        await pass(1)
        expect(client.connack.returnCode ?? client.connack.reasonCode).toBe(0)
        if (i % 100 === 0) {
          client.connection.subscribe({ messageId: 1, subscriptions: [{ topic: 'a', qos: 1 }] })
          await pass(1)
          broker.publish({ topic: 'a', payload: 'x', qos: 1 })
          await pass(1)
          expect([before?.heard.includes(`a ${i}`), client.heard]).toEqual([before && false, ['a x']])
        }
        if (before !== undefined) {
          await pass(1)
          expect(before.end).toBeDefined()
          expect(before.of('disconnect').map(({ reasonCode }) => reasonCode)).toEqual(version === 5 ? [0x8e] : [])
        }
        expect(client.end).toBeUndefined()
        expect(broker.figures).toMatchObject({ connected: 1, sessions: 1 })
        before = client
      }
      await pass(1_000)
      expect(scene.events.filter(({ type }) => type === 'opened')).toHaveLength(times)
      expect(scene.events.filter(({ type }) => type === 'closed')).toHaveLength(times - 1)
      expect(scene.events.filter(({ type }) => type === 'failed')).toEqual([])
      await scene.client({ clientId: 'bob', protocolVersion: version, clean: true })
      expect(broker.figures).toMatchObject({ connected: 1, sessions: 1, subscriptions: 0 })
    }),
  )

  it(
    'many at once with one client identifier: one is left',
    withScene(async (scene) => {
      const clients = Array.from({ length: 50 }, () => scene.dial(stays('bob', version)))
      await pass(2_000)
      expect(clients.filter(({ end }) => end === undefined)).toHaveLength(1)
      expect(clients.filter((client) => client.of('connack').length === 1)).toHaveLength(50)
      expect(scene.broker.figures).toMatchObject({ connected: 1, sessions: 1 })
    }),
  )
})

describe('the expiry of sessions, MQTT 5', () => {
  const present = async (scene: Scene): Promise<boolean> =>
    (await scene.client({ clientId: 'bob', ...lasting() })).connack.sessionPresent

  it.each([
    [100, 0, 0],
    [100, 10, 10],
    [10, 100, 100],
    [100, undefined, 100],
  ])('an interval of %s s, changed to %s at DISCONNECT', (first, then, lasts) =>
    withScene(async (scene) => {
      for (const [wait, isThere] of [
        [lasts * 1_000 - 500, lasts > 0],
        [lasts * 1_000 + 500, false],
      ] as const) {
        const bob = await scene.client({ clientId: 'bob', ...lasting(first), clean: true })
        await bob.disconnect(then === undefined ? {} : { properties: { sessionExpiryInterval: then } })
        await pass(Math.max(wait, 100))
        expect(await present(scene)).toBe(isThere)
      }
    })(),
  )

  it(
    'a session of 0 s may not become a longer one at DISCONNECT',
    withScene(async (scene) => {
      const alice = await scene.client({ clientId: 'alice' })
      await alice.subscribe([{ topic: 'gone', qos: 0 }])
      const will = { topic: 'gone', payload: 'bob', qos: 0, retain: false } as const
      const bob = await scene.client({ clientId: 'bob', will })
      bob.connection.transport.sink.next(Uint8Array.of(0xe0, 7, 0, 5, 0x11, 0, 0, 0, 100))
      await pass(1_000)
      expect(bob.of('disconnect')).toMatchObject([{ reasonCode: 0x82 }])
      // It was no goodbye.
      expect(alice.heard).toEqual(['gone bob'])
      expect(scene.broker.figures.sessions).toBe(1)
    }),
  )

  it(
    'each connection says anew how long, and 0xFFFFFFFF is for ever',
    withScene(async (scene) => {
      for (const [seconds, wait] of [
        [10, 9_000],
        [0xffff_ffff, 3_000_000_000],
        [5, 4_000],
      ] as const) {
        const bob = await scene.client({ clientId: 'bob', ...lasting(seconds) })
        await bob.vanish()
        await pass(wait)
      }
      await pass(2_000)
      expect(scene.broker.figures.sessions).toBe(0)
    }),
  )

  it(
    'it is not over maximumSessionExpiry, and CONNACK says so',
    withScene(
      async (scene) => {
        const bob = await scene.client({ clientId: 'bob', ...lasting(100) })
        expect(bob.connack.properties?.sessionExpiryInterval).toBe(20)
        const alice = await scene.client({ clientId: 'alice', ...lasting(20) })
        expect(alice.connack.properties?.sessionExpiryInterval).toBeUndefined()
        const four = await scene.client({ clientId: 'four', protocolVersion: 4, clean: false })
        for (const client of [bob, alice, four]) await client.vanish()
        await pass(19_000)
        expect(scene.broker.figures.sessions).toBe(3)
        await pass(2_000)
        expect(scene.broker.figures.sessions).toBe(0)
      },
      { maximumSessionExpiry: 20 },
    ),
  )

  it(
    'a session is the same for both versions',
    withScene(async (scene) => {
      const bob = await scene.client({ clientId: 'bob', ...lasting() })
      await bob.subscribe([{ topic: 'a', qos: 1, nl: true }], { subscriptionIdentifier: 3 })
      await bob.vanish()
      scene.broker.publish({ topic: 'a', payload: 'x', qos: 1, properties: { contentType: 'text' } })
      const four = await scene.client({ clientId: 'bob', protocolVersion: 4, clean: false })
      expect(four.connack.sessionPresent).toBe(true)
      expect(four.told).toEqual(['a x 1'])
      await four.vanish()
      scene.broker.publish({ topic: 'a', payload: 'y', qos: 1, properties: { contentType: 'text' } })
      await pass(1_000_000)
      const back = await scene.client({ clientId: 'bob', ...lasting() })
      expect(back.of('publish')[0]!.properties).toEqual({ contentType: 'text', subscriptionIdentifier: 3 })
    }),
  )
})

describe('as many sessions as maximumSessions', () => {
  it(
    'one more is refused, and who has one is let in',
    withScene(
      async (scene) => {
        for (const clientId of ['a', 'b']) await (await scene.client({ clientId, ...lasting() })).vanish()
        const five = await scene.client({ clientId: 'c' })
        const four = await scene.client({ clientId: 'c', protocolVersion: 4 })
        expect([five.connack.reasonCode, four.connack.returnCode]).toEqual([0x97, 3])
        expect((await scene.client({ clientId: 'a', ...lasting() })).connack).toMatchObject({ sessionPresent: true })
        await scene.client({ clientId: 'a' })
        await (await scene.client({ clientId: 'a' })).disconnect()
        await pass(1_000)
        expect((await scene.client({ clientId: 'c' })).connack.reasonCode).toBe(0)
      },
      { maximumSessions: 2 },
    ),
  )

  it(
    'or takes the place of the one whose client has been away the longest',
    withScene(
      async (scene) => {
        for (const clientId of ['a', 'b', 'c']) await scene.client({ clientId, ...lasting() })
        expect((await scene.client({ clientId: 'd', ...lasting() })).connack.reasonCode).toBe(0x97)
        for (const clientId of ['b', 'a']) await (await scene.client({ clientId, ...lasting() })).vanish()
        expect((await scene.client({ clientId: 'd', ...lasting() })).connack.reasonCode).toBe(0)
        expect(scene.broker.figures).toMatchObject({ sessions: 3, connected: 2 })
        expect((await scene.client({ clientId: 'a', ...lasting() })).connack.sessionPresent).toBe(true)
        expect((await scene.client({ clientId: 'b', ...lasting() })).connack.reasonCode).toBe(0x97)
      },
      { maximumSessions: 3, sessionOverflow: 'drop-oldest' },
    ),
  )
})
