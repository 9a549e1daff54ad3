import { defer, map, type Observable, of } from 'rxjs'
import { scene, type SessionScene } from '../spec-support/session-scene.js'
import { StoreScene, turns } from '../spec-support/store-scene.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { packets } from '../testing/packets.js'
import { messageBytes } from './message.js'
import { Session } from './session.js'

expectNoUnhandled()

const { publish, puback, disconnect } = packets
const done = { r: { qos: 1, reasonCode: 0 } }
const overflow = { code: 'overflow' }

/** Drops as they are told: topic and code. */
const drops = ({ session }: SessionScene): Observable<string> =>
  session.dropped$.pipe(map(({ message, error }) => `${message.topic} ${error.code}`))
const droppedOf = (topics: string): Record<string, string> =>
  Object.fromEntries([...topics].map((topic) => [topic, `${topic} overflow`]))
/** Every other one is a string. */
const payloadOf = (size: number, index: number): string | Uint8Array =>
  index % 2 === 0 ? new Uint8Array(size) : 'x'.repeat(size)

describe('maxQueuedBytes of messages that wait to be sent', () => {
  it.each([
    ['error', [4, 6, 0, 1], ['', '', '', '#'], ''],
    ['drop-newest', [4, 6, 0, 1], ['', '', '', '#'], 'd'],
    ['drop-oldest', [4, 3, 3, 5, 2], ['#', '#', '', '', ''], 'ab'],
    ['drop-oldest', [4, 6, 11, 0], ['', '', '#', ''], 'c'],
    ['drop-newest', [11, 4], ['#', ''], 'a'],
    ['error', [11, 4], ['#', ''], ''],
  ] as const)('10, %s: %j', (policy, sizes, ends, dropped) => {
    scene({ maxQueuedBytes: 10, overflow: policy }, (given) => {
      given.expectObservable(drops(given)).toBe(dropped === '' ? '' : `(${dropped})`, droppedOf(dropped))
      sizes.forEach((size, index) => {
        const message = { topic: 'abcde'[index]!, qos: 1, payload: payloadOf(size, index) } as const
        given.expectObservable(given.session.publish(message)).toBe(ends[index]!, null, overflow)
      })
    })
  })

  it('are bytes of UTF-8, of QoS 0 too, 16 MiB by default', () => {
    scene({ maxQueuedBytes: 5 }, ({ session, expectObservable }) => {
      expectObservable(session.publish({ topic: 'a', payload: 'éé' })).toBe('')
      expectObservable(session.publish({ topic: 'a', payload: 'é' })).toBe('#', null, overflow)
      expectObservable(session.publish({ topic: 'a', payload: 'e' })).toBe('')
    })
    scene({}, ({ session, expectObservable }) => {
      expectObservable(session.publish({ topic: 'a', payload: new Uint8Array(2 ** 24) })).toBe('')
      expectObservable(session.publish({ topic: 'a', payload: 'e' })).toBe('#', null, overflow)
    })
  })

  it('are not those of a message that need not wait, nor that left or was taken back', () => {
    scene({ maxQueuedBytes: 4, receiveMaximum: 1 }, ({ session, join, expectObservable }) => {
      const link = join('----1-2', { 1: puback(), 2: puback({ messageId: 2 }) })
      expectObservable(session.publish({ topic: 'a', qos: 1, payload: 'large' })).toBe('----(r|)', done)
      const four = { qos: 1, payload: 'four' } as const
      expectObservable(session.publish({ topic: 'b', ...four }), '-^!').toBe('')
      expectObservable(session.publish({ topic: 'c', ...four }), '---^').toBe('------(r|)', done)
      expectObservable(session.publish({ topic: 'd', ...four }), '---^').toBe('---#', null, overflow)
      expectObservable(session.publish({ topic: 'e', ...four }), '-----^').toBe('')
      link.expectSent('a---c-e', {
        a: publish({ topic: 'a', qos: 1, messageId: 1, payload: 'large' }),
        c: publish({ topic: 'c', ...four, messageId: 2 }),
        e: publish({ topic: 'e', ...four, messageId: 3 }),
      })
    })
  })

  it('are not those of a message that was sent, while it waits to be sent again', () => {
    scene({ maxQueuedBytes: 4 }, ({ session, join, does, expectObservable }) => {
      const four = { qos: 1, payload: 'four' } as const
      join('--|')
      expectObservable(session.publish({ topic: 'a', ...four })).toBe('')
      const { transport, expectSent } = join('', {}, { at: 5, resumed: true })
      transport.writable = false
      expectObservable(session.publish({ topic: 'b', ...four }), '-------^').toBe('')
      expectObservable(session.publish({ topic: 'c', ...four }), '--------^').toBe('--------#', null, overflow)
      does('----------w', { w: () => (transport.writable = true) })
      expectSent('----------(ab)', {
        a: publish({ topic: 'a', ...four, messageId: 1, dup: true }),
        b: publish({ topic: 'b', ...four, messageId: 2 }),
      })
    })
  })

  it('a store may have more: what comes then has no room, or takes its place', async () => {
    for (const policy of ['error', 'drop-oldest'] as const) {
      const given = new StoreScene({ maxQueuedBytes: 4, overflow: policy })
      const message = { payload: new Uint8Array(3), qos: 1 } as const
      given.state = {
        outgoing: [1, 2, 3].map((sequence) => ({
          kind: 'message',
          sequence,
          message: { topic: `${sequence}`, ...message },
          expiresAt: undefined,
          messageId: undefined,
        })),
        received: [],
      }
      given.session.load('me').subscribe()
      await turns()
      given.taken()
      given.publish({ topic: 'a', payload: 'x', qos: 1 })
      await turns()
      expect(given.taken()).toEqual(policy === 'error' ? ['a: overflow'] : ['write -1, -2, +4 a'])
      given.end()
    }
  })

  it.each([1.5, -1, Number.NaN])('must be a number of bytes: %p', (maxQueuedBytes) => {
    scene({}, ({ expectObservable }) => {
      const made$ = defer(() => of(new Session({ maxQueuedBytes }).properties))
      expectObservable(made$).toBe('#', null, { code: 'invalid-option' })
    })
  })
})

