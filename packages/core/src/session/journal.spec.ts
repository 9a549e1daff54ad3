import { asapScheduler } from 'rxjs'
import type { MqttError } from '../errors.js'
import type { JoinOptions } from '../spec-support/session-scene.js'
import { broken, StoreScene, turns } from '../spec-support/store-scene.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { flat } from '../testing/flat.js'
import { packets } from '../testing/packets.js'
import type { Delivery, Message } from './message.js'
import type { SessionOptions } from './options.js'
import type { SessionState } from './session-store.js'

expectNoUnhandled()

const { publish, puback, pubrec, pubrel } = packets

const scenes: StoreScene[] = []
const sceneOf = (options?: SessionOptions): StoreScene => {
  const scene = new StoreScene(options)
  scenes.push(scene)
  return scene
}

afterEach(() => {
  for (const scene of scenes.splice(0)) scene.end()
})
describe('changes and the packets that they protect', () => {
  it('are one write a turn, made before the packets leave, in the same turn where it returns nothing', async () => {
    const scene = sceneOf()
    await scene.join()
    scene.taken()
    scene.publish({ topic: 'a', qos: 1 })
    scene.publish({ topic: 'b', qos: 2 })
    scene.publish({ topic: 'c' })
    expect(scene.taken()).toEqual([])
    asapScheduler.flush()
    asapScheduler.flush()
    expect(scene.taken()).toEqual(['write +1 a #1, +2 b #2', 'done c', 'publish 1', 'publish 2', 'publish '])
  })

  it('each step of QoS 1 and 2 out', async () => {
    const scene = sceneOf({ receiveMaximum: 2 })
    const { transport } = await scene.join()
    scene.taken()
    scene.publish({ topic: 'a', qos: 1 })
    scene.publish({ topic: 'b', qos: 2 })
    scene.publish({ topic: 'c', qos: 1 })
    await turns()
    expect(scene.taken()).toEqual(['write +1 a #1, +2 b #2, +3 c', 'publish 1', 'publish 2'])
    transport.receive(puback({ messageId: 1 }))
    await turns()
    expect(scene.taken()).toEqual(['done a', 'write -1, sent 3 #3', 'publish 3'])
    transport.receive(pubrec({ messageId: 2 }))
    await turns()
    expect(scene.taken()).toEqual(['write -2, +4 #2', 'pubrel 2'])
    transport.receive(packets.pubcomp({ messageId: 2 }))
    await turns()
    expect(scene.taken()).toEqual(['done b', 'write -4'])
  })

  it('each step of QoS 2 in; QoS 1 in needs no write', async () => {
    const scene = sceneOf()
    scene.session.messages$.subscribe(({ packet }) => scene.log.push(`took ${packet.topic}`))
    const { transport } = await scene.join()
    scene.taken()
    transport.receive(publish({ topic: 'x', qos: 2, messageId: 7 }))
    transport.receive(publish({ topic: 'a', qos: 1, messageId: 8 }))
    await turns()
    expect(scene.taken()).toEqual(['took x', 'took a', 'write received #7', 'pubrec 7', 'puback 8'])
    transport.receive(pubrel({ messageId: 7 }))
    await turns()
    expect(scene.taken()).toEqual(['write released #7', 'pubcomp 7'])
  })

  it('a QoS 2 message that is acknowledged is stored, also where its PUBREC has to wait or nobody is connected', async () => {
    const scene = sceneOf({ ack: 'manual' })
    const seen: Delivery[] = []
    scene.session.messages$.subscribe((delivery) => seen.push(delivery))
    const { transport } = await scene.join()
    scene.taken()
    for (const messageId of [7, 8, 9]) transport.receive(publish({ topic: `${messageId}`, qos: 2, messageId }))
    seen[1]!.ack()
    await turns()
    transport.close()
    await turns()
    expect(scene.taken().sort()).toEqual(['attach completed', 'write received #8'])
    seen[2]!.ack()
    await turns()
    expect(scene.taken()).toEqual(['write received #9'])
  })

  it('wait for a promise; what left before it is not delayed, what comes meanwhile is one write more', async () => {
    const scene = sceneOf()
    const { transport } = await scene.join()
    scene.taken()
    scene.publish({ topic: 'a', qos: 1 })
    await turns()
    scene.mode = 'held'
    scene.publish({ topic: 'b', qos: 1 })
    await turns()
    expect(scene.taken()).toEqual(['write +1 a #1', 'publish 1', 'write +2 b #2'])
    scene.publish({ topic: 'c', qos: 1 })
    transport.receive(puback({ messageId: 1 }))
    await turns()
    expect(scene.taken()).toEqual(['done a'])
    await scene.wrote()
    expect(scene.taken()).toEqual(['publish 2', 'write +3 c #3, -1'])
    await scene.wrote()
    expect(scene.taken()).toEqual(['publish 3'])
  })

  it('go on while there is no connection, and packets of a connection that is over leave on no other', async () => {
    const scene = sceneOf()
    const first = await scene.join()
    scene.taken()
    scene.mode = 'held'
    scene.publish({ topic: 'a', qos: 1 })
    await turns()
    first.transport.close()
    await turns()
    expect(scene.taken()).toEqual(['write +1 a #1', 'attach completed'])
    scene.publish({ topic: 'b', qos: 1 })
    await scene.join({ resumed: true })
    expect(scene.taken()).toEqual([])
    scene.mode = 'sync'
    await scene.wrote()
    expect(scene.taken()).toEqual(['write +2 b, sent 2 #2', 'publish 1 dup', 'publish 2'])
  })
})

