import type { ConnackReasonCode, QoS } from '@rxmqtt/core'
import { of } from 'rxjs'
import { pass } from './scene.js'
import { brokerOnly, statements } from './statements.js'
import { lasting } from './with-scene.js'

describe('MQTT 5, broker only: CONNACK', () => {
  const { show, complete } = statements('MQTT 5')

  show(
    '3.1.4-2',
    'who fails a check is refused, and the connection is closed',
    async (scene) => {
      const codes = [0x80, 0x81, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x95, 0x97, 0x9c, 0x9d, 0x9f]
      for (const code of codes) {
        const eve = await scene.client({ clientId: 'eve', username: String(code) })
        expect(eve.received).toMatchObject([{ cmd: 'connack', reasonCode: code }])
        await pass(1_000)
        expect(eve.end).toBeDefined()
      }
      expect(scene.broker.figures.sessions).toBe(0)
    },
    { authorization: { connect: ({ username }) => of({ reasonCode: Number(username) as ConnackReasonCode }) } },
  )

  show('3.1.4-4', 'clean start: nothing of the earlier session is left', async (scene) => {
    const bob = await scene.client({ clientId: 'bob' })
    for (const leaves of [true, false]) {
      const alice = await scene.client({ clientId: 'alice', ...lasting() }, { acks: false })
      await alice.subscribe([{ topic: 'a', qos: 2 }])
      await bob.publish({ topic: 'a', payload: 'in flight', qos: 1 })
      if (leaves) await alice.vanish()
      await bob.publish({ topic: 'a', payload: 'queued', qos: 2 })
      const anew = await scene.client({ clientId: 'alice', ...lasting(), clean: true })
      await bob.publish({ topic: 'a', payload: 'new', qos: 1 })
      expect(anew.connack.sessionPresent).toBe(false)
      expect(anew.heard).toEqual([])
      expect(scene.broker.figures.subscriptions).toBe(0)
    }
  })

  show('3.2.2-2', 'with clean start there is no session present', async (scene) => {
    for (const seconds of [0, 100]) {
      for (let i = 0; i < 3; i++) {
        const alice = await scene.client({ clientId: 'alice', ...lasting(seconds), clean: true })
        expect(alice.connack).toMatchObject({ reasonCode: 0, sessionPresent: false })
        if (i === 1) await alice.vanish()
      }
    }
  })

  show('3.2.2-3', 'without clean start the session is present if there is one', async (scene) => {
    const seen = async (seconds: number, clean = false): Promise<boolean> =>
      (await scene.client({ clientId: 'alice', ...lasting(seconds), clean })).connack.sessionPresent
    expect(await seen(100)).toBe(false)
    expect(await seen(100)).toBe(true)
    expect(await seen(0)).toBe(true)
    // That one was over with its connection.
    expect(await seen(0)).toBe(false)
    expect(await seen(100)).toBe(false)
    expect(await seen(0, true)).toBe(false)
    expect(await seen(100)).toBe(false)
  })

  for (const maximumQoS of [0, 1] as const) {
    show(
      '3.2.2-10',
      `with a Maximum QoS of ${maximumQoS} SUBSCRIBE may ask for more`,
      async (scene) => {
        const bob = await scene.client({ clientId: 'bob' })
        const codes = await bob.subscribe([0, 1, 2].map((qos) => ({ topic: `a/${qos}`, qos: qos as QoS })))
        expect(bob.connack.properties).toMatchObject({ maximumQoS })
        expect(codes).toHaveLength(3)
        for (const [qos, code] of codes.entries()) expect([0, 1, 2].slice(0, qos + 1)).toContain(code)
        await bob.publish({ topic: 'a/2', payload: 'x', qos: maximumQoS })
        expect(bob.told).toEqual([`a/2 x ${maximumQoS}`])
      },
      { authorization: { connect: () => of({ properties: { maximumQoS } }) } },
    )
  }

  complete(brokerOnly['MQTT 5'].connack)
})
