import { fileURLToPath } from 'node:url'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { expectNoHandles, host, until } from './helpers.js'
import { fixture, fixturePath, run } from './processes.js'
import { closed, faults, opened, type ServedSessions, serveSessions } from './serve-sessions.js'

expectNoHandles()

const kinds = ['tcp', 'tls', 'ws'] as const
const versions = [3, 4, 5] as const
const levels = [0, 1, 2] as const
const texts = Array.from({ length: 20 }, (_, index) => `übung ${index}`)
const everything = levels.flatMap((qos) => texts.map((text) => [`now/${qos}`, text, qos] as const))
const lines = everything.map(([topic, text, qos]) => `${qos} ${topic} ${text}`)
const kept = lines.filter((line) => !line.startsWith('0'))

let served: ServedSessions
/** For each test of a describe. */
function serving(): void {
  beforeEach(async () => {
    served = await serveSessions()
  })
  afterEach(() => served.stop())
}

const say = (): void => {
  for (const [topic, payload, qos] of everything) served.server.publish({ topic, payload, qos })
}

describe('mosquitto_pub and mosquitto_sub at a server made of serve and Session', () => {
  serving()
  const programVersion = { 3: 'mqttv31', 4: 'mqttv311', 5: 'mqttv5' }
  const common = (version: 3 | 4 | 5, kind: 'tcp' | 'tls', id: string): string[] => {
    const trust = kind === 'tls' ? ['--cafile', fixturePath('ca.pem')] : []
    return ['-h', host, '-p', String(served.ports[kind]), '-V', programVersion[version], '-i', id, ...trust]
  }
  const persistent = (version: 3 | 4 | 5): string[] => ['-c', ...(version === 5 ? ['-x', '3600'] : [])]
  const sub = (version: 3 | 4 | 5, kind: 'tcp' | 'tls', count: number): ReturnType<typeof run> =>
    run('mosquitto_sub', [
      ...common(version, kind, 'sub'),
      ...persistent(version),
      ...['-t', 'now/#', '-q', '2', '-C', String(count), '-W', '15', '-F', '%q %t %p'],
    ])

  it.each((['tcp', 'tls'] as const).flatMap((kind) => versions.map((version) => [kind, version] as const)))(
    'over %s, MQTT level %s: every quality of service, and what came while it was away',
    async (kind, version) => {
      const first = sub(version, kind, 60)
      await until(() => opened(served.events) === 1, 'the subscriber')
      await new Promise((resolve) => setTimeout(resolve, 50))
      for (const qos of levels) {
        const pub = run(
          'mosquitto_pub',
          [...common(version, kind, `pub-${qos}`), ...['-t', `now/${qos}`, '-q', String(qos), '-l']],
          20_000,
          `${texts.join('\n')}\n`,
        )
        expect(await pub.ended).toEqual({ code: 0, stdout: '', stderr: '' })
      }
      const { stdout, stderr } = await first.ended
      expect({ stderr, heard: stdout.trim().split('\n') }).toEqual({ stderr: '', heard: lines })
      await until(() => closed(served.events) === 4, 'all to be gone')
      say()
      const second = await sub(version, kind, 40).ended
      expect(second.stdout.trim().split('\n')).toEqual(kept)
      expect(faults(served.events)).toEqual([])
    },
  )

  it('tells each filter that it refuses, and the will of a client that was killed', async () => {
    const watcher = run('mosquitto_sub', [
      ...common(5, 'tcp', 'watcher'),
      ...['-t', '$share/group/a', '-t', 'wills', '-C', '1', '-W', '15', '-d'],
    ])
    const doomed = run('mosquitto_sub', [
      ...common(5, 'tcp', 'doomed'),
      ...['-t', 'x', '--will-topic', 'wills', '--will-payload', 'gone', '--will-qos', '1'],
    ])
    await until(() => opened(served.events) === 2, 'both')
    await new Promise((resolve) => setTimeout(resolve, 50))
    doomed.stop('SIGKILL')
    await doomed.ended
    const { stdout } = await watcher.ended
    expect(stdout).toContain('Subscribed (mid: 1): 158, 0')
    expect(stdout.split('\n')).toContain('gone')
  })
})

