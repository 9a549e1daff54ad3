import type { ProtocolVersion, QoS } from '../packet/packet.js'
import { deliver, type Run } from '../spec-support/delivery-run.js'
import type { End } from '../spec-support/session-link.js'
import { expectNoUnhandled } from '../spec-support/unhandled.js'

expectNoUnhandled()

/** Runs again and again, cut at its first moment, at its second, and so on: all that is wrong in any of them. */
async function cutAtEach(run: Omit<Run, 'fateOf'>): Promise<string[]> {
  const broken: string[] = []
  for (const fate of ['cut', 'hush'] as const) {
    for (let at = 0, moments = 1; at < moments; at++) {
      let name = ''
      const result = await deliver({
        ...run,
        seed: at + 1,
        fateOf: (moment, index) => {
          if (index !== at) return undefined
          name = moment
          return fate
        },
      })
      moments = at + 1 < result.moments && name !== '' ? result.moments : 0
      broken.push(...result.broken.map((text) => `${fate} at ${at}, ${name}: ${text}`))
    }
  }
  return broken
}

const versions: readonly ProtocolVersion[] = [3, 4, 5]
const senders: readonly End[] = ['client', 'server']
const levels: readonly (readonly QoS[])[] = [[1], [2], [2, 1]]

describe.each(versions)('a connection of MQTT level %i that is cut at any moment', (version) => {
  describe.each(senders)('sent by the %s', (from) => {
    describe.each(levels.map((qos) => ({ qos })))('with QoS $qos', ({ qos }) => {
      it.each(['auto', 'late', 'shuffled'] as const)('keeps the promises, acknowledged %s', async (ack) => {
        expect(await cutAtEach({ version, from: [from], qos, ack })).toEqual([])
      })
    })
  })
})
