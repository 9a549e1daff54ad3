import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt, { type IClientOptions, type IConnackPacket, type IPublishPacket, type MqttClient } from 'mqtt'
import { expectNoHandles, until } from '../../test/helpers.js'
import { fixture } from '../../test/processes.js'
import { type InteropBroker, startInteropBroker } from './interop-broker.js'

const kinds = ['tcp', 'tls', 'ws'] as const
const versions = [3, 4, 5] as const
const schemes = { tcp: 'mqtt://127.0.0.1', tls: 'mqtts://localhost', ws: 'ws://127.0.0.1' }
type Version = (typeof versions)[number]
type Kind = (typeof kinds)[number]

let broker: InteropBroker
let folder: string
const open: MqttClient[] = []

/** A test has names of its own: all have one broker. */
let test = 0
const topic = (rest: string): string => `${test}/${rest}`

interface Client {
  readonly client: MqttClient
  readonly connack: IConnackPacket
  readonly heard: string[]
  readonly packets: IPublishPacket[]
  /** Reasons of DISCONNECT, and 'closed'. */
  readonly ended: unknown[]
}

/** A client that was let in. */
async function dial(version: Version, kind: Kind, id: string, more: IClientOptions = {}): Promise<Client> {
  const client = mqtt.connect(`${schemes[kind]}:${broker.ports[kind]}${kind === 'ws' ? '/mqtt' : ''}`, {
    protocolVersion: version,
    protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
    clientId: id && `${id}-${test}`,
    reconnectPeriod: 0,
    ca: [fixture('ca.pem')],
    ...more,
  })
  open.push(client)
  const heard: string[] = []
  const packets: IPublishPacket[] = []
  const ended: unknown[] = []
  client.on('message', (name, payload, packet) => {
    heard.push(`${packet.qos} ${name.slice(topic('').length)} ${payload.toString()}${packet.retain ? ' retain' : ''}`)
    packets.push(packet)
  })
  client.on('disconnect', ({ reasonCode }) => ended.push(reasonCode))
  client.on('close', () => ended.push('closed'))
  client.on('error', () => undefined)
  const connack = await new Promise<IConnackPacket>((resolve) => client.once('connect', resolve))
  return { client, connack, heard, packets, ended }
}

const lasting = (version: Version): IClientOptions => ({
  clean: false,
  ...(version === 5 ? { properties: { sessionExpiryInterval: 3_600 } } : {}),
})

/** What must not come has this long to come. */
const settle = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 200))

expectNoHandles()

