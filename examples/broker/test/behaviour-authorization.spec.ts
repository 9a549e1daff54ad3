import { type ConnackReasonCode, MqttError } from '@rxmqtt/core'
import { EMPTY, NEVER, of, throwError, timer, map } from 'rxjs'
import type { BrokerOptions } from '../src/index.js'
import { pass, Scene, useTime, versions } from './scene.js'
import { withScene } from './with-scene.js'

useTime()

const failure = new Error('the directory is down')
/** All the ways in which a hook can fail. */
const failing = [
  [
    'throws',
    () => {
      throw failure
    },
  ],
  ['errors', () => throwError(() => failure)],
  ['rejects', () => Promise.reject(failure)],
  ['gives nothing', () => EMPTY],
] as const

describe('authorization of CONNECT', () => {
  const inThree: [ConnackReasonCode, number][] = [
    [0x84, 1],
    [0x85, 2],
    [0x88, 3],
    [0x97, 3],
    [0x86, 4],
    [0x8c, 4],
    [0x87, 5],
    [0x8a, 5],
  ]

  it.each(inThree)('a refusal with 0x%s is told in both versions', (reasonCode, returnCode) =>
    withScene(
      async (scene) => {
        const five = await scene.client({ clientId: 'five' })
        const four = await scene.client({ clientId: 'four', protocolVersion: 4 })
        expect(five.received).toMatchObject([{ cmd: 'connack', reasonCode, sessionPresent: false }])
        expect(four.received).toMatchObject([{ cmd: 'connack', returnCode, sessionPresent: false }])
        await pass(1_000)
        expect([five.end, four.end]).not.toContain(undefined)
        expect(scene.events.map(({ type }) => type)).toEqual(['refused', 'refused'])
        expect(scene.broker.figures).toMatchObject({ sessions: 0, connected: 0 })
      },
      { authorization: { connect: () => of({ reasonCode }) } },
    )(),
  )

  it(
    'a client that is refused takes nothing over, and leaves no will',
    withScene(
      async (scene) => {
        const alice = await scene.client({ clientId: 'alice', username: 'alice' })
        await alice.subscribe([{ topic: '#', qos: 0 }])
        const will = { topic: 'gone', payload: 'eve', qos: 0, retain: false } as const
        await scene.client({ clientId: 'alice', username: 'eve', will })
        await pass(1_000)
        expect(alice.end).toBeUndefined()
        expect(alice.heard).toEqual([])
      },
      { authorization: { connect: ({ username }) => of({ reasonCode: username === 'eve' ? 0x87 : 0 }) } },
    ),
  )

  it(
    'what comes behind CONNECT waits for the decision, in order',
    withScene(
      async (scene) => {
        const alice = scene.dial({ clientId: 'alice' })
        alice.connection.subscribe({ messageId: 1, subscriptions: [{ topic: 'a', qos: 1 }] })
        alice.connection.publish({ topic: 'a', payload: 'x', qos: 1, messageId: 2 })
        await pass(900)
        expect(alice.received).toEqual([])
        await pass(200)
        expect(alice.received.map(({ cmd }) => cmd).sort()).toEqual(['connack', 'puback', 'publish', 'suback'])
        expect(alice.received[0]!.cmd).toBe('connack')
      },
      { authorization: { connect: () => timer(1_000).pipe(map(() => ({}))) } },
    ),
  )

  it(
    'a client identifier that the hook assigns is the session that goes on',
    withScene(
      async (scene) => {
        const fields = { clientId: '', username: 'alice', clean: false, properties: { sessionExpiryInterval: 9 } }
        const alice = await scene.client(fields)
        expect(alice.connack.properties?.assignedClientIdentifier).toBe('of alice')
        expect(alice.connack.sessionPresent).toBe(false)
        await alice.subscribe([{ topic: 'a', qos: 1 }])
        await alice.vanish()
        scene.broker.publish({ topic: 'a', payload: 'x', qos: 1 })
        const back = await scene.client(fields)
        expect(back.connack.sessionPresent).toBe(true)
        expect(back.heard).toEqual(['a x'])
      },
      {
        authorization: {
          connect: ({ username }) => of({ properties: { assignedClientIdentifier: `of ${username}` } }),
        },
      },
    ),
  )

  it.each(failing)('a hook that %s refuses, and the problem is told', async (_, connect) => {
    for (const protocolVersion of versions) {
      const scene = await Scene.open({ authorization: { connect } })
      const alice = await scene.client({ clientId: 'alice', protocolVersion })
      expect(alice.received).toMatchObject([
        { cmd: 'connack', ...(protocolVersion === 5 ? { reasonCode: 0x80 } : { returnCode: 3 }) },
      ])
      await pass(1_000)
      expect(alice.end).toBeDefined()
      expect(scene.problems).toHaveLength(1)
      await scene.close()
    }
  })

  it(
    'an error with a reason is a refusal like any other',
    withScene(
      async (scene) => {
        const alice = await scene.client({ clientId: 'alice' })
        expect(alice.received).toMatchObject([{ cmd: 'connack', reasonCode: 0x9d }])
      },
      {
        authorization: {
          connect: () => throwError(() => new MqttError('refused', 'elsewhere', { reasonCode: 0x9d })),
        },
      },
    ),
  )
})

