import { existsSync, readdirSync } from 'node:fs'
import { join as joinPath } from 'node:path'
import { type ConnectFields, type Packet, request, respond, Session, type SessionOptions } from '@rxmqtt/core'
import { mergeMap, range, tap, toArray } from 'rxjs'
import { expectNoHandles, hear, nameOf, until } from './helpers.js'
import { dials, join, type Joined, persistent } from './join.js'
import { type Listener, type Mosquitto, startMosquitto } from './processes.js'

const kinds = ['tcp', 'tls', 'ws'] as const
const versions = [3, 4, 5] as const
const decoder = new TextDecoder()

/** A session, and what it hears: quality of service, topic and text. */
function hearing(options?: SessionOptions): { session: Session; heard: string[] } {
  const session = new Session(options)
  const heard: string[] = []
  session.messages$.subscribe(({ packet: { qos, topic, payload } }) =>
    heard.push(`${qos} ${topic} ${decoder.decode(payload)}`),
  )
  return { session, heard }
}

/** Where mosquitto's package has the plugin, whatever the processor. */
function dynamicSecurity(): string {
  const name = 'mosquitto_dynamic_security.so'
  const paths = ['', ...readdirSync('/usr/lib')].map((folder) => joinPath('/usr/lib', folder, name))
  return paths.find((path) => existsSync(path)) ?? name
}

let mosquitto: Mosquitto | undefined
const joined: Joined[] = []
afterEach(async () => {
  for (const { leave } of joined.splice(0)) await leave()
  await mosquitto?.stop()
  mosquitto = undefined
})
expectNoHandles()

const start = async (...options: Parameters<typeof startMosquitto>): Promise<void> => {
  mosquitto = await startMosquitto(...options)
}
const enter = async (kind: Listener, connect: ConnectFields, session = new Session()): Promise<Joined> => {
  const one = await join(dials[kind](mosquitto?.ports[kind] ?? 0), connect, session)
  joined.push(one)
  return one
}
const say = async (session: Session, topic: string, qos: 0 | 1 | 2, texts: readonly string[]): Promise<string> =>
  hear(range(texts.length).pipe(mergeMap((index) => session.publish({ topic, qos, payload: texts[index]! })))).done
const told = async (session: Session, filters: string): Promise<unknown> => {
  const subscriptions = filters.split(' ').map((topic) => ({ topic, qos: 2 as const }))
  const { values, done } = hear(session.subscribe({ subscriptions }))
  expect(await done).toBe('complete')
  const { granted = [], refused = [] } = values[0] ?? {}
  return { granted, refused: refused.map(({ topic, error }) => `${topic} ${nameOf(error)}`) }
}
const texts = Array.from({ length: 20 }, (_, index) => `übung ${index}`)
const expected = (topic: string, levels: readonly number[]): string[] =>
  levels.flatMap((qos) => texts.map((text) => `${qos} ${topic}/${qos} ${text}`))