describe('maxQueuedBytes of QoS 0 while nobody listens', () => {
  const peer = Object.fromEntries(
    [4, 3, 3, 5, 0, 11].map((size, i) => [
      'abcdef'[i]!,
      publish({ topic: 'abcdef'[i]!, payload: new Uint8Array(size) }),
    ]),
  )
  const listen = ({ session }: SessionScene): Observable<string> =>
    session.messages$.pipe(map(({ packet }) => packet.topic))

  it('10, error: the connection ends', () => {
    scene({ maxQueuedBytes: 10 }, (given) => {
      const link = given.join('-a-b-c-e-d', peer)
      given.expectObservable(link.end$).toBe('---------#', null, { code: 'overflow', reasonCode: 0x97 })
      link.expectSent('---------(x|)', { x: disconnect({ reasonCode: 0x97 }) })
      given.expectObservable(listen(given), '12ms ^').toBe('12ms (abce)')
    })
  })

  it.each([
    ['drop-newest', '-a-b-c-d-e-f', '-------d---f', 'abce'],
    ['drop-oldest', '-a-b-c-d-e-f', '-------(ab)f', 'cde'],
  ] as const)('10, %s: dropped$ tells', (policy, inbound, dropped, left) => {
    scene({ maxQueuedBytes: 10, overflow: policy }, (given) => {
      given.join(inbound, peer)
      given.expectObservable(drops(given)).toBe(dropped, droppedOf('abdf'))
      given.expectObservable(listen(given), '20ms ^').toBe(`20ms (${left})`)
    })
  })

  it('does not count what was handed over', () => {
    scene({ maxQueuedBytes: 4 }, (given) => {
      const link = given.join('-a----a----b', peer)
      given.expectObservable(listen(given), '---^!').toBe('---a')
      given.expectObservable(link.end$).toBe('-----------#', null, { code: 'overflow', reasonCode: 0x97 })
    })
  })
})

test('messageBytes counts the payload, and text and data of properties', () => {
  expect(messageBytes({ topic: 'a' })).toBe(0)
  expect(messageBytes({ topic: 'a', payload: 'hé' })).toBe(3)
  expect(messageBytes({ topic: 'a', payload: 'hi', properties: { userProperties: { k: 'v' } } })).toBe(4)
  const properties = {
    contentType: 'c',
    responseTopic: 'rr',
    correlationData: new Uint8Array(3),
    userProperties: { kkkk: ['v', 'ww'] },
    messageExpiryInterval: 60,
  }
  expect(messageBytes({ topic: 'a', payload: new Uint8Array(10), properties })).toBe(10 + 1 + 2 + 3 + 4 + 1 + 2)
})

test('properties of what waits count too', () => {
  scene({ maxQueuedBytes: 10, overflow: 'error' }, ({ session, expectObservable }) => {
    const publish = (value: string) => session.publish({ topic: 'a', properties: { userProperties: { k: value } } })
    publish('x'.repeat(8)).subscribe()
    expectObservable(publish('yy')).toBe('#', {}, overflow)
  })
})
