import { churn } from '../src/soak/churn.js'
import { crowd } from '../src/soak/crowd.js'
import { idle } from '../src/soak/idle.js'

/** The same with a fixed seed; `npm run soak` goes on for longer, with other seeds. */
const SEED = 20_261

describe('a server of many', () => {
  test('1,000 peers of which 100 misbehave: the others lose nothing, and afterwards all is as before', async () => {
    const { violations, figures } = await crowd({ good: 900, bad: 100, messages: 30, seed: SEED })
    expect({ violations, seed: SEED, figures }).toMatchObject({ violations: [] })
  }, 60_000)

  test('4,000 connections that come and go, half of them abruptly, leave nothing behind', async () => {
    const { violations, figures } = await churn({ connections: 4_000, warmUp: 1_600, maximumSlope: 500 })
    expect({ violations, figures }).toMatchObject({ violations: [] })
  }, 60_000)

  test('1,000 idle connections are all accepted, stay small and answer', async () => {
    const { violations, figures } = await idle({ connections: 1_000, twoProcesses: false })
    expect({ violations, figures }).toMatchObject({ violations: [] })
  }, 60_000)
})
