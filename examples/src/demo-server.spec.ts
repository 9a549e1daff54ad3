import { type End, hear, nameOf, serveInMemory, type TestServer, until } from '../test/helpers.js'
import { type ConnectFields } from '@rxmqtt/core'

async function accepted(test: TestServer, clientId: string, fields: ConnectFields = {}): Promise<End> {
  const end = test.dial()
  end.connection.connect({ clientId, ...fields })
  await until(() => end.packets.length === 1, 'CONNACK')
  expect(end.packets.splice(0)).toMatchObject([{ cmd: 'connack' }])
  return end
}

async function subscribed(test: TestServer, clientId: string, topic: string, fields: ConnectFields = {}): Promise<End> {
  const end = await accepted(test, clientId, fields)
  end.connection.subscribe({ messageId: 1, subscriptions: [{ topic, qos: 2 }] })
  await until(() => end.packets.length === 1, 'SUBACK')
  expect(end.packets.splice(0)).toEqual([{ cmd: 'suback', messageId: 1, granted: [2] }])
  return end
}

/** What the server says about a peer's end. */
async function closing(test: TestServer, clientId: string): Promise<string> {
  const accepted = (): boolean[] =>
    test.events.values.map((event) => event.type === 'accepted' && event.connect.clientId === clientId)
  const event = test.events.values[accepted().indexOf(true)]
  const find = () => test.events.values.find((each) => each.type === 'closed' && each.connection === event?.connection)
  await until(() => find() !== undefined, `the end of ${clientId}`)
  const closed = find()
  return closed?.type === 'closed' && closed.error !== undefined ? nameOf(closed.error) : 'complete'
}

