import { memoryPair } from '@rxmqtt/transports/memory'
import { type End, hear, speak, until } from '../test/helpers.js'
import { Connection } from '@rxmqtt/core'
import { Outbox, received } from './qos.js'

function ends(protocolVersion: 4 | 5 = 5): { near: Connection; far: End } {
  const [a, b] = memoryPair()
  return { near: new Connection(a, { protocolVersion }), far: speak(b, { protocolVersion }) }
}

describe('received', () => {
  it('acknowledges by quality of service, and emits each message once', async () => {
    const { near, far } = ends()
    const messages = hear(received(near))
    far.connection.publish({ topic: 'zero' })
    far.connection.publish({ topic: 'one', qos: 1, messageId: 1 })
    far.connection.publish({ topic: 'two', qos: 2, messageId: 2 })
    far.connection.publish({ topic: 'two', qos: 2, messageId: 2, dup: true })
    far.connection.pubrel({ messageId: 2 })
    far.connection.publish({ topic: 'two again', qos: 2, messageId: 2 })
    await until(() => far.packets.length === 5, 'five answers')
    expect(messages.values.map(({ topic }) => topic)).toEqual(['zero', 'one', 'two', 'two again'])
    expect(far.packets.map(({ cmd, messageId }) => `${String(cmd)} ${String(messageId)}`)).toEqual([
      'puback 1',
      'pubrec 2',
      'pubrec 2',
      'pubcomp 2',
      'pubrec 2',
    ])
    far.connection.destroy()
    expect(await messages.done).toBe('complete')
  })

  it.each([
    [4, { cmd: 'pubcomp', messageId: 9 }],
    [5, { cmd: 'pubcomp', messageId: 9, reasonCode: 0x92 }],
  ] as const)('answers a PUBREL that it knows nothing of, MQTT level %s', async (version, answer) => {
    const { near, far } = ends(version)
    const messages = hear(received(near))
    far.connection.pubrel({ messageId: 9 })
    await until(() => far.packets.length === 1, 'the answer')
    expect(far.packets).toEqual([answer])
    far.connection.destroy()
    await messages.done
  })
})

describe('Outbox', () => {
  it('keeps ids in flight apart, and does the handshakes', async () => {
    const { near, far } = ends()
    const outbox = new Outbox(near)
    const handshakes = hear(outbox.handshakes$)
    const delivered = hear(outbox.delivered$)
    expect(outbox.publish({ topic: 'a' })).toBeUndefined()
    expect(outbox.publish({ topic: 'a', qos: 1 })).toBe(1)
    expect(outbox.publish({ topic: 'a', qos: 2 })).toBe(2)
    await until(() => far.packets.length === 3, 'three messages')
    far.connection.pubrec({ messageId: 2 })
    far.connection.pubcomp({ messageId: 2 })
    await until(() => delivered.values.length === 1, 'the second message')
    expect(delivered.values).toEqual([2])
    expect(far.packets[3]).toEqual({ cmd: 'pubrel', messageId: 2, reasonCode: 0 })
    expect(outbox.publish({ topic: 'a', qos: 1 })).toBe(3)
    far.connection.puback({ messageId: 1 })
    far.connection.puback({ messageId: 1 })
    await until(() => delivered.values.length === 2, 'the first message')
    expect(delivered.values).toEqual([2, 1])
    far.connection.destroy()
    await handshakes.done
    delivered.subscription.unsubscribe()
  })

  it('goes round after 65,535 and leaves out what is in flight', async () => {
    const { near, far } = ends()
    const outbox = new Outbox(near)
    const handshakes = hear(outbox.handshakes$)
    outbox.publish({ topic: 'a', qos: 1 })
    for (let id = 2; id <= 65_535; id += 1) outbox.publish({ topic: 'a', qos: 1 })
    await until(() => far.packets.length === 65_535, 'all messages', 15_000)
    far.connection.puback({ messageId: 2 })
    far.connection.puback({ messageId: 65_535 })
    const delivered = hear(outbox.delivered$)
    await until(() => delivered.values.length === 2, 'two free ids')
    expect([outbox.publish({ topic: 'a', qos: 1 }), outbox.publish({ topic: 'a', qos: 1 })]).toEqual([2, 65_535])
    far.connection.destroy()
    await handshakes.done
    delivered.subscription.unsubscribe()
  })

  it('is a gate that closes while the window is full', async () => {
    const { near, far } = ends()
    const outbox = new Outbox(near, 1)
    const handshakes = hear(outbox.handshakes$)
    const writable = hear(outbox.writable$)
    outbox.publish({ topic: 'a', qos: 1 })
    expect(outbox.writable).toBe(false)
    await until(() => far.packets.length === 1, 'the message')
    far.connection.pubrec({ messageId: 1, reasonCode: 0x97 })
    await until(() => outbox.writable, 'the refusal, which frees the id')
    expect(writable.values).toEqual([true, true])
    far.connection.destroy()
    await handshakes.done
    writable.subscription.unsubscribe()
  })

  it('takes no id for a message that it must not send', () => {
    const { near, far } = ends()
    const outbox = new Outbox(near, 1)
    expect(() => outbox.publish({ topic: '#', qos: 1 })).toThrow('MQTT-3.3.2-2')
    expect(outbox.writable).toBe(true)
    expect(outbox.publish({ topic: 'a', qos: 1 })).toBe(1)
    near.destroy()
    far.connection.destroy()
  })
})
