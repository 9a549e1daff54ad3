import type { Observable } from 'rxjs'
import type { PublishPacket } from '../packet/packet.js'
import { failure } from '../spec-support/codec.js'
import { marbles } from '../testing/marbles.js'
import { ofTopic } from './of-topic.js'

function publish(topic: string): PublishPacket {
  return { cmd: 'publish', length: 3, topic, payload: new Uint8Array(0), qos: 0, retain: false, dup: false }
}

interface Delivery {
  readonly packet: PublishPacket
  ack(): void
}

const packets = { a: publish('a'), b: publish('b'), c: publish('a/c'), d: publish('a/c/d'), s: publish('$SYS/a') }

describe('ofTopic', () => {
  test('lets pass one topic, several, none, in order', () => {
    marbles(({ hot, expectObservable, expectSubscriptions }) => {
      const source = hot('-a-(abc)-d-s-|', packets)
      expectObservable(source.pipe(ofTopic('b'))).toBe('   ---b---------|', packets)
      expectObservable(source.pipe(ofTopic('a/#'))).toBe(' -a-(ac)--d---|', packets)
      expectObservable(source.pipe(ofTopic('#'))).toBe('   -a-(abc)-d---|', packets)
      expectObservable(source.pipe(ofTopic('$share/g/+/+'))).toBe('---c---------|', packets)
      expectObservable(source.pipe(ofTopic('none'))).toBe('-------------|')
      expectSubscriptions(source.subscriptions).toBe(Array<string>(5).fill('^------------!'))
    })
  })

  test('empty, never, error, early unsubscribe', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      expectObservable(cold<PublishPacket>('--|').pipe(ofTopic('a'))).toBe('--|')
      const never$ = cold<PublishPacket>('-')
      expectObservable(never$.pipe(ofTopic('a')), '^--!').toBe('-')
      expectSubscriptions(never$.subscriptions).toBe('^--!')
      expectObservable(cold('ab#', packets).pipe(ofTopic('a'))).toBe('a-#', packets)
      const source = cold('a-a-a-|', packets)
      expectObservable(source.pipe(ofTopic('a')), '^--!').toBe('a-a', packets)
      expectSubscriptions(source.subscriptions).toBe('^--!')
    })
  })

  test('takes what a session delivers, and keeps its type', () => {
    const ack = (): void => {}
    const deliveries = { a: { packet: packets.a, ack }, b: { packet: packets.b, ack } }
    marbles(({ cold, expectObservable }) => {
      const messages$: Observable<Delivery> = cold('ab|', deliveries)
      const own$: Observable<Delivery> = messages$.pipe(ofTopic('b'))
      expectObservable(own$).toBe('-b|', deliveries)
    })
  })

  test('a PUBLISH with an alias in place of its topic has none that matches', () => {
    marbles(({ cold, expectObservable }) => {
      const source = cold('e|', { e: publish('') })
      for (const filter of ['#', '+', '/']) expectObservable(source.pipe(ofTopic(filter))).toBe('-|')
    })
  })

  test('refuses an ill-formed filter at the call', () => {
    expect(failure(() => ofTopic('a/#/b'))).toMatchObject({
      code: 'invalid-option',
      message: `topic filter must have '#' as its whole last level: "a/#/b" [MQTT-4.7.1-1]`,
    })
    expect(failure(() => ofTopic('$share/g', 5))?.code).toBe('invalid-option')
    expect(failure(() => ofTopic('$share/g', 4))).toBe(undefined)
  })
})