describe('authorization of PUBLISH', () => {
  it.each(versions)('a message that is refused reaches nobody, MQTT %s', (protocolVersion) =>
    withScene(
      async (scene) => {
        const eve = await scene.client({ clientId: 'eve', protocolVersion })
        const bob = await scene.client({ clientId: 'bob' })
        await bob.subscribe([{ topic: '#', qos: 2 }])
        const refused: unknown[] = []
        const heard: string[] = []
        scene.broker.dropped$.subscribe(({ clientId, message, error }) =>
          refused.push([clientId, message.topic, error.reasonCode]),
        )
        scene.broker.messages$.subscribe(({ topic }) => heard.push(topic))
        for (const qos of [0, 1, 2] as const) await eve.publish({ topic: 'secret', payload: 'x', qos, retain: true })
        const code = protocolVersion === 5 ? { reasonCode: 0x87 } : {}
        expect(eve.of('puback')).toMatchObject([code])
        expect(eve.of('pubrec')).toMatchObject([code])
        await eve.publish({ topic: 'open', payload: 'x', qos: 2 })
        expect(bob.heard).toEqual(['open x'])
        expect(heard).toEqual(['open'])
        expect(refused).toEqual([0, 1, 2].map(() => ['eve', 'secret', 0x87]))
        expect(eve.end).toBeUndefined()
        expect(scene.broker.figures).toMatchObject({ retained: 0, received: 1 })
      },
      { authorization: { publish: ({ topic }, { clientId }) => clientId !== 'eve' || topic !== 'secret' } },
    )(),
  )

  it.each(['$SYS/broker/uptime', '$share/g/a'])('nobody publishes to %s', (topic) =>
    withScene(async (scene) => {
      const eve = await scene.client({ clientId: 'eve' })
      await eve.publish({ topic, payload: 'x', qos: 1, retain: true })
      expect(eve.of('puback')).toMatchObject([{ reasonCode: 0x87 }])
      expect(scene.broker.figures.retained).toBe(0)
      const will = { topic, payload: 'x', qos: 0, retain: true } as const
      const mallory = await scene.client({ clientId: 'mallory', will })
      expect(mallory.received).toMatchObject([{ cmd: 'connack', reasonCode: 0x87 }])
    })(),
  )

  it(
    'a hook that takes its time keeps the order, and holds its client back alone',
    withScene(
      async (scene) => {
        const slow = await scene.client({ clientId: 'slow' })
        const bob = await scene.client({ clientId: 'bob' })
        await bob.subscribe([{ topic: '#', qos: 2 }])
        const seen: string[] = []
        scene.broker.messages$.subscribe(({ topic }) => seen.push(topic))
        for (let i = 0; i < 10; i++) {
          const qos = (i % 3) as 0 | 1 | 2
          slow.connection.publish({ topic: String(i), payload: 'x', qos, ...(qos > 0 && { messageId: i }) })
        }
        slow.connection.pingreq()
        await pass()
        await bob.publish({ topic: 'quick', payload: 'x', qos: 1 })
        expect(seen).toEqual(['quick'])
        expect(slow.of('pingresp')).toEqual([])
        await pass(10_000)
        expect(seen).toEqual(['quick', ...Array.from({ length: 10 }, (_, i) => String(i))])
        expect(slow.of('pingresp')).toHaveLength(1)
        expect(slow.of('puback').map(({ messageId }) => messageId)).toEqual([1, 4, 7])
      },
      {
        authorization: {
          // The later the quicker.
          publish: ({ topic }) => (topic === 'quick' ? true : timer(900 - Number(topic) * 90).pipe(map(() => true))),
        },
      },
    ),
  )

  it.each(failing)('a hook that %s refuses, and the problem is told', async (_, publish) => {
    const scene = await Scene.open({
      authorization: { publish: ({ topic }) => (topic === 'bad' ? (publish() as never) : true) },
    })
    const alice = await scene.client({ clientId: 'alice' })
    await alice.subscribe([{ topic: '#', qos: 1 }])
    await alice.publish({ topic: 'bad', payload: 'x', qos: 1 })
    expect(alice.of('puback')).toMatchObject([{ reasonCode: 0x87 }])
    expect(scene.problems).toHaveLength(1)
    await alice.publish({ topic: 'good', payload: 'x', qos: 1 })
    expect(alice.heard).toEqual(['good x'])
    const will = { topic: 'bad', payload: 'x', qos: 0, retain: false } as const
    const bob = await scene.client({ clientId: 'bob', will })
    expect(bob.connack.reasonCode).toBeGreaterThanOrEqual(0x80)
    expect(scene.problems).toHaveLength(2)
    await scene.close()
  })
})

