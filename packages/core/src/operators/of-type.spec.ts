import type { Observable } from 'rxjs'
import type { Packet, PublishPacket, PubrelPacket } from '../packet/packet.js'
import { marbles } from '../testing/marbles.js'
import { ofType } from './of-type.js'

const values = {
  p: { cmd: 'publish', length: 3, topic: 'a', payload: new Uint8Array(0), qos: 0, retain: false, dup: false },
  r: { cmd: 'pubrel', length: 2, messageId: 1 },
  i: { cmd: 'pingreq', length: 0 },
} as const satisfies Record<string, Packet>

describe('ofType', () => {
  test('lets pass one type, several, none, in order', () => {
    marbles(({ hot, expectObservable, expectSubscriptions }) => {
      const source = hot<Packet>('-p-(rip)-r-|', values)
      expectObservable(source.pipe(ofType('publish'))).toBe('-p-p-------|', values)
      expectObservable(source.pipe(ofType('publish', 'pubrel'))).toBe('-p-(rp)--r-|', values)
      expectObservable(source.pipe(ofType())).toBe('-----------|')
      expectSubscriptions(source.subscriptions).toBe(['^----------!', '^----------!', '^----------!'])
    })
  })

  test('empty, never, error, early unsubscribe', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      expectObservable(cold<Packet>('|').pipe(ofType('pingreq'))).toBe('|')
      expectObservable(cold<Packet>('-').pipe(ofType('pingreq'))).toBe('-')
      expectObservable(cold<Packet>('i#', values).pipe(ofType('pingreq'))).toBe('i#', values)
      const source = cold<Packet>('i-i-i-|', values)
      expectObservable(source.pipe(ofType('pingreq')), '^--!').toBe('i-i', values)
      expectSubscriptions(source.subscriptions).toBe('^--!')
    })
  })

  test('narrows the type', () => {
    marbles(({ cold, expectObservable }) => {
      const source = cold<Packet>('p|', values)
      const narrowed$ = source.pipe(ofType('publish', 'pubrel'))
      const check$: Observable<PublishPacket | PubrelPacket> = narrowed$
      expectObservable(check$).toBe('p|', values)
    })
  })
})
