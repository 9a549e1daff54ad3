import { performance } from 'node:perf_hooks'
import type { QoS } from '@rxmqtt/core'
import { cpuSeconds, type Speed } from '../measure.js'

/** What a library is asked for: messages whose acknowledgement is waited for, so many at a time. */
export interface TripOrder {
  readonly port: number
  readonly version: 4 | 5
  readonly qos: QoS
  readonly payload: number
  /** Messages on their way at a time. */
  readonly window: number
  readonly milliseconds: number
}

/** A client that is connected. */
export interface TripClient {
  /** Publishes one message. */
  publish(onAcknowledged: () => void): void
  end(): Promise<void>
}

/** Keeps the window full until the time is over; counts what is acknowledged. */
export async function trips(client: TripClient, { window, milliseconds }: TripOrder): Promise<Speed> {
  let acknowledged = 0
  let waiting = 0
  let isOver = false
  let onEmpty: () => void
  const empty = new Promise<void>((resolve) => {
    onEmpty = resolve
  })
  const publish = (): void => {
    waiting++
    client.publish(onAcknowledged)
  }
  const onAcknowledged = (): void => {
    waiting--
    acknowledged++
    if (!isOver) publish()
    else if (waiting === 0) onEmpty()
  }
  const began = performance.now()
  const cpu = cpuSeconds()
  for (let i = 0; i < window; i++) publish()
  await new Promise((resolve) => setTimeout(resolve, milliseconds))
  const speed: Speed = {
    perSecond: acknowledged / ((performance.now() - began) / 1_000),
    perCpuSecond: acknowledged / (cpuSeconds() - cpu),
  }
  isOver = true
  await empty
  await client.end()
  return speed
}