describe('authorization of SUBSCRIBE', () => {
  const options: BrokerOptions = {
    authorization: {
      subscribe: ({ topic }, { username }) => timer(topic.length * 10).pipe(map(() => username !== topic)),
    },
  }

  it.each(versions)('a filter that is refused is answered by 0x80, MQTT %s', (protocolVersion) =>
    withScene(async (scene) => {
      const eve = await scene.client({ clientId: 'eve', username: 'secret', protocolVersion })
      eve.connection.subscribe({
        messageId: 9,
        subscriptions: ['long long', 'secret', 'a'].map((topic) => ({ topic, qos: 1 })),
      })
      eve.connection.subscribe({ messageId: 10, subscriptions: [{ topic: 'b', qos: 2 }] })
      await pass(1_000)
      expect(eve.of('suback')).toMatchObject([
        { messageId: 9, granted: [1, 0x80, 1] },
        { messageId: 10, granted: [2] },
      ])
      for (const topic of ['secret', 'a']) await eve.publish({ topic, payload: 'x' })
      expect(eve.heard).toEqual(['a x'])
      expect(eve.end).toBeUndefined()
    }, options)(),
  )

  it.each(failing)('a hook that %s refuses, and the problem is told', async (_, subscribe) => {
    const scene = await Scene.open({
      authorization: { subscribe: ({ topic }) => (topic === 'bad' ? (subscribe() as never) : true) },
    })
    const alice = await scene.client({ clientId: 'alice' })
    expect(await alice.subscribe(['bad', 'good'].map((topic) => ({ topic, qos: 1 })))).toEqual([0x80, 1])
    expect(scene.problems).toHaveLength(1)
    await scene.close()
  })

  it(
    'a client whose hook never answers is given up after a minute, and others live on',
    withScene(
      async (scene) => {
        const eve = await scene.client({ clientId: 'eve' })
        const bob = await scene.client({ clientId: 'bob' })
        eve.connection.subscribe({ messageId: 1, subscriptions: [{ topic: 'never', qos: 0 }] })
        eve.connection.pingreq()
        await pass(30_000)
        expect(await bob.subscribe([{ topic: 'a', qos: 0 }])).toEqual([0])
        await pass(40_000)
        expect([eve.end === undefined, bob.end]).toEqual([false, undefined])
      },
      { authorization: { subscribe: ({ topic }) => (topic === 'never' ? NEVER : true) } },
    ),
  )
})
