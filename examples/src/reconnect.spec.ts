import { backoff, type Connection, MqttError, type Transport } from '@rxmqtt/core'
import { marbles } from '@rxmqtt/core/testing'
import { memoryPair } from '@rxmqtt/transports/memory'
import { map, NEVER, startWith, throwError, timer, defer } from 'rxjs'
import { reconnecting } from './reconnect.js'

describe('reconnecting', () => {
  it('dials again with growing delays, and from the start after a success', () => {
    const dialled: number[] = []
    const opened: Transport[] = []
    marbles(({ expectObservable, flush, now }) => {
      const dial$ = defer(() => {
        dialled.push(now())
        if (dialled.length === 4) {
          const [near, far] = memoryPair()
          opened.push(far)
          timer(500).subscribe(() => far.sink.error(undefined))
          return NEVER.pipe(startWith(near))
        }
        return throwError(() => new MqttError('transport', 'nobody there'))
      })
      const work = (connection: Connection) =>
        connection.packets$.pipe(
          map(({ cmd }): string => cmd),
          startWith('open'),
        )
      expectObservable(reconnecting(dial$, work, backoff({ jitter: 0 })), '^ 9s !').toBe('7s o', { o: 'open' })
      flush()
    })
    expect(dialled).toEqual([0, 1_000, 3_000, 7_000, 8_500])
    expect(opened).toHaveLength(1)
  })
})
