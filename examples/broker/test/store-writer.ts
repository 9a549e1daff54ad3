import { writeSync } from 'node:fs'
import { levelBrokerStore } from '../src/level-store.js'

// Writes step after step into a store, and says the number of each that is written, until it is killed: a retained message and
// a client, at one time, then a message for that client.
const [folder = ''] = process.argv.slice(2)
const store = levelBrokerStore(folder)
for (let step = 0; ; step++) {
  const payload = Buffer.from(String(step))
  await Promise.all([
    store.putRetained({ topic: `t/${step}`, payload, retain: true, expiresAt: undefined }),
    store.putClient({
      clientId: `c${step}`,
      expiryInterval: 60,
      disconnectedAt: step,
      subscriptions: [{ topic: `t/${step}`, qos: 1 }],
      will: undefined,
    }),
  ])
  const message = { topic: `t/${step}`, payload, qos: 1, retain: false } as const
  const entry = { kind: 'message', sequence: 1, message, expiresAt: undefined, messageId: undefined } as const
  await store.sessions.write(`c${step}`, [{ kind: 'added', entry }])
  writeSync(1, `${step}\n`)
}