describe('the demo server', () => {
  let test: TestServer
  beforeEach(() => {
    test = serveInMemory()
  })
  afterEach(() => {
    test.events.subscription.unsubscribe()
  })

  it('brings a message to each version, with the lower of both qualities of service', async () => {
    const ends = [
      await subscribed(test, 'three', 'a/#', { protocolVersion: 3 }),
      await subscribed(test, 'four', '+/b', { protocolVersion: 4 }),
      await subscribed(test, 'five', 'a/b', { protocolVersion: 5 }),
    ]
    const other = await subscribed(test, 'other', 'b/#')
    const sender = await accepted(test, 'sender', { protocolVersion: 5 })
    const properties = { contentType: 'text/plain', userProperties: { a: ['1', '2'] } }
    sender.connection.publish({ topic: 'a/b', payload: 'x', qos: 1, messageId: 7, properties })
    await until(() => ends.every(({ packets }) => packets.length === 1), 'three messages')
    const message = { cmd: 'publish', topic: 'a/b', payload: 'x', qos: 1, retain: false, dup: false, messageId: 1 }
    expect(ends.map(({ packets }) => packets)).toEqual([[message], [message], [{ ...message, properties }]])
    expect(sender.packets).toEqual([{ cmd: 'puback', messageId: 7, reasonCode: 0 }])
    expect(other.packets).toEqual([])
  })

  it('sends a message once to a client with two filters, and none back to one that wants no own', async () => {
    const end = await accepted(test, 'both', { protocolVersion: 5 })
    const filters = [
      { topic: 'a', qos: 0 as const },
      { topic: '#', qos: 1 as const },
    ]
    end.connection.subscribe({ messageId: 1, subscriptions: filters })
    end.connection.subscribe({ messageId: 2, subscriptions: [{ topic: 'own', qos: 0, nl: true }] })
    end.connection.unsubscribe({ messageId: 3, unsubscriptions: ['nothing', 'a'] })
    end.connection.publish({ topic: 'a', qos: 2, messageId: 4 })
    await until(() => end.packets.length === 5, 'answers and one message')
    expect(end.packets.map(({ cmd, granted, qos }) => [cmd, granted ?? qos])).toEqual([
      ['suback', [0, 1]],
      ['suback', [0]],
      ['unsuback', [0x11, 0]],
      ['pubrec', undefined],
      ['publish', 1],
    ])
    end.connection.unsubscribe({ messageId: 5, unsubscriptions: ['#'] })
    end.connection.publish({ topic: 'own' })
    end.connection.pingreq()
    await until(() => end.packets.length === 7, 'two more answers')
    expect(end.packets.slice(5).map(({ cmd }) => cmd)).toEqual(['unsuback', 'pingresp'])
  })

  it.each([
    ['a topic alias', { topic: '', properties: { topicAlias: 1 } }, 'protocol-error 0x94'],
    ['a retained message', { topic: 'a', retain: true }, 'protocol-error 0x9a'],
  ])('ends an MQTT 5 client that sends %s, with the reason', async (_what, fields, reason) => {
    const end = await accepted(test, 'bad', { protocolVersion: 5 })
    const good = await subscribed(test, 'good', 'a')
    end.connection.publish(fields)
    expect(await end.ended.done).toBe('complete')
    expect(end.packets).toMatchObject([{ cmd: 'disconnect', reasonCode: Number(reason.split(' ')[1]) }])
    expect(await closing(test, 'bad')).toBe(reason)
    expect([good.ended.end, good.packets]).toEqual(['open', []])
  })

  it('refuses shared subscriptions, subscription identifiers and enhanced authentication', async () => {
    const end = await accepted(test, 'shared', { protocolVersion: 5 })
    end.connection.subscribe({ messageId: 1, subscriptions: [{ topic: '$share/g/a', qos: 0 }] })
    end.connection.subscribe({
      messageId: 2,
      subscriptions: [{ topic: 'a', qos: 0 }],
      properties: { subscriptionIdentifier: 1 },
    })
    await end.ended.done
    expect(end.packets).toMatchObject([
      { cmd: 'suback', granted: [0x9e] },
      { cmd: 'disconnect', reasonCode: 0xa1 },
    ])
    const authenticating = test.dial()
    authenticating.connection.connect({
      clientId: 'auth',
      protocolVersion: 5,
      properties: { authenticationMethod: 'none such' },
    })
    await authenticating.ended.done
    expect(authenticating.packets).toMatchObject([{ cmd: 'connack', reasonCode: 0x8c }])
  })

  it.each([
    [3, 'overflow'],
    [4, [0x80]],
    [5, [0x97]],
  ] as const)('keeps a hundred subscriptions of one client, MQTT level %s', async (protocolVersion, expected) => {
    const end = await accepted(test, 'greedy', { protocolVersion })
    for (let i = 1; i <= 101; i += 1) {
      end.connection.subscribe({ messageId: i, subscriptions: [{ topic: `topic/${i}`, qos: 0 }] })
    }
    if (expected === 'overflow') {
      expect(await closing(test, 'greedy')).toBe('overflow')
      expect(end.packets).toHaveLength(100)
    } else {
      await until(() => end.packets.length === 101, 'all answers')
      expect(end.packets[99]).toMatchObject({ granted: [0] })
      expect(end.packets[100]).toMatchObject({ granted: expected })
    }
  })

  it('gives a client id to who has none, and a taken one to the newcomer', async () => {
    const nameless = test.dial()
    nameless.connection.connect({ protocolVersion: 5 })
    await until(() => nameless.packets.length === 1, 'CONNACK')
    expect(nameless.packets).toMatchObject([{ properties: { assignedClientIdentifier: 'anonymous-1' } }])
    const first = await accepted(test, 'same', { protocolVersion: 5 })
    const second = await accepted(test, 'same', { protocolVersion: 5 })
    expect(await first.ended.done).toBe('complete')
    expect(first.packets).toMatchObject([{ cmd: 'disconnect', reasonCode: 0x8e }])
    second.connection.pingreq()
    await until(() => second.packets.length === 1, 'PINGRESP')
  })

  it('publishes the will of who goes without a goodbye, and not of who says one', async () => {
    const watcher = await subscribed(test, 'watcher', 'wills/#')
    const will = { topic: 'wills/x', payload: 'gone' }
    const polite = await accepted(test, 'polite', { will: { ...will, topic: 'wills/polite' } })
    polite.connection.disconnect()
    await polite.ended.done
    const rude = await accepted(test, 'rude', { will })
    rude.connection.destroy()
    const asking = await accepted(test, 'asking', {
      protocolVersion: 5,
      will: { ...will, topic: 'wills/asked', properties: { willDelayInterval: 9 } },
    })
    asking.connection.disconnect({ reasonCode: 0x04 })
    await until(() => watcher.packets.length === 2, 'two wills')
    expect(watcher.packets.map(({ topic, payload }) => `${String(topic)} ${String(payload)}`)).toEqual([
      'wills/x gone',
      'wills/asked gone',
    ])
  })

  it('lets go who is silent for one and a half times its keep-alive', async () => {
    const end = await accepted(test, 'silent', { protocolVersion: 5, keepalive: 1 })
    const before = Date.now()
    await end.ended.done
    expect(Date.now() - before).toBeGreaterThan(1_200)
    expect(end.packets).toMatchObject([{ cmd: 'disconnect', reasonCode: 0x8d }])
  })

  it('survives garbage and a client that reads nothing', async () => {
    const reader = await subscribed(test, 'reader', 'flood')
    const bad = await accepted(test, 'bad', { protocolVersion: 5 })
    bad.connection.transport.sink.next(Uint8Array.of(0, 0))
    const deaf = await subscribed(test, 'deaf', 'flood')
    deaf.connection.pause()
    const payload = new Uint8Array(1_000)
    for (let i = 0; i < 1_500; i += 1) {
      test.server.publish({ topic: 'flood', payload, qos: 0 })
      if (i % 100 === 99) await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await closing(test, 'deaf')).toBe('overflow')
    expect(await closing(test, 'bad')).toBe('malformed-packet 0x81')
    await until(() => reader.packets.length === 1_500, 'the whole flood')
    expect(reader.ended.end).toBe('open')
    deaf.connection.destroy()
  })

  it('takes nothing before CONNECT', async () => {
    const end = test.dial()
    end.connection.pingreq()
    await end.ended.done
    expect(test.events.values.map(({ type }) => type)).toEqual(['opened', 'closed'])
    expect(test.events.end).toBe('open')
  })

  it('says goodbye when it is stopped, and completes', async () => {
    const transports = await Promise.all(
      [4, 5].map((level) => accepted(test, `v${level}`, { protocolVersion: level as 4 })),
    )
    const newcomer = test.dial()
    test.stop.next()
    await Promise.all([...transports, newcomer].map(({ ended }) => ended.done))
    expect(transports.map(({ packets }) => packets)).toMatchObject([[], [{ cmd: 'disconnect', reasonCode: 0x8b }]])
    await until(() => test.events.values.filter(({ type }) => type === 'closed').length === 3, 'three ends')
  })

  it('cuts its peers when it is unsubscribed', async () => {
    const end = await accepted(test, 'cut')
    test.events.subscription.unsubscribe()
    expect(await end.ended.done).toBe('transport')
    expect(hear(test.server.messages$).end).toBe('open')
  })
})
