import { slowReaders } from '../src/soak/slow-readers.js'
import { takeovers } from '../src/soak/takeovers.js'

describe('the whole broker', () => {
  test('fault 10: who reads nothing, or acknowledges nothing, has its policy and bounds; others get everything', async () => {
    const { violations, figures } = await slowReaders({ messages: 4_000, rounds: 1, server: 'broker', apart: false })
    expect({ violations, figures }).toMatchObject({ violations: [] })
  }, 60_000)

  test('fault 27: an identifier that is taken over again and again is never there twice, and nothing of it stays', async () => {
    const { violations, figures } = await takeovers({ times: 60 })
    expect({ violations, figures }).toMatchObject({ violations: [] })
  }, 60_000)
})
