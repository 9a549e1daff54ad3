import { Child } from '../child.js'
import type { Row } from '../row.js'
import type { SlowSubject } from '../slow-subject.js'
import type { Scene } from './scene.js'

const payload = 16_384

/** A stream through `mergeMapPausing` and a handler that is far slower than the peer: the socket waits, not the memory. */
export async function slowHandlerRows({ effort, port, farEnd }: Scene): Promise<Row[]> {
  const subject = new Child<SlowSubject>('./slow-subject.js')
  try {
    const bytes = effort.megabytes * 1e6
    const { growth, seconds } = await subject.call('run', { port, payload, bytes })
    const ahead = (await farEnd.call('fed', undefined)) - bytes
    return [
      {
        what: `${effort.megabytes} MB through a slow handler, RSS above the start`,
        against: '',
        figure: growth / 1e6,
        unit: 'MB',
        floor: { most: 100 },
        detail: `in ${seconds.toFixed(1)} s, the peer ${(ahead / 1e6).toFixed(0)} MB ahead`,
      },
    ]
  } finally {
    subject.stop()
  }
}
