import type { Connection, Packet } from '@rxmqtt/core'
import { map, merge, type Observable, type OperatorFunction, pipe, scan } from 'rxjs'
import { describePacket } from './describe-packet.js'
import { sampleNewest } from './sample-newest.js'

/** A packet on its way past. */
export interface Seen {
  readonly packet: Packet
  /** Of a PUBLISH, also where only its alias came. */
  readonly topic: string
  readonly isOut: boolean
  /** Milliseconds since the epoch. */
  readonly at: number
}

export interface LogLine {
  readonly id: number
  readonly at: number
  readonly isOut: boolean
  readonly type: string
  readonly text: string
  /** Packets before this one for which there was no room. */
  readonly omitted: number
}

/** Lines that are kept. */
export const maximumLines = 100
const period = 250

/** Every packet of a connection, both ways. It only looks on. */
export function packetsOf(connection: Connection): Observable<Seen> {
  return merge(connection.received$.pipe(seen(false)), connection.sent$.pipe(seen(true)))
}

function seen(isOut: boolean): OperatorFunction<Packet, Seen> {
  // No more than the topic alias maximum, which each side allows the other.
  const aliases = new Map<number, string>()
  return map((packet) => {
    const alias = packet.cmd === 'publish' ? packet.properties?.topicAlias : undefined
    let topic = packet.cmd === 'publish' ? packet.topic : ''
    if (alias !== undefined) {
      if (topic === '') topic = aliases.get(alias) ?? ''
      else aliases.set(alias, topic)
    }
    return { packet, topic, isOut, at: Date.now() }
  })
}

/** The newest packets as lines, newest first. Only those that are shown are put into words. */
export function logLines(): OperatorFunction<Seen, readonly LogLine[]> {
  let id = 0
  return pipe(
    sampleNewest<Seen>({ period, maximum: maximumLines }),
    scan<{ values: readonly Seen[]; omitted: number }, readonly LogLine[]>((lines, { values, omitted }) => {
      const fresh = values.map(({ packet, topic, isOut, at }, index) => {
        const before = index === 0 ? omitted : 0
        return { id: id++, at, isOut, ...describePacket(packet, topic), omitted: before }
      })
      return [...fresh.reverse(), ...lines].slice(0, maximumLines)
    }, []),
  )
}
