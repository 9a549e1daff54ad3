import { performance } from 'node:perf_hooks'
import type { QoS } from '@rxmqtt/core'

export interface FloodOrder {
  readonly port: number
  readonly qos: QoS
  readonly messages: number
  /** Bytes. */
  readonly payload: number
  /** Messages on their way at a time. */
  readonly window: number
}

/** Both ends of a flood, over TCP. */
export interface Flood {
  /** Receives, and acknowledges; the port. */
  listen(): Promise<number>
  send(order: FloodOrder): Promise<number>
  received(): number
}

/**
 * Keeps the window full until all messages are acknowledged, with QoS 0 written; then one of QoS 1 says that all have
 * arrived. Seconds.
 *
 * @param publish - publishes one message, and calls back once, at once or later
 */
export function flooded(
  { messages, window, qos }: Pick<FloodOrder, 'messages' | 'window' | 'qos'>,
  publish: (qos: QoS, onDone: () => void) => void,
): Promise<number> {
  return new Promise((resolve) => {
    const began = performance.now()
    let sent = 0
    let done = 0
    let isFilling = false
    const fill = (): void => {
      if (isFilling) return
      isFilling = true
      while (sent < messages && sent - done < window) {
        sent++
        publish(qos, onDone)
      }
      isFilling = false
    }
    const onDone = (): void => {
      done++
      if (done === messages) publish(1, () => resolve((performance.now() - began) / 1_000))
      else fill()
    }
    fill()
  })
}