describe('MQTT.js at the broker, which has a store', () => {
  const start = async (): Promise<void> => {
    broker = await startInteropBroker('--store', folder)
  }
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rxmqtt-interop-'))
    await start()
  })
  beforeEach(() => {
    test += 1
  })
  afterEach(async () => {
    await Promise.all(open.splice(0).map((client) => client.endAsync(true)))
  })
  afterAll(async () => {
    await broker.stop()
    await rm(folder, { recursive: true })
  })

  const cases = kinds.flatMap((kind) => versions.map((version) => [kind, version] as const))

  it.each(cases)(
    'over %s, MQTT level %s: every quality of service, retained messages, and what came while it was away',
    async (kind, version) => {
      const speaker = await dial(version, kind, 'speaker')
      const first = await dial(version, kind, 'js', lasting(version))
      await first.client.subscribeAsync(topic('now/#'), { qos: 2 })
      const all = ([0, 1, 2] as const).flatMap((qos) =>
        Array.from({ length: 20 }, (_, n) => [qos, `übung ${n}`] as const),
      )
      // One at a time: MQTT.js sends more than the Receive Maximum of its server, which then ends the connection.
      const say = async (retain: boolean): Promise<void> => {
        for (const [qos, text] of all) await speaker.client.publishAsync(topic(`now/${qos}`), text, { qos, retain })
      }
      await say(false)
      const lines = all.map(([qos, text]) => `${qos} now/${qos} ${text}`)
      await until(() => first.heard.length === 60, 'sixty messages')
      for (const qos of ['0', '1', '2']) {
        const ofQos = (line: string): boolean => line.startsWith(qos)
        expect(first.heard.filter(ofQos)).toEqual(lines.filter(ofQos))
      }
      await first.client.endAsync()
      await broker.gone(`js-${test}`)
      await say(true)
      const second = await dial(version, kind, 'js', lasting(version))
      if (version > 3) expect(second.connack.sessionPresent).toBe(true)
      await until(() => second.heard.length === 40, 'forty messages')
      expect([...second.heard].sort()).toEqual(lines.filter((line) => !line.startsWith('0')).sort())
      await second.client.subscribeAsync(topic('now/#'), { qos: 2 })
      await until(() => second.heard.length === 43, 'what is retained')
      expect(second.heard.slice(40).sort()).toEqual([0, 1, 2].map((qos) => `${qos} now/${qos} übung 19 retain`))
    },
  )

  it.each([4, 5] as const)(
    'MQTT level %s: sessions, messages and retained ones are there after a restart',
    async (version) => {
      const reader = await dial(version, 'tcp', 'reader', lasting(version))
      await reader.client.subscribeAsync(topic('#'), { qos: 2 })
      await reader.client.endAsync()
      const speaker = await dial(version, 'ws', 'speaker')
      for (const qos of [1, 2] as const) await speaker.client.publishAsync(topic('for'), `${qos}`, { qos })
      await speaker.client.publishAsync(topic('kept'), 'x', { qos: 1, retain: true })
      await broker.stop()
      await until(() => speaker.ended.includes('closed'), 'the goodbye')
      expect(speaker.ended).toEqual(version === 5 ? [0x8b, 'closed'] : ['closed'])
      await start()
      const again = await dial(version, 'tls', 'reader', lasting(version))
      expect(again.connack.sessionPresent).toBe(true)
      await until(() => again.heard.length === 3, 'three messages')
      expect([...again.heard].sort()).toEqual(['1 for 1', '1 kept x', '2 for 2'])
      const late = await dial(version, 'tcp', 'late')
      await late.client.subscribeAsync(topic('kept'), { qos: 1 })
      await until(() => late.heard.length === 1, 'what is retained')
      expect(late.heard).toEqual(['1 kept x retain'])
    },
  )

  it.each(versions)('MQTT level %s: the will of a client that vanishes', async (version) => {
    const watcher = await dial(version, 'tcp', 'watcher')
    await watcher.client.subscribeAsync(topic('will'), { qos: 1 })
    const will = { topic: topic('will'), payload: Buffer.from('gone'), qos: 1 as const, retain: false }
    const doomed = await dial(version, 'ws', 'doomed', { will })
    doomed.client.stream.destroy()
    await until(() => watcher.heard.length === 1, 'the will')
    const polite = await dial(version, 'ws', 'polite', { will })
    await polite.client.endAsync()
    await settle()
    expect(watcher.heard).toEqual(['1 will gone'])
  })

  it.each(versions)('MQTT level %s: the first of two clients with one name is told', async (version) => {
    const first = await dial(version, 'tcp', 'same')
    await dial(version, 'tls', 'same')
    await until(() => first.ended.includes('closed'), 'the end')
    expect(first.ended).toEqual(version === 5 ? [0x8e, 'closed'] : ['closed'])
  })

  it.each([4, 5] as const)('MQTT level %s: a filter is refused, the others are granted', async (version) => {
    const { client } = await dial(version, 'tcp', 'js')
    const granted = new Promise<unknown>((resolve) =>
      client.on('packetreceive', (packet) => packet.cmd === 'suback' && resolve(packet.granted)),
    )
    const wishes = { [topic('a')]: { qos: 1 }, 'test/nosubscribe': { qos: 1 }, [topic('b')]: { qos: 2 } } as const
    await client.subscribeAsync(wishes).catch(() => undefined)
    expect(await granted).toEqual([1, 0x80, 2])
  })

  it.each([4, 5] as const)(
    'MQTT level %s: a shared subscription passes over a member that is gone',
    async (version) => {
      const members = [
        await dial(version, 'tcp', 'one'),
        await dial(version, 'tls', 'two'),
        await dial(version, 'ws', 'three'),
      ]
      for (const { client } of members) await client.subscribeAsync(`$share/g/${topic('t')}`, { qos: 1 })
      const speaker = await dial(version, 'tcp', 'speaker')
      const say = (from: number, to: number): Promise<unknown> =>
        Promise.all(
          Array.from({ length: to - from }, (_, n) =>
            speaker.client.publishAsync(topic('t'), `${from + n}`, { qos: 1 }),
          ),
        )
      await say(0, 12)
      await until(() => members.flatMap(({ heard }) => heard).length === 12, 'twelve messages')
      expect(members.map(({ heard }) => heard.length)).toEqual([4, 4, 4])
      await members[0]!.client.endAsync()
      await say(12, 16)
      await until(() => members.flatMap(({ heard }) => heard).length === 16, 'four more')
      expect(members.map(({ heard }) => heard.length)).toEqual([4, 6, 6])
      expect(new Set(members.flatMap(({ heard }) => heard)).size).toBe(16)
    },
  )

  it('MQTT 5: what CONNACK says', async () => {
    const { connack } = await dial(5, 'tcp', '', { keepalive: 120 })
    expect(connack.properties).toMatchObject({ receiveMaximum: 20, topicAliasMaximum: 10, serverKeepAlive: 60 })
    expect(connack.properties?.assignedClientIdentifier).toMatch(/./)
  })

  it('MQTT 5: asks and is answered, user properties in their order', async () => {
    const [asking, answering] = [await dial(5, 'ws', 'asking'), await dial(5, 'tls', 'answering')]
    await asking.client.subscribeAsync(topic('a'), { qos: 1 })
    await answering.client.subscribeAsync(topic('q'), { qos: 1, properties: { subscriptionIdentifier: 7 } })
    const userProperties = { b: ['2', '1'], a: '3' }
    const properties = { responseTopic: topic('a'), correlationData: Buffer.from([0, 255, 7]), userProperties }
    await asking.client.publishAsync(topic('q'), '6 x 7', { qos: 1, properties })
    await until(() => answering.packets.length === 1, 'the question')
    const asked = answering.packets[0]!.properties!
    expect(asked.subscriptionIdentifier).toBe(7)
    expect(JSON.stringify(asked.userProperties)).toBe('{"b":["2","1"],"a":"3"}')
    const { correlationData } = asked
    await answering.client.publishAsync(asked.responseTopic!, '42', {
      qos: 1,
      properties: { correlationData: correlationData! },
    })
    await until(() => asking.heard.length === 1, 'the answer')
    expect(asking.heard).toEqual(['1 a 42'])
    expect([...asking.packets[0]!.properties!.correlationData!]).toEqual([0, 255, 7])
  })

  it('MQTT 5: a message that has expired does not come', async () => {
    const reader = await dial(5, 'tcp', 'reader', lasting(5))
    await reader.client.subscribeAsync(topic('e'), { qos: 1 })
    await reader.client.endAsync()
    const speaker = await dial(5, 'tcp', 'speaker')
    for (const messageExpiryInterval of [1, 60]) {
      const text = String(messageExpiryInterval)
      await speaker.client.publishAsync(topic('e'), text, { qos: 1, properties: { messageExpiryInterval } })
    }
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    const again = await dial(5, 'tcp', 'reader', lasting(5))
    await until(() => again.heard.length === 1, 'the message')
    await settle()
    expect(again.heard).toEqual(['1 e 60'])
    expect(again.packets[0]!.properties!.messageExpiryInterval).toBeLessThan(60)
  })

  it('MQTT 5: topic aliases, both ways', async () => {
    // With QoS 2 MQTT.js 5.16 forgets which topic an alias stands for.
    const reader = await dial(5, 'tcp', 'reader', { properties: { topicAliasMaximum: 2 } })
    const wire: unknown[] = []
    reader.client.on('packetreceive', (packet) => {
      if (packet.cmd === 'publish') wire.push([packet.topic.slice(topic('').length), packet.properties?.topicAlias])
    })
    await reader.client.subscribeAsync(topic('#'), { qos: 1 })
    const speaker = await dial(5, 'tcp', 'speaker', { autoAssignTopicAlias: true })
    const sent: unknown[] = []
    speaker.client.on('packetsend', (packet) => {
      if (packet.cmd === 'publish') sent.push([packet.topic === '', packet.properties?.topicAlias])
    })
    for (const name of ['a', 'b', 'a', 'b']) await speaker.client.publishAsync(topic(name), 'x', { qos: 1 })
    await until(() => reader.heard.length === 4, 'four messages')
    expect(reader.heard).toEqual(['1 a x', '1 b x', '1 a x', '1 b x'])
    expect(sent.slice(2)).toEqual([
      [true, 1],
      [true, 2],
    ])
    expect(wire).toEqual([
      ['a', 1],
      ['b', 2],
      ['', 1],
      ['', 2],
    ])
  })

  it('MQTT 5: no more on their way than the client takes', async () => {
    const slow = await dial(5, 'ws', 'slow', { properties: { receiveMaximum: 2 } })
    const acks: (() => void)[] = []
    slow.client.handleMessage = (_packet, done) => acks.push(() => done())
    await slow.client.subscribeAsync(topic('t'), { qos: 1 })
    const speaker = await dial(5, 'tcp', 'speaker')
    for (let n = 0; n < 5; n += 1) await speaker.client.publishAsync(topic('t'), `${n}`, { qos: 1 })
    const sent = (): number => broker.count('<--', `slow-${test}`, 'PUBLISH')
    await settle()
    expect(sent()).toBe(2)
    for (let n = 3; n <= 5; n += 1) {
      acks.shift()?.()
      await until(() => sent() === n, 'one more')
    }
    await settle()
    expect(sent()).toBe(5)
  })
})
