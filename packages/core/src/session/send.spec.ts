import { map, type Observable, Subject } from 'rxjs'
import { scene, type SessionScene } from '../spec-support/session-scene.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'
import { packets } from '../testing/packets.js'

expectNoUnhandled()

const { publish, puback } = packets

/** Drops as they are told: topic and code. */
const drops = ({ session }: SessionScene): Observable<string> =>
  session.dropped$.pipe(map(({ message, error }) => `${message.topic} ${error.code}`))

describe('send', () => {
  it('delivers as publish does, in the order of both', () => {
    scene({ receiveMaximum: 2 }, ({ session, join, does }) => {
      const link = join('--------a', { a: puback({ messageId: 1 }) })
      does('--m', {
        m: () => {
          session.send({ topic: 'a', qos: 1 })
          session.publish({ topic: 'b', qos: 1 }).subscribe()
          session.send({ topic: 'c', qos: 1 })
          session.send({ topic: 'd' })
        },
      })
      link.expectSent('--(ab)--(cd)', {
        a: publish({ topic: 'a', qos: 1, messageId: 1 }),
        b: publish({ topic: 'b', qos: 1, messageId: 2 }),
        c: publish({ topic: 'c', qos: 1, messageId: 3 }),
        d: publish({ topic: 'd' }),
      })
    })
  })

  it('waits for a connection, and gives way to later ones where the queue is full', () => {
    scene({ maxQueued: 2, overflow: 'drop-oldest' }, (given) => {
      const { session, join, does, expectObservable } = given
      const link = join('', {}, { at: 5 })
      expectObservable(drops(given)).toBe('-o', { o: 'a overflow' })
      does('-m', { m: () => ['a', 'b', 'c'].forEach((topic) => session.send({ topic })) })
      link.expectSent('5ms (bc)', { b: publish({ topic: 'b' }), c: publish({ topic: 'c' }) })
    })
  })

  it('has dropped$ tell what can’t be sent, with a connection and without one', () => {
    scene({}, (given) => {
      const { session, join, does, expectObservable } = given
      const link = join('', {}, { at: 5, version: 5, connack: { properties: { maximumPacketSize: 20 } } })
      const [bad, large] = [{ topic: 'a/+' }, { topic: 'large', payload: 'x'.repeat(20) }]
      const all = (): void => [bad, large, { topic: 'good' }].forEach((message) => session.send(message))
      expectObservable(drops(given)).toBe('-b 3ms l 4ms (bl)', { b: 'a/+ invalid-packet', l: 'large packet-too-large' })
      does('-m 8ms m', { m: all })
      link.expectSent('5ms g 4ms g', { g: publish({ topic: 'good' }) })
    })
  })

  it('a refusal of the peer is its own business', () => {
    scene({}, (given) => {
      const { session, join, expectObservable } = given
      const link = join('-a', { a: puback({ reasonCode: 0x87 }) }, { version: 5 })
      expectObservable(drops(given)).toBe('')
      session.send({ topic: 'a', qos: 1 })
      link.expectSent('p', { p: publish({ topic: 'a', qos: 1 }) })
    })
  })
})

describe('isReady', () => {
  it('tells whether a message would leave at once', () => {
    scene({ receiveMaximum: 2 }, ({ session, join, does, expectObservable }) => {
      const seen = new Subject<boolean>()
      join('-------a', { a: puback({ messageId: 1 }) }, { at: 2 })
      does('mm--m-m-m', { m: () => seen.next(session.isReady) })
      does('---abc', {
        a: () => session.send({ topic: 'a', qos: 1 }),
        b: () => session.send({ topic: 'b', qos: 1 }),
        c: () => session.send({ topic: 'c' }),
      })
      expectObservable(seen).toBe('nn--y-n-y', { n: false, y: true })
    })
  })
})