it('packets leave on no connection that the session was taken off', async () => {
  const scene = sceneOf()
  const { detach } = await scene.join()
  scene.taken()
  scene.mode = 'held'
  scene.publish({ topic: 'a', qos: 1 })
  await turns()
  detach()
  await scene.wrote()
  expect(scene.taken()).toEqual(['write +1 a #1'])
})

it('what a write has failed to store is stored by the next attachment, also where nothing is to be sent', async () => {
  const scene = sceneOf()
  scene.session.messages$.subscribe()
  const { transport } = await scene.join()
  scene.taken()
  scene.mode = 'throws'
  transport.receive(publish({ topic: 'x', qos: 2, messageId: 7 }))
  await turns()
  scene.mode = 'sync'
  scene.taken()
  await scene.join({ resumed: true })
  expect(scene.taken()).toEqual(['write received #7'])
})

describe('a message that may not be sent', () => {
  const bad: readonly [string, Message, JoinOptions][] = [
    [
      'larger than the peer takes',
      { topic: 'a', qos: 1, payload: new Uint8Array(100) },
      { connack: { properties: { maximumPacketSize: 50 } } },
    ],
    [
      'larger than the connection takes',
      { topic: 'a', qos: 1, payload: new Uint8Array(100) },
      { connection: { maximumPacketSize: 80 } },
    ],
    ['with a subscription identifier', { topic: 'a', qos: 1, properties: { subscriptionIdentifier: 1 } }, {}],
    ['with a QoS that the server has not', { topic: 'a', qos: 2 }, { connack: { properties: { maximumQoS: 1 } } }],
    ['with a topic that is none', { topic: '+', qos: 1 }, {}],
  ]

  it.each(bad)('%s: is refused before anything is stored', async (_name, message, given) => {
    const scene = sceneOf()
    await scene.join(given)
    scene.taken()
    scene.publish(message)
    scene.publish({ topic: 'b', qos: 1 })
    await turns()
    const [refused, ...rest] = scene.taken()
    expect(refused).toMatch(/: (invalid-packet|packet-too-large|refused)$/)
    expect(rest).toEqual([expect.stringMatching(/^write \+\d b #\d$/), expect.stringMatching(/^publish \d$/)])
  })

  it.each(bad.slice(0, 4))('%s: that waited is removed', async (_name, message, given) => {
    const scene = sceneOf()
    scene.publish(message)
    await scene.join(given)
    expect(scene.taken()).toEqual([
      'load me',
      expect.stringMatching(/^a: (invalid-packet|packet-too-large|refused)$/),
      expect.stringMatching(/^write .*-\d+$/),
    ])
  })
})

it('a server sends subscription identifiers, a client does not', async () => {
  const scene = sceneOf()
  await scene.join({ role: 'server' })
  scene.taken()
  scene.publish({ topic: 'a', qos: 1, properties: { subscriptionIdentifier: 1 } })
  await turns()
  expect(scene.taken()).toEqual(['write +1 a #1', 'publish 1'])
})

it('drop-oldest takes what was stored in an earlier life out of the store', async () => {
  const scene = sceneOf({ overflow: 'drop-oldest', maxQueued: 1 })
  const message = { topic: 'old', payload: new Uint8Array(), qos: 1 } as const
  scene.state = {
    outgoing: [{ kind: 'message', sequence: 4, message, expiresAt: undefined, messageId: undefined }],
    received: [],
  }
  const { transport } = await scene.join({ resumed: true }, ({ transport: full }) => (full.writable = false))
  scene.taken()
  scene.publish({ topic: 'new', qos: 1 })
  transport.writable = true
  await turns()
  expect(scene.taken()).toEqual(['write -4, +5 new, sent 5 #1', 'publish 1'])
})

describe.each(['throws', 'rejects'] as const)('a write that %s', (mode) => {
  it.each([
    ['client', 5, ['disconnect  0x83', 'end']],
    ['server', 5, ['disconnect  0x83', 'end']],
    ['client', 4, ['end']],
    ['server', 3, ['end']],
  ] as const)(
    'ends the attachment of a %s of level %i, nothing is acknowledged, and is made good by the next one',
    async (role, version, goodbye) => {
      const scene = sceneOf()
      scene.session.messages$.subscribe(({ packet }) => scene.log.push(`took ${packet.topic}`))
      const { transport } = await scene.join({ role, version })
      scene.taken()
      scene.mode = mode
      scene.publish({ topic: 'a', qos: 1 })
      transport.receive(publish({ topic: 'x', qos: 2, messageId: 7 }))
      transport.receive(publish({ topic: 'y', qos: 1, messageId: 8 }))
      await turns()
      expect(scene.taken().sort()).toEqual(
        ['took x', 'took y', 'write +1 a #1, received #7', ...goodbye, 'attach: store'].sort(),
      )
      scene.mode = 'sync'
      const next = await scene.join({ role, version, resumed: true })
      expect(scene.taken()).toEqual(['write +1 a #1, received #7', 'publish 1 dup'])
      next.transport.receive(publish({ topic: 'x', qos: 2, messageId: 7, dup: true }))
      next.transport.receive(publish({ topic: 'y', qos: 1, messageId: 8, dup: true }))
      await turns()
      expect(scene.taken()).toEqual(['took y', 'pubrec 7', 'puback 8'])
    },
  )
})

describe('loading', () => {
  it('holds the connection, takes over what there is, and goes on', async () => {
    const scene = sceneOf()
    let loaded: (state: SessionState) => void = () => undefined
    scene.state = new Promise((resolve) => (loaded = resolve))
    scene.session.messages$.subscribe(({ packet }) => scene.log.push(`took ${packet.topic}`))
    scene.publish({ topic: 'z', qos: 1 })
    const { transport, connection } = await scene.join({ resumed: true })
    transport.receive(publish({ topic: 'x', qos: 2, messageId: 7, dup: true }))
    transport.receive(publish({ topic: 'y', qos: 2, messageId: 8 }))
    await turns()
    expect(scene.taken()).toEqual(['load me'])
    expect(connection.reading).toBe(false)
    const message = { topic: 'a', payload: new Uint8Array(), qos: 1 } as const
    loaded({
      outgoing: [
        { kind: 'message', sequence: 4, message, expiresAt: undefined, messageId: 1 },
        { kind: 'release', sequence: 6, messageId: 3 },
        {
          kind: 'message',
          sequence: 8,
          message: { ...message, topic: 'b', qos: 2 },
          expiresAt: undefined,
          messageId: 2,
        },
        {
          kind: 'message',
          sequence: 9,
          message: { ...message, topic: 'c' },
          expiresAt: undefined,
          messageId: undefined,
        },
      ],
      received: [7],
    })
    await turns()
    expect(scene.taken()).toEqual([
      'write +10 z, sent 9 #4, sent 10 #5',
      'took y',
      'pubrel 3',
      'publish 1 dup',
      'publish 2 dup',
      'publish 4',
      'publish 5',
      'write received #8',
      'pubrec 7',
      'pubrec 8',
    ])
  })

  it('that fails ends the attachment, and is tried again by the next one', async () => {
    const scene = sceneOf()
    scene.state = Promise.reject(broken)
    const { end$ } = await scene.join({ resumed: true })
    let error: unknown
    end$.subscribe({ error: (reason: unknown) => (error = reason) })
    expect(flat(error)).toMatchObject({ code: 'store', reasonCode: 0x83 })
    expect((error as MqttError).cause).toBe(broken)
    expect(scene.taken()).toEqual(['load me', 'disconnect  0x83', 'end', 'attach: store'])
    scene.state = { outgoing: [], received: [7] }
    const next = await scene.join({ resumed: true })
    next.transport.receive(publish({ topic: 'x', qos: 2, messageId: 7, dup: true }))
    await turns()
    expect(scene.taken()).toEqual(['load me', 'pubrec 7'])
  })

  it('that never answers holds the connection, which can be left, and no other call is made meanwhile', async () => {
    const scene = sceneOf()
    let loaded: (state: SessionState) => void = () => undefined
    scene.state = new Promise((resolve) => (loaded = resolve))
    const first = await scene.join({ resumed: true })
    first.detach()
    const reading = first.connection.packets$.subscribe()
    expect([first.connection.writable, first.connection.reading]).toEqual([true, true])
    reading.unsubscribe()
    const second = await scene.join({ resumed: true })
    second.transport.receive(publish({ topic: 'x', qos: 2, messageId: 7, dup: true }))
    await turns()
    expect(scene.taken()).toEqual(['load me'])
    loaded({ outgoing: [], received: [7] })
    await turns()
    expect(scene.taken().filter((line) => line !== 'load me')).toEqual(['pubrec 7'])
    first.connection.destroy()
  })

  it('another client identifier is refused: a store belongs to one', async () => {
    const scene = sceneOf()
    await scene.join()
    scene.taken()
    await scene.join({ connect: { clientId: 'you' } })
    expect(scene.taken()).toEqual(['attach: invalid-option'])
  })
})