describe('MQTT.js at a server made of serve and Session', () => {
  serving()
  const schemes = { tcp: 'mqtt://127.0.0.1', tls: 'mqtts://localhost', ws: 'ws://127.0.0.1' }
  const dial = (version: 3 | 4 | 5, kind: (typeof kinds)[number], more: IClientOptions = {}): MqttClient =>
    mqtt.connect(`${schemes[kind]}:${served.ports[kind]}${kind === 'ws' ? '/mqtt' : ''}`, {
      protocolVersion: version,
      protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
      reconnectPeriod: 0,
      ca: [fixture('ca.pem')],
      ...more,
    })
  const hearing = (client: MqttClient): string[] => {
    const heard: string[] = []
    client.on('message', (topic, payload, { qos }) => heard.push(`${qos} ${topic} ${payload.toString()}`))
    return heard
  }

  it.each(kinds.flatMap((kind) => versions.map((version) => [kind, version] as const)))(
    'over %s, MQTT level %s: every quality of service, and what came while it was away',
    async (kind, version) => {
      const properties = version === 5 ? { properties: { sessionExpiryInterval: 3_600 } } : {}
      const persistent = { clientId: 'js', clean: false, ...properties }
      const first = dial(version, kind, persistent)
      const heard = hearing(first)
      await first.subscribeAsync('now/#', { qos: 2 })
      await Promise.all(everything.map(([topic, text, qos]) => first.publishAsync(topic, text, { qos })))
      await until(() => heard.length === 60, 'sixty messages')
      expect([...heard].sort()).toEqual([...lines].sort())
      await first.endAsync()
      await until(() => closed(served.events) === 1, 'the end')
      say()
      const second = dial(version, kind, persistent)
      const again = hearing(second)
      await until(() => again.length === 40, 'forty messages')
      expect(again).toEqual(kept)
      await second.endAsync()
      expect(faults(served.events)).toEqual([])
    },
  )

  it.each(versions)('keep-alive, MQTT level %s: kept by pings, and ended without', async (version) => {
    const client = dial(version, 'tcp', { keepalive: 1 })
    const quiet = dial(version, 'tcp', { keepalive: 1 })
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    expect(client.connected && quiet.connected).toBe(true)
    // It pings no more.
    ;(quiet as unknown as { keepaliveManager?: { destroy(): void } }).keepaliveManager?.destroy()
    const reasons: unknown[] = []
    quiet.on('disconnect', ({ reasonCode }) => reasons.push(reasonCode))
    await until(() => closed(served.events) === 1, 'the quiet one to be ended')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(reasons).toEqual(version === 5 ? [0x8d] : [])
    await Promise.all([client.endAsync(), quiet.endAsync(true)])
  })

  it('properties, receive maximum, topic aliases, the reason of a take-over', async () => {
    const client = dial(5, 'ws', { clientId: 'same', properties: { receiveMaximum: 2, topicAliasMaximum: 5 } })
    const heard: unknown[] = []
    client.on('message', (topic, _payload, { properties }) => heard.push([topic, properties?.userProperties]))
    // With QoS 2 MQTT.js 5.16 forgets which topic an alias stands for.
    await client.subscribeAsync('p', { qos: 1 })
    const properties = { userProperties: { a: ['1', '2'] } }
    await Promise.all(Array.from({ length: 20 }, () => client.publishAsync('p', 'x', { qos: 1, properties })))
    await until(() => heard.length === 20, 'every message')
    expect(JSON.parse(JSON.stringify(heard[19]))).toEqual(['p', { a: ['1', '2'] }])
    const reasons: unknown[] = []
    client.on('disconnect', ({ reasonCode }) => reasons.push(reasonCode))
    const gone = new Promise((resolve) => client.once('close', () => resolve(undefined)))
    const second = dial(5, 'tcp', { clientId: 'same' })
    await gone
    expect(reasons).toEqual([0x8e])
    await Promise.all([client.endAsync(true), second.endAsync()])
  })
})

describe('paho at a server made of serve and Session', () => {
  serving()
  const script = fileURLToPath(new URL('paho-client.py', import.meta.url))
  const paho = async (wishes: object): Promise<Record<string, unknown>> => {
    const asked = JSON.stringify({ port: served.ports.tcp, id: 'paho', clean: false, ...wishes })
    const { code, stdout, stderr } = await run('/usr/bin/python3', [script, asked]).ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return JSON.parse(stdout) as Record<string, unknown>
  }

  it.each(versions)('MQTT level %s: every quality of service, and what came while it was away', async (version) => {
    const first = await paho({ version, subscribe: ['now/#', 'other'], publish: everything, hear: 60 })
    expect(first).toMatchObject({ connected: 0, present: 0, granted: [2, 2], published: 60 })
    expect([...(first['heard'] as string[])].sort()).toEqual([...lines].sort())
    await until(() => closed(served.events) === 1, 'the end')
    say()
    const second = await paho({ version, hear: 40 })
    // MQTT 3.1 has no session present.
    expect(second).toMatchObject({ connected: 0, present: version === 3 ? 0 : 1, heard: kept })
    expect(faults(served.events)).toEqual([])
  })

  it.each(versions)('MQTT level %s: stays while it pings', async (version) => {
    const { pings } = await paho({ version, clean: true, keepalive: 1, wait: 2.5 })
    expect(pings).toBeGreaterThanOrEqual(1)
    expect(faults(served.events)).toEqual([])
  })

  it('takes the client identifier that it is given', async () => {
    const { assigned } = await paho({ version: 5, id: '', clean: true })
    expect(assigned).toMatch(/^\w+$/)
  })
})
