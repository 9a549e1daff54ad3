import type { Packet } from '@rxmqtt/core'
import { connectTcp, listenTcp } from '@rxmqtt/transports/tcp'
import { memoryPair } from '@rxmqtt/transports/memory'
import { Connection } from '@rxmqtt/core'
import { expectNoHandles, hear, host, portTold, speak, until } from '../test/helpers.js'
import { createDemoServer } from './demo-server.js'
import { describe as text, frameSize } from './describe.js'
import { listenIn, wiretapLines } from './wiretap.js'

expectNoHandles()

describe('describe', () => {
  const length = 0
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
  const publish = {
    cmd: 'publish',
    length,
    topic: 'a',
    payload: bytes('x'),
    qos: 0,
    retain: false,
    dup: false,
  } as const
  const connect = {
    cmd: 'connect',
    length,
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    clientId: 'me',
    keepalive: 9,
  } as const

  it.each<[string, Packet]>([
    ['CONNECT     "me" MQTT 3.1.1 clean keepalive=9s', connect],
    [
      'CONNECT     "me" MQTT 3.1 resume keepalive=9s will="w"',
      {
        ...connect,
        protocolVersion: 3,
        clean: false,
        will: { topic: 'w', payload: bytes(''), qos: 0, retain: false },
      },
    ],
    ['CONNACK     accepted session present', { cmd: 'connack', length, sessionPresent: true, returnCode: 0 }],
    ['CONNACK     5 NotAuthorized', { cmd: 'connack', length, sessionPresent: false, returnCode: 5 }],
    ['CONNACK     0x87 NotAuthorized', { cmd: 'connack', length, sessionPresent: false, reasonCode: 0x87 }],
    ['PUBLISH     "a" "x" qos=0', publish],
    ['PUBLISH     "a" "x" qos=1 id=7 retain dup', { ...publish, qos: 1, messageId: 7, retain: true, dup: true }],
    ['PUBLISH     "a" <2 bytes> qos=0', { ...publish, payload: Uint8Array.of(0xc0, 0xff) }],
    ['PUBLISH     "\\n\\u001b[2J\\u009b\\u202e" "x" qos=0', { ...publish, topic: '\n\u001b[2J\u009b\u202e' }],
    [
      'PUBLISH     "a" "x" qos=0 topicAlias=3 correlationData=<2 bytes> userProperties={"k":"v"}',
      { ...publish, properties: { topicAlias: 3, correlationData: bytes('ab'), userProperties: { k: 'v' } } },
    ],
    ['SUBSCRIBE   id=1 "a" qos=2', { cmd: 'subscribe', length, messageId: 1, subscriptions: [{ topic: 'a', qos: 2 }] }],
    ['SUBACK      id=1 granted=2,0x80', { cmd: 'suback', length, messageId: 1, granted: [2, 0x80] }],
    ['UNSUBSCRIBE id=1 "a"', { cmd: 'unsubscribe', length, messageId: 1, unsubscriptions: ['a'] }],
    ['UNSUBACK    id=1', { cmd: 'unsuback', length, messageId: 1 }],
    ['UNSUBACK    id=1 reasons=0,17', { cmd: 'unsuback', length, messageId: 1, granted: [0, 17] }],
    ['PUBACK      id=1', { cmd: 'puback', length, messageId: 1, reasonCode: 0 }],
    ['PUBREC      id=1 0x97 QuotaExceeded', { cmd: 'pubrec', length, messageId: 1, reasonCode: 0x97 }],
    ['PINGREQ', { cmd: 'pingreq', length }],
    ['DISCONNECT', { cmd: 'disconnect', length }],
    ['DISCONNECT  0x8e SessionTakenOver', { cmd: 'disconnect', length, reasonCode: 0x8e }],
    ['AUTH        24 ContinueAuthentication', { cmd: 'auth', length, reasonCode: 0x18 }],
  ])('%s', (line, packet) => {
    expect(text(packet)).toBe(line)
  })

  it('cuts what is long', () => {
    expect(text({ ...publish, payload: bytes('y'.repeat(5_000)) }).length).toBeLessThan(100)
  })

  it.each([
    [0, 2],
    [127, 129],
    [128, 131],
    [16_383, 16_386],
    [16_384, 16_388],
    [2_097_152, 2_097_157],
  ])('a packet with the remaining length %s has %s bytes', (length, size) => {
    expect(frameSize({ ...publish, length })).toBe(size)
  })
})

describe('the wiretap', () => {
  it('tells every packet of a connection, both ways, without reading for itself', async () => {
    const [near, far] = memoryPair()
    const connection = new Connection(near)
    const tapped = hear(wiretapLines(connection))
    const peer = speak(far)
    peer.connection.connect({ clientId: 'me' })
    connection.pingresp()
    await until(() => peer.packets.length === 1, 'PINGRESP')
    expect(tapped.values).toEqual(['--> PINGRESP'])
    const reading = connection.connect$.subscribe()
    await until(() => tapped.values.length === 2, 'CONNECT')
    expect(tapped.values[1]).toBe('<-- CONNECT     "me" MQTT 3.1.1 clean keepalive=0s')
    reading.unsubscribe()
    connection.destroy()
    expect(await tapped.done).toBe('complete')
  })

  it('listens in on a server', async () => {
    const { listening, port } = portTold()
    const server = createDemoServer()
    const events = hear(listenTcp({ host, listening }).pipe(server.serve()))
    const lines = hear(listenIn(connectTcp({ host, port: await port }), 'a/#'))
    await until(() => lines.values.length === 4, 'SUBACK')
    server.publish({ topic: 'a/b', payload: 'hello', qos: 2 })
    server.publish({ topic: 'b', payload: 'not this', qos: 0 })
    await until(() => lines.values.length === 5, 'the message')
    expect(lines.values).toEqual([
      `--> CONNECT     "wiretap-${process.pid}" MQTT 3.1.1 clean keepalive=0s`,
      '<-- CONNACK     accepted',
      '--> SUBSCRIBE   id=1 "a/#" qos=0',
      '<-- SUBACK      id=1 granted=0',
      '<-- PUBLISH     "a/b" "hello" qos=0',
    ])
    lines.subscription.unsubscribe()
    await until(() => events.values.some(({ type }) => type === 'closed'), 'the end')
    events.subscription.unsubscribe()
  })
})
