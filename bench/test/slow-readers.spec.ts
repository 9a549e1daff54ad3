import { slowReaders } from '../src/soak/slow-readers.js'

describe('fault 10: a slow reader under a flood', () => {
  test('who reads nothing, or acknowledges nothing, has its policy and bounds; others get everything', async () => {
    const { violations, figures } = await slowReaders({ messages: 4_000, rounds: 1, apart: false })
    expect({ violations, figures }).toMatchObject({ violations: [] })
  }, 60_000)
})
