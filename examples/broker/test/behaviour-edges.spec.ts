import { NEVER, of, Subject } from 'rxjs'
import { pass, Scene, useTime } from './scene.js'
import { lasting, withScene } from './with-scene.js'

useTime()

describe('a hook that takes its time for PUBLISH', () => {
  it('holds back the next connection of the client too', async () => {
    const answer = new Subject<boolean>()
    const scene = await Scene.open({ authorization: { publish: () => answer } })
    const first = await scene.client({ clientId: 'x', ...lasting() })
    await first.publish({ topic: 'a', payload: '1' })
    const second = await scene.client({ clientId: 'x', ...lasting() })
    for (let i = 0; i < 50; i++) await second.publish({ topic: 'a', payload: '2' })
    const { connection } = scene.events.filter(({ type }) => type === 'opened').at(-1)!
    // CONNECT, and one that waits for its turn.
    expect(connection!.packetsReceived).toBe(2)
    for (let i = 0; i < 51; i++) {
      answer.next(true)
      await pass(1)
    }
    expect(scene.broker.figures.received).toBe(51)
    await scene.close()
  })

  it('decides about the client that sent it, not about one that came later', async () => {
    const answer = new Subject<boolean>()
    const asked: unknown[] = []
    const scene = await Scene.open({
      authorization: {
        publish: ({ topic }, { username }) => {
          asked.push([topic, username])
          return answer
        },
      },
    })
    for (const name of ['alice', 'bob', 'carol']) {
      const client = await scene.client({ clientId: 'x', username: name, ...lasting() })
      await client.publish({ topic: `from/${name}`, payload: 'x' })
    }
    for (let i = 0; i < 3; i++) answer.next(true)
    expect(asked).toEqual([
      ['from/alice', 'alice'],
      ['from/bob', 'bob'],
      ['from/carol', 'carol'],
    ])
    await scene.close()
  })

  it('says no after 30 s, so that the session goes on', async () => {
    const scene = await Scene.open({ authorization: { publish: ({ topic }) => topic !== 'slow' || NEVER } })
    const alice = await scene.client({ clientId: 'alice', ...lasting() })
    await alice.publish({ topic: 'slow', payload: 'x', qos: 1 })
    await alice.publish({ topic: 'fast', payload: 'x', qos: 1 })
    await pass(29_900)
    expect(alice.of('puback')).toEqual([])
    await pass(200)
    expect(alice.of('puback').map(({ reasonCode }) => reasonCode)).toEqual([0x87, 0x10])
    expect(scene.problems).toMatchObject([{ code: 'timeout' }])
    await scene.close()
  })
})

it(
  'topics of the broker itself are for nobody else, also the one that is their name alone',
  withScene(async (scene) => {
    const alice = await scene.client({ clientId: 'alice' })
    await alice.subscribe([{ topic: '$SYS/#', qos: 0 }])
    for (const topic of ['$SYS', '$SYS/x', '$share', '$share/x', '$SYSTEM']) {
      await alice.publish({ topic, payload: 'x', qos: 1 })
    }
    expect(alice.heard).toEqual([])
    expect(alice.of('puback').map(({ reasonCode }) => reasonCode)).toEqual([0x87, 0x87, 0x87, 0x87, 0x10])
  }),
)

it(
  'a will has no more levels than any other message',
  withScene(
    async (scene) => {
      const will = { payload: 'x', qos: 0, retain: false } as const
      const three = await scene.client({ clientId: 'three', will: { ...will, topic: 'a/b/c' } })
      const four = await scene.client({ clientId: 'four', will: { ...will, topic: 'a/b/c/d' } })
      expect([three.connack.reasonCode, four.connack.reasonCode]).toEqual([0, 0x90])
    },
    { maximumLevels: 3 },
  ),
)

it(
  'a shared subscription skips a member that is away and would lose the message, for one that is away and keeps it',
  withScene(async (scene) => {
    for (const [clientId, qos] of [
      ['loses', 0],
      ['keeps', 1],
    ] as const) {
      const member = await scene.client({ clientId, ...lasting() })
      await member.subscribe([{ topic: '$share/g/t', qos }])
      await member.vanish()
    }
    const pub = await scene.client({ clientId: 'pub' })
    for (const payload of ['1', '2', '3']) await pub.publish({ topic: 't', payload, qos: 1 })
    expect((await scene.client({ clientId: 'keeps', ...lasting() })).heard).toEqual(['t 1', 't 2', 't 3'])
  }),
)

it(
  'a session lasts as long as the hook for CONNECT has told its client',
  withScene(
    async (scene) => {
      const alice = await scene.client({ clientId: 'alice', ...lasting(1_000) })
      expect(alice.connack.properties).toMatchObject({ sessionExpiryInterval: 5 })
      await alice.vanish()
      await pass(4_900)
      expect(scene.broker.figures.sessions).toBe(1)
      await pass(200)
      expect(scene.broker.figures.sessions).toBe(0)
    },
    { authorization: { connect: () => of({ properties: { sessionExpiryInterval: 5 } }) } },
  ),
)

it('clients have left when serve is over, whether or not the broker goes on', async () => {
  const scene = await Scene.open()
  const sub = await scene.client({ clientId: 'sub', ...lasting() })
  await sub.subscribe([{ topic: '#', qos: 1 }])
  const will = { topic: 'gone', payload: 'x', qos: 1, retain: true } as const
  const alice = await scene.client({ clientId: 'alice', will })
  await alice.subscribe([{ topic: '#', qos: 1 }])
  await scene.stop()
  expect(scene.broker.figures).toMatchObject({ connected: 0, sessions: 1, subscriptions: 1, retained: 1 })
  await pass(100_000)
  expect(scene.broker.figures).toMatchObject({ sessions: 0, subscriptions: 0 })
  await scene.close()
})
