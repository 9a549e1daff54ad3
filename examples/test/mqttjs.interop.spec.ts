import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { expectNoHandles, until } from './helpers.js'
import { fixture } from './processes.js'
import { failures, type Served, serveEverywhere } from './serve.js'

expectNoHandles()

const versions = [3, 4, 5] as const
const transports = ['tcp', 'tls', 'ws', 'wss'] as const
const cases = versions.flatMap((version) => transports.map((transport) => [version, transport] as const))
const schemes = { tcp: 'mqtt://127.0.0.1', tls: 'mqtts://localhost', ws: 'ws://127.0.0.1', wss: 'wss://localhost' }

describe('MQTT.js at the demo server', () => {
  let served: Served
  beforeEach(async () => {
    served = await serveEverywhere()
  })
  afterEach(async () => {
    await served.stop()
  })

  const dial = (
    version: 3 | 4 | 5,
    transport: keyof typeof schemes,
    more: IClientOptions = {},
  ): Promise<MqttClient> => {
    const path = transport.startsWith('ws') ? '/mqtt' : ''
    return mqtt.connectAsync(`${schemes[transport]}:${served.ports[transport]}${path}`, {
      protocolVersion: version,
      protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
      reconnectPeriod: 0,
      ca: [fixture('ca.pem')],
      wsOptions: { ca: [fixture('ca.pem')] },
      ...more,
    })
  }

  it.each(cases)('MQTT level %s over %s: every quality of service', async (version, transport) => {
    const client = await dial(version, transport)
    const heard: string[] = []
    client.on('message', (topic, payload, { qos }) => heard.push(`${qos} ${topic} ${payload.toString()}`))
    const granted = await client.subscribeAsync('interop/#', { qos: 2 })
    expect(granted.map(({ topic, qos }) => [topic, qos])).toEqual([['interop/#', 2]])
    for (const qos of [0, 1, 2] as const) await client.publishAsync(`interop/${qos}`, `übung ${qos}`, { qos })
    await until(() => heard.length === 3, 'three messages')
    expect(heard).toEqual(['0 interop/0 übung 0', '1 interop/1 übung 1', '2 interop/2 übung 2'])
    await client.unsubscribeAsync('interop/#')
    await client.publishAsync('interop/0', 'not this', { qos: 1 })
    await client.endAsync()
    expect(heard).toHaveLength(3)
    expect(failures(served.events)).toEqual([])
  })

  it.each(transports)('a hundred thousand bytes, a hundred times, over %s', async (transport) => {
    const client = await dial(4, transport)
    const payload = Buffer.alloc(100_000, 'abcdefg')
    let good = 0
    client.on('message', (_topic, bytes) => {
      if (bytes.equals(payload)) good += 1
    })
    await client.subscribeAsync('big', { qos: 1 })
    await Promise.all(Array.from({ length: 100 }, () => client.publishAsync('big', payload, { qos: 1 })))
    await until(() => good === 100, 'every message')
    await client.endAsync()
  })

  it('MQTT 5 properties, receive maximum and the reason of a take-over', async () => {
    const client = await dial(5, 'ws', { clientId: 'same', properties: { receiveMaximum: 2 } })
    const heard: unknown[] = []
    client.on('message', (_topic, _payload, { properties }) => heard.push(properties))
    await client.subscribeAsync('p', { qos: 2 })
    const properties = { contentType: 'text/plain', userProperties: { a: ['1', '2'] } }
    await Promise.all(Array.from({ length: 20 }, () => client.publishAsync('p', 'x', { qos: 2, properties })))
    await until(() => heard.length === 20, 'every message')
    expect(JSON.parse(JSON.stringify(heard[19]))).toEqual(properties)
    const reasons: unknown[] = []
    client.on('disconnect', ({ reasonCode }) => reasons.push(reasonCode))
    const closed = new Promise((resolve) => client.once('close', () => resolve(undefined)))
    const second = await dial(5, 'tcp', { clientId: 'same' })
    await closed
    expect(reasons).toEqual([0x8e])
    await Promise.all([client.endAsync(true), second.endAsync()])
  })
})
