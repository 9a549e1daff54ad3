import { added, releasing, sessionStoreContract } from '../spec-support/session-store-contract.js'
import { memorySessionStore } from './memory-session-store.js'

sessionStoreContract('memory', async () => ({ store: memorySessionStore(), close: async () => {} }))

test('a write is made when it returns, and returns nothing', async () => {
  const store = memorySessionStore()
  expect(store.write('c', [added(1), { kind: 'removed', sequence: 1 }])).toBe(undefined)
  expect(store.write('c', [releasing(2, 3)])).toBe(undefined)
  expect(() => store.write('c', [added(2)])).toThrow('an entry of sequence 2')
  expect(await store.load('c')).toEqual({ outgoing: [{ kind: 'release', sequence: 2, messageId: 3 }], received: [] })
})
