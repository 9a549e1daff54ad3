import type { PublishPacket, QoS } from '../packet/packet.js'
import { type End, otherEnd, type WireEvent } from './session-link.js'

/** The number that a message carries. */
export const numberOf = ({ payload }: PublishPacket): number => Number(new TextDecoder().decode(payload))

interface Sent {
  readonly id: number
  connection: number
  isReceived: boolean
  isDone: boolean
}

/**
 * What the packets of one sender did wrong, on every connection of a session that both ends have kept: its messages carry
 * rising numbers, in the order of their `publish`.
 *
 * @param isForgetful - its process was killed, so that it may not know what had just arrived
 */
export function brokenRules(events: readonly WireEvent[], from: End, window: number, isForgetful = false): string[] {
  const broken: string[] = []
  const sent = new Map<number, Sent>()
  const byId = new Map<number, number>()
  const releases: number[] = []
  let highest = -1
  let connection = 0
  let last = -1
  let lastRelease = -1
  let inFlight = new Set<number>()
  const finish = (id: number): void => {
    const number = byId.get(id)
    if (number !== undefined) sent.get(number)!.isDone = true
    byId.delete(id)
    inFlight.delete(id)
  }
  const publish = (packet: PublishPacket): void => {
    const number = numberOf(packet)
    const { qos, dup, messageId: id = 0 } = packet
    if (number <= last) broken.push(`PUBLISH ${number} after ${last}`)
    last = number
    if (qos === 0) return
    const before = sent.get(number)
    if (before === undefined) {
      if (number <= highest) broken.push(`PUBLISH ${number} came first after ${highest}`)
      if (byId.has(id)) broken.push(`PUBLISH ${number} has the identifier ${id} of ${byId.get(id)}`)
      sent.set(number, { id, connection, isReceived: false, isDone: false })
      byId.set(id, number)
    } else {
      if (!dup) broken.push(`PUBLISH ${number} again without DUP`)
      if (before.id !== id) broken.push(`PUBLISH ${number} again with ${id}, not ${before.id}`)
      if (before.connection === connection) broken.push(`PUBLISH ${number} twice on a connection`)
      if (before.isReceived && !isForgetful) broken.push(`PUBLISH ${number} again after PUBREC`)
      if (before.isDone && !isForgetful) broken.push(`PUBLISH ${number} again after its end`)
      byId.set(id, number)
      before.connection = connection
    }
    highest = Math.max(highest, number)
    inFlight.add(id)
    if (inFlight.size > window) broken.push(`${inFlight.size} messages in flight`)
  }
  for (const { kind, end, connection: on, packet } of events) {
    if (on !== connection) {
      connection = on
      last = -1
      lastRelease = -1
      inFlight = new Set()
    }
    if (kind === 'sends' && end === from) {
      if (packet.cmd === 'publish') publish(packet)
      if (packet.cmd === 'pubrel' && !isForgetful) {
        const position = releases.indexOf(byId.get(packet.messageId) ?? -1)
        if (position < 0) broken.push(`PUBREL ${packet.messageId} without PUBREC`)
        if (position <= lastRelease) broken.push(`PUBREL ${packet.messageId} not in the order of PUBRECs`)
        lastRelease = position
      }
    }
    if (kind === 'gets' && end === from) {
      if (packet.cmd === 'puback' || packet.cmd === 'pubcomp') finish(packet.messageId)
      if (packet.cmd === 'pubrec') {
        const number = byId.get(packet.messageId)
        if (number === undefined) broken.push(`PUBREC ${packet.messageId} of nothing`)
        else if (!sent.get(number)!.isReceived) {
          sent.get(number)!.isReceived = true
          releases.push(number)
        }
      }
    }
  }
  return [...broken, ...acksOutOfOrder(events, from)]
}

/** Acknowledgements leave in the order in which their PUBLISHes came, each QoS for itself [MQTT-4.6.0-2] [MQTT-4.6.0-3]. */
function acksOutOfOrder(events: readonly WireEvent[], from: End): string[] {
  const broken: string[] = []
  const waiting = { puback: [] as number[], pubrec: [] as number[] }
  let connection = 0
  for (const { kind, end, connection: on, packet } of events) {
    if (on !== connection) {
      connection = on
      waiting.puback = []
      waiting.pubrec = []
    }
    if (kind !== (packet.cmd === 'publish' ? 'gets' : 'sends') || end !== otherEnd(from)) continue
    if (packet.cmd === 'publish' && packet.qos > 0) {
      waiting[packet.qos === 1 ? 'puback' : 'pubrec'].push(packet.messageId!)
    } else if (packet.cmd === 'puback' || packet.cmd === 'pubrec') {
      const expected = waiting[packet.cmd].shift()
      if (packet.messageId !== expected) broken.push(`${packet.cmd} ${packet.messageId}, not ${expected}`)
    }
  }
  return broken
}

/** What is wrong with what a consumer got: QoS 1 at least once, QoS 2 once, in order where they came first. */
export function brokenDeliveries(
  got: readonly number[],
  expected: readonly number[],
  qosOf: (n: number) => QoS,
): string[] {
  const broken: string[] = []
  const counts = new Map<number, number>()
  for (const number of got) counts.set(number, (counts.get(number) ?? 0) + 1)
  for (const number of expected) {
    const count = counts.get(number) ?? 0
    const qos = qosOf(number)
    if (count === 0 && qos > 0) broken.push(`message ${number} of QoS ${qos} is lost`)
    if (count > 1 && qos !== 1) broken.push(`message ${number} of QoS ${qos} came ${count} times`)
  }
  const first = [...counts.keys()]
  if (first.some((number, i) => i > 0 && number < first[i - 1]!)) broken.push(`they came in the order ${first.join()}`)
  return broken
}
