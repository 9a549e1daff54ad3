import { performance } from 'node:perf_hooks'
import { Connection, mergeMapPausing } from '@rxmqtt/core'
import { connectTcp } from '@rxmqtt/transports/tcp'
import { lastValueFrom, map, switchMap, takeWhile, timer } from 'rxjs'
import { serveTasks } from './child.js'
import { host, type Order } from './peers/peer.js'

/** The measured process of the slow handler: one packet at a time, a millisecond or more each. */
export interface SlowResult {
  /** Bytes: the most above the start. */
  readonly growth: number
  readonly seconds: number
}

const tasks = {
  /** Handles so many bytes. */
  async run({ port, payload, bytes }: SlowOrder): Promise<SlowResult> {
    const start = process.memoryUsage.rss()
    const began = performance.now()
    let handled = 0
    let most = start
    const handled$ = connectTcp({ host, port }).pipe(
      switchMap((transport) => {
        const connection = new Connection(transport)
        connection.connect({ clientId: `feed-${payload}` })
        return connection.publish$.pipe(
          mergeMapPausing(connection, (packet) => timer(1).pipe(map(() => packet.payload.length))),
        )
      }),
      map((length) => {
        most = Math.max(most, process.memoryUsage.rss())
        return (handled += length)
      }),
      takeWhile((sum) => sum < bytes),
    )
    await lastValueFrom(handled$)
    return { growth: most - start, seconds: (performance.now() - began) / 1_000 }
  },
}

interface SlowOrder extends Omit<Order, 'milliseconds'> {
  readonly bytes: number
}

export type SlowSubject = typeof tasks
serveTasks(tasks)