describe.each(kinds.flatMap((kind) => versions.map((version) => [kind, version] as const)))(
  'a session at mosquitto over %s, MQTT level %s',
  (kind, version) => {
    it('subscribes, publishes, and gets when it is back what came meanwhile', async () => {
      await start([kind])
      const [listener, speaker] = [hearing(), hearing()]
      const first = await enter(kind, persistent('listener', version), listener.session)
      await enter('tcp', { clientId: 'speaker', protocolVersion: version }, speaker.session)
      expect(first.connack.sessionPresent ?? false).toBe(false)
      expect(await told(listener.session, 'now/# later/#')).toEqual({
        granted: ['now/#', 'later/#'].map((topic) => ({ topic, qos: 2 })),
        refused: [],
      })
      for (const qos of [0, 1, 2] as const) {
        expect(await say(speaker.session, `now/${qos}`, qos, texts)).toBe('complete')
      }
      await until(() => listener.heard.length === 60, 'sixty messages')
      expect(listener.heard).toEqual(expected('now', [0, 1, 2]))
      listener.heard.length = 0
      await first.cut()
      for (const qos of [1, 2] as const) {
        expect(await say(speaker.session, `later/${qos}`, qos, texts)).toBe('complete')
      }
      const second = await enter(kind, persistent('listener', version), listener.session)
      // MQTT 3.1 has no such field.
      if (version > 3) expect(second.connack.sessionPresent).toBe(true)
      await until(() => listener.heard.length === 40, 'forty messages')
      expect(listener.heard).toEqual(expected('later', [1, 2]))
    })

    it('has its will told when it is cut', async () => {
      await start([kind])
      const { session, heard } = hearing()
      await enter('tcp', { clientId: 'watcher', protocolVersion: version }, session)
      await told(session, 'wills')
      const will = { topic: 'wills', payload: 'gone', qos: 1 as const }
      const doomed = await enter(kind, { clientId: 'doomed', protocolVersion: version, will })
      await doomed.cut()
      await until(() => heard.length === 1, 'the will')
      expect(heard).toEqual(['1 wills gone'])
    })

    it('sends again what was not acknowledged when it was cut: QoS 1 at least once, QoS 2 exactly once', async () => {
      await start([kind])
      const [listener, speaker] = [hearing(), hearing()]
      await enter('tcp', { clientId: 'listener', protocolVersion: version }, listener.session)
      await told(listener.session, 'cut/#')
      const first = await enter(kind, persistent('speaker', version), speaker.session)
      const sending = ([1, 2] as const).map((qos) => say(speaker.session, `cut/${qos}`, qos, texts))
      await until(() => first.sent.some(({ cmd }) => cmd === 'publish'), 'the first message')
      await first.cut()
      await enter(kind, persistent('speaker', version), speaker.session)
      expect(await Promise.all(sending)).toEqual(['complete', 'complete'])
      await until(() => new Set(listener.heard).size === 40, 'forty messages')
      const [one, two] = [1, 2].map((qos) => listener.heard.filter((line) => line.startsWith(`${qos} `)))
      expect([...new Set(one)]).toEqual(expected('cut', [1]))
      expect(two).toEqual(expected('cut', [2]))
    })
  },
)

