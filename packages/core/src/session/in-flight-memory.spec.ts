import { memoryInUse } from '../spec-support/memory.js'
import { scene } from '../spec-support/session-scene.js'

const MIB = 1_048_576

it('law 3: what is in flight keeps its payload, not the chunk that it was a view of', () => {
  scene({}, ({ session, join, flush }) => {
    const { connection } = join('')
    flush()
    const before = memoryInUse()
    const sent = connection.packetsSent
    for (let i = 0; i < 50; i++) {
      session.publish({ topic: 'a', payload: new Uint8Array(MIB).subarray(5, 15), qos: 1 }).subscribe()
    }
    expect(connection.packetsSent - sent).toBe(50)
    expect(memoryInUse() - before).toBeLessThan(5 * MIB)
  })
})

it('law 3: neither does its correlation data keep a chunk, in flight or waiting', () => {
  scene({}, ({ session, join, flush }) => {
    const { connection } = join('')
    flush()
    const publish = (): void => {
      const correlationData = new Uint8Array(MIB).subarray(5, 15)
      session.publish({ topic: 'a', qos: 1, properties: { correlationData } }).subscribe()
    }
    const before = memoryInUse()
    const sent = connection.packetsSent
    for (let i = 0; i < 300; i++) publish()
    expect(connection.packetsSent - sent).toBe(256)
    expect(session.queued).toBe(44)
    expect(memoryInUse() - before).toBeLessThan(30 * MIB)
  })
})
