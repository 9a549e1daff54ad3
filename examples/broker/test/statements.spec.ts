import { brokerOnly, idsOf } from './statements.js'

describe('what the standards want of a broker alone', () => {
  it.each([
    ['MQTT 5', 52],
    ['MQTT 3.1.1', 40],
  ] as const)('%s: each statement belongs to one spec, %d in all', (name, count) => {
    const ids = Object.values(brokerOnly[name]).flatMap(idsOf)
    expect(new Set(ids).size).toBe(count)
    expect(ids).toHaveLength(count)
  })
})
