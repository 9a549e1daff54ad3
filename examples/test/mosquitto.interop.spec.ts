import type { ProtocolVersion, Transport } from '@rxmqtt/core'
import { connectTcp } from '@rxmqtt/transports/tcp'
import { connectTls } from '@rxmqtt/transports/tls'
import { connectWs } from '@rxmqtt/transports/ws'
import { concat, ignoreElements, map, merge, type Observable, take } from 'rxjs'
import { clientTcp } from '../src/client-tcp.js'
import { demoClient } from '../src/demo-client.js'
import { listenIn } from '../src/wiretap.js'
import { expectNoHandles, hear, host, until } from './helpers.js'
import { fixture, type Listener, type Mosquitto, run, startMosquitto } from './processes.js'

expectNoHandles()

const versions = [3, 4, 5] as const
const dials: Record<Listener, (port: number) => Observable<Transport>> = {
  tcp: (port) => connectTcp({ host, port }),
  tls: (port) => connectTls({ host: 'localhost', port, ca: fixture('ca.pem') }),
  ws: (port) => connectWs(`ws://${host}:${port}/mqtt`),
}

/** Subscribes, publishes with every quality of service, and tells what came back. */
function exchange(dial$: Observable<Transport>, protocolVersion: ProtocolVersion): Observable<string> {
  const properties = { contentType: 'text/plain', userProperties: { b: '2', a: ['1', '3'] } }
  const described = protocolVersion === 5 ? { properties } : {}
  return demoClient(dial$, { clientId: `rx-${protocolVersion}`, protocolVersion, keepalive: 60 }, (client) =>
    merge(
      concat(
        client.subscribe('interop/#', 2).pipe(ignoreElements()),
        client.publish({ topic: 'interop/0', payload: 'übung', qos: 0, ...described }),
        client.publish({ topic: 'interop/1', payload: 'übung', qos: 1, ...described }),
        client.publish({ topic: 'interop/2', payload: 'übung', qos: 2, ...described }),
      ),
      client.messages$.pipe(
        map(({ qos, topic, payload, properties: got }) =>
          [qos, topic, new TextDecoder().decode(payload), JSON.stringify(got?.userProperties)].join(' ').trim(),
        ),
      ),
    ).pipe(take(3)),
  )
}

describe.each(['tcp', 'tls', 'ws'] as const)('our client at mosquitto over %s', (kind) => {
  let mosquitto: Mosquitto | undefined
  beforeEach(async () => {
    mosquitto = await startMosquitto([kind])
  })
  afterEach(async () => {
    await mosquitto?.stop()
    mosquitto = undefined
  })

  it.each(versions)('MQTT level %s: every quality of service', async (version) => {
    const { done, values } = hear(exchange(dials[kind](mosquitto?.ports[kind] ?? 0), version))
    expect(await done).toBe('complete')
    const user = version === 5 ? ' {"b":"2","a":["1","3"]}' : ''
    expect(values).toEqual([0, 1, 2].map((qos) => `${qos} interop/${qos} übung${user}`))
  })
})

describe('our examples at mosquitto', () => {
  let mosquitto: Mosquitto | undefined
  afterEach(async () => {
    await mosquitto?.stop()
    mosquitto = undefined
  })
  const start = async (...options: Parameters<typeof startMosquitto>): Promise<number> => {
    mosquitto = await startMosquitto(...options)
    return mosquitto.ports[options[0][0] ?? 'tcp']
  }

  it('the first client greets itself', async () => {
    const { done, values } = hear(clientTcp({ host, port: await start(['tcp']) }))
    expect(await done).toBe('complete')
    expect([...values].sort()).toEqual(['connected', 'heard hello', 'message 2 arrived at the server', 'subscribed'])
  })

  it('the wiretap hears mosquitto_pub, and ends with the broker', async () => {
    const port = await start(['tcp'])
    const { done, values } = hear(listenIn(connectTcp({ host, port }), 'a/#'))
    await until(() => values.length === 4, 'SUBACK')
    await run('mosquitto_pub', ['-h', host, '-p', String(port), '-t', 'a/b', '-m', 'hi']).ended
    await until(() => values.length === 5, 'the message')
    expect(values[4]).toBe('<-- PUBLISH     "a/b" "hi" qos=0')
    await mosquitto?.stop()
    expect(['complete', 'transport']).toContain(await done)
  })

  it.each([
    [4, 'refused'],
    [5, 'refused 0x87'],
  ] as const)('a refusal is an error of the dial, MQTT level %s', async (version, expected) => {
    const port = await start(['tcp'], ['allow_anonymous false'])
    expect(await hear(exchange(connectTcp({ host, port }), version)).done).toBe(expected)
  })

  it('an authority that is not trusted is an error of the dial', async () => {
    const port = await start(['tls'])
    expect(await hear(exchange(connectTls({ host: 'localhost', port }), 5)).done).toBe('transport')
  })
})
