import { parties } from '../src/soak/parties.js'
import { publishes } from '../src/soak/publishes.js'

/** The same with a fixed seed; `npm run soak` goes on for longer, with other seeds. */
const SEED = 20_261

describe('sessions over serve', () => {
  test.each([4, 5] as const)(
    'fault 12, MQTT level %i: a storm loses nothing, and uses no identifier twice',
    async (version) => {
      const { violations, figures } = await publishes({ version, amounts: [10_000, 3_000, 1_000] })
      expect({ violations, figures }).toMatchObject({ violations: [] })
    },
    60_000,
  )

  test('fault 28: connections that are cut, reset, taken over and fed with bad packets break no promise', async () => {
    const { violations, figures } = await parties({ time: 0, clients: 10, round: 500, seed: SEED })
    expect({ violations, seed: SEED, figures }).toMatchObject({ violations: [] })
  }, 60_000)
})