describe('a session and the rules of mosquitto', () => {
  // An acl_file of mosquitto 2.0 keeps messages back, but refuses no subscription; this plugin of its own does.
  const security = {
    security: JSON.stringify({
      defaultACLAccess: {
        publishClientSend: false,
        publishClientReceive: true,
        subscribe: false,
        unsubscribe: true,
      },
      anonymousGroup: 'all',
      groups: [{ groupname: 'all', roles: [{ rolename: 'ok' }] }],
      roles: [
        {
          rolename: 'ok',
          acls: ['subscribePattern', 'publishClientSend'].map((acltype) => ({ acltype, topic: 'ok/#', allow: true })),
        },
      ],
    }),
  }
  const anonymous = 'allow_anonymous true'

  it.each([
    [4, 'refused 0x80', 'complete'],
    [5, 'refused 0x87', 'refused 0x87'],
  ] as const)('is told which filters and messages were refused: MQTT level %s', async (version, refusal, published) => {
    const plugin = `plugin ${dynamicSecurity()}`
    await start(['tcp'], [anonymous, plugin, 'plugin_opt_config_file @security'], security)
    const { session, heard } = hearing()
    await enter('tcp', { clientId: 'me', protocolVersion: version }, session)
    expect(await told(session, 'ok/a denied/a ok/b')).toEqual({
      granted: ['ok/a', 'ok/b'].map((topic) => ({ topic, qos: 2 })),
      refused: [`denied/a ${refusal}`],
    })
    // MQTT 3.1.1 has no way to say no to a message.
    expect(await say(session, 'denied/a', 1, ['x'])).toBe(published)
    expect(await say(session, 'denied/a', 2, ['x'])).toBe(published)
    expect(await say(session, 'ok/b', 2, ['y'])).toBe('complete')
    await until(() => heard.length === 1, 'the message')
    expect(heard).toEqual(['2 ok/b y'])
    const { values, done } = hear(session.unsubscribe({ unsubscriptions: ['ok/a', 'ok/c'] }))
    expect(await done).toBe('complete')
    expect(values[0]?.removed).toEqual(['ok/a', 'ok/c'])
  })

  it('asks and is answered, and hears that nobody is there', async () => {
    await start(['tcp'])
    const [asking, answering] = [hearing(), new Session()]
    await enter('tcp', { clientId: 'asking', protocolVersion: 5 }, asking.session)
    await enter('tcp', { clientId: 'answering', protocolVersion: 5 }, answering)
    await told(asking.session, 'answers/asking')
    await told(answering, 'double')
    const doubled = hear(
      answering.messages$.pipe(
        mergeMap(({ packet }) =>
          respond(answering, packet, { qos: 1, payload: String(2 * Number(decoder.decode(packet.payload))) }),
        ),
      ),
    )
    const options = { responseTopic: 'answers/asking', timeout: 5_000 }
    const answers = hear(
      range(50).pipe(
        mergeMap((number) => request(asking.session, { topic: 'double', qos: 1, payload: String(number) }, options)),
        toArray(),
      ),
    )
    expect(await answers.done).toBe('complete')
    const numbers = answers.values[0]!.map(({ payload }) => Number(decoder.decode(payload)))
    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => 2 * index))
    expect(asking.heard).toEqual([])
    expect(await hear(request(asking.session, { topic: 'nobody', qos: 1 }, options)).done).toBe('refused 0x10')
    doubled.subscription.unsubscribe()
  })

  it('keeps to the server keep-alive', async () => {
    await start(['tcp'], [anonymous, 'max_keepalive 10'])
    const { connack } = await enter('tcp', { clientId: 'me', protocolVersion: 5, keepalive: 600 })
    expect(connack.properties?.serverKeepAlive).toBe(10)
  })

  it.each(versions)('stays alive while nothing is said: MQTT level %s', async (version) => {
    await start(['tcp'])
    const { sent, ended } = await enter('tcp', { clientId: 'me', protocolVersion: version, keepalive: 1 })
    await new Promise((resolve) => setTimeout(resolve, 3_500))
    expect(ended.end).toBe('open')
    expect(sent.filter(({ cmd }) => cmd === 'pingreq').length).toBeGreaterThanOrEqual(3)
  })

  it('takes the client identifier that it was given', async () => {
    await start(['tcp'])
    const { connack } = await enter('tcp', { clientId: '', protocolVersion: 5, clean: true })
    expect(connack.properties?.assignedClientIdentifier).toMatch(/./)
  })

  it('has no more in flight than mosquitto takes, and uses its topic aliases', async () => {
    await start(['tcp'], [anonymous, 'max_inflight_messages 3'])
    const { session, heard } = hearing()
    const { connack, connection } = await enter('tcp', { clientId: 'me', protocolVersion: 5 }, session)
    expect(connack.properties?.receiveMaximum).toBe(3)
    expect(connack.properties?.topicAliasMaximum).toBe(10)
    await told(session, 'flight/#')
    const seen: Packet[] = []
    let most = 0
    const open = new Set<number>()
    const watching = [connection.sent$, connection.received$].map((packets$, way) =>
      packets$
        .pipe(
          tap((packet) => {
            if (way === 0 && packet.cmd === 'publish') open.add(packet.messageId!)
            if (way === 1 && (packet.cmd === 'puback' || packet.cmd === 'pubcomp')) open.delete(packet.messageId)
            most = Math.max(most, open.size)
            if (way === 0) seen.push(packet)
          }),
        )
        .subscribe(),
    )
    const both = ([1, 2] as const).map((qos) => say(session, `flight/${qos}`, qos, texts))
    expect(await Promise.all(both)).toEqual(['complete', 'complete'])
    await until(() => heard.length === 40, 'forty messages')
    expect(most).toBe(3)
    const named = seen.flatMap((packet) => (packet.cmd === 'publish' && packet.topic !== '' ? [packet.topic] : []))
    expect(named).toEqual(['flight/1', 'flight/2'])
    for (const each of watching) each.unsubscribe()
  })

  it('sends nothing that is larger than mosquitto takes', async () => {
    await start(['tcp'], [anonymous, 'max_packet_size 1000'])
    const session = new Session()
    const { connack, ended } = await enter('tcp', { clientId: 'me', protocolVersion: 5 }, session)
    expect(connack.properties?.maximumPacketSize).toBe(1_000)
    expect(await say(session, 'large', 1, ['x'.repeat(2_000)])).toMatch(/^packet-too-large/)
    expect(await say(session, 'small', 1, ['x'.repeat(900)])).toBe('complete')
    expect(ended.end).toBe('open')
  })

  it.each(versions)('is thrown out by a second one of its name: MQTT level %s', async (version) => {
    await start(['tcp'])
    const first = await enter('tcp', { clientId: 'same', protocolVersion: version })
    await enter('tcp', { clientId: 'same', protocolVersion: version })
    // mosquitto 2.0.11 closes without a word, in MQTT 5 too.
    expect(await first.ended.done).toBe('complete')
  })
})
