import { wholeConnections } from '../src/soak/whole-connections.js'
import { writers } from '../src/soak/writers.js'

/** The same with a fixed seed; `npm run soak` goes on for longer, with other seeds. */
const SEED = 20_261

describe('what nobody should give to a connection', () => {
  test('20,000 random objects to every writer: a legal packet, or an error and nothing written', async () => {
    const { violations, figures } = await writers({ objects: 20_000, seed: SEED })
    expect({ violations, seed: SEED, figures }).toMatchObject({ violations: [] })
  }, 60_000)

  test('5,000 whole connections of both roles, with any bytes and any acts: one end each, and nothing after it', async () => {
    const { violations, figures } = await wholeConnections({ cases: 5_000, seed: SEED })
    expect({ violations, seed: SEED, figures }).toMatchObject({ violations: [] })
  }, 60_000)
})
