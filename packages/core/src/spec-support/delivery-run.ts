import type { Subscription } from 'rxjs'
import type { MqttError } from '../errors.js'
import type { ProtocolVersion, QoS } from '../packet/packet.js'
import type { Delivery, PublishResult } from '../session/message.js'
import type { SessionOptions } from '../session/options.js'
import { Session } from '../session/session.js'
import { brokenDeliveries, brokenRules, numberOf } from './delivery-rules.js'
import { random } from './random.js'
import { type End, type Fate, otherEnd, SessionLink } from './session-link.js'
import { StepStore, type StoreKind, StoreData } from './step-store.js'
import { watchIds } from './watch-ids.js'

/** A run: what is sent from where, and where it is cut. */
export interface Run {
  readonly version: ProtocolVersion
  readonly from: readonly End[]
  readonly qos: readonly QoS[]
  /** Messages of each sender. @default 3 */
  readonly messages?: number
  /** When the consumer acknowledges: at once, later in order, or in any order. @default 'auto' */
  readonly ack?: 'auto' | 'late' | 'shuffled'
  readonly store?: StoreKind | undefined
  readonly receiveMaximum?: number
  readonly seed?: number
  /** The process of an end is killed where the connection is cut, and starts again over the same data. */
  readonly killed?: End | undefined
  /** Asked at each moment, with its number from 0 on. */
  readonly fateOf: (moment: string, index: number) => Fate
}

interface Side {
  readonly got: number[]
  readonly open: Delivery[]
  /** QoS 2 messages whose taking the store has not noted, by packet identifier: killed now, they come again. */
  readonly torn: Map<number, number>
  readonly again: Set<number>
  /** Messages that were acknowledged just now. */
  readonly acked: Set<number>
  /** Messages that the peer may be told of: which were taken, and acknowledged where the consumer does that. */
  readonly mayTell: Map<number, boolean>
  readonly data: StoreData
  store: StepStore | undefined
  subscription: Subscription | undefined
  readonly results: string[]
  readonly published: number[]
}

const ends: readonly End[] = ['client', 'server']

/** @returns what is wrong, and how many moments the run had */
export async function deliver(run: Run): Promise<{ readonly broken: string[]; readonly moments: number }> {
  const { version, from, qos, messages = 3, ack = 'auto', store, receiveMaximum, killed } = run
  const next = random(run.seed ?? 1)
  const broken: string[] = []
  const used = watchIds()
  let mayFail = true
  let isDying = false
  const options = (end: End): SessionOptions => ({
    ack: ack === 'auto' ? 'auto' : 'manual',
    receiveMaximum,
    store: sides[end].store,
  })
  const openStore = (end: End): StepStore | undefined =>
    store === undefined
      ? undefined
      : new StepStore(sides[end].data, store, {
          step: (name) => void link.moment(`${end} ${name}`),
          turns: () => next(3),
          fails: () => mayFail && next(4) === 0,
          received: (messageId) => void sides[end].torn.delete(messageId),
        })
  const side = (): Side => ({
    got: [],
    open: [],
    torn: new Map(),
    again: new Set(),
    acked: new Set(),
    mayTell: new Map(),
    data: new StoreData(),
    store: undefined,
    subscription: undefined,
    results: [],
    published: [],
  })
  const sides: Record<End, Side> = { client: side(), server: side() }
  for (const end of ends) sides[end].store = openStore(end)
  const link = new SessionLink(version, { client: options('client'), server: options('server') })
  link.fateOf = (moment) => {
    const fate = run.fateOf(moment, link.moments - 1)
    if (fate === 'cut' && killed !== undefined && !isDying) {
      isDying = true
      const dying = sides[killed]
      if (dying.store !== undefined) dying.store.isDead = true
      for (const number of dying.torn.values()) dying.again.add(number)
    }
    return fate
  }
  link.onSent = (end, packet) => {
    const isAck = packet.cmd === 'puback' || packet.cmd === 'pubrec'
    if (isAck && sides[end].mayTell.get(packet.messageId) !== true)
      broken.push(`${end}: ${packet.cmd} before it was acknowledged`)
    if (sides[end].store === undefined || sides[end].data.covers(packet)) return
    broken.push(`${end}: ${packet.cmd} left before it was stored`)
  }

  const listen = (end: End): void => {
    const own = sides[end]
    own.subscription = link.sessions[end].messages$.subscribe((delivery) => {
      const number = numberOf(delivery.packet)
      own.got.push(number)
      own.mayTell.set(delivery.packet.messageId ?? 0, ack === 'auto')
      if (delivery.packet.qos === 2) own.torn.set(delivery.packet.messageId!, number)
      if (ack !== 'auto') own.open.push(delivery)
      link.moment(`${end} takes`)
    })
  }
  const qosOf = (number: number): QoS => qos[number % qos.length]!
  const publish = (end: End): void => {
    const own = sides[end]
    const number = own.published.length
    own.published.push(number)
    let result = `${number}:`
    const tell = (text: string): void => {
      own.results[number] = result += text
    }
    link.sessions[end].publish({ topic: `t${number % 2}`, payload: String(number), qos: qosOf(number) }).subscribe({
      next: (value: PublishResult) => tell(` ${value.reasonCode}`),
      error: (error: unknown) => tell(` ${(error as MqttError).code}`),
      complete: () => tell(' end'),
    })
    link.moment(`${end} publishes`)
  }
  const acknowledge = (count: number): void => {
    for (const end of ends) {
      const { open, acked } = sides[end]
      for (let i = 0; i < count && open.length > 0; i++) {
        const [delivery] = open.splice(ack === 'late' ? 0 : next(open.length), 1)
        delivery!.ack()
        sides[end].mayTell.set(delivery!.packet.messageId ?? 0, true)
        acked.add(numberOf(delivery!.packet))
        link.moment(`${end} acknowledges`)
      }
    }
  }
  const isBusy = (): boolean => ends.some((end) => (sides[end].store?.busy ?? 0) > 0 && !sides[end].store!.isDead)
  const settle = async (): Promise<void> => {
    await link.settle(isBusy)
    // What was acknowledged is stored by now, whatever else it waits for.
    for (const { torn, acked } of Object.values(sides)) {
      for (const [id, number] of torn) if (acked.has(number)) torn.delete(id)
      acked.clear()
    }
  }
  const restart = (end: End): void => {
    const own = sides[end]
    isDying = false
    own.subscription?.unsubscribe()
    own.open.length = 0
    own.torn.clear()
    own.store = openStore(end)
    link.sessions[end] = new Session(options(end))
    used.forget()
    listen(end)
  }
  const join = async (sessionPresent = true): Promise<void> => {
    await settle()
    if (isDying) restart(killed!)
    if (!link.isJoined) link.join({ sessionPresent })
    await settle()
  }

  for (const end of ends) listen(end)
  const left = (end: End): number => (from.includes(end) ? messages - sides[end].published.length : 0)
  for (let round = 0; round < 60; round++) {
    if (round === 40) mayFail = false
    for (const end of from) for (let i = next(2); i > 0 && left(end) > 0; i--) publish(end)
    await join(round > 0)
    for (const end of from) for (let i = next(3) + round; i > 0 && left(end) > 0; i--) publish(end)
    await settle()
    acknowledge(next(4))
    await settle()
    if (!link.isJoined) {
      acknowledge(next(3))
      await settle()
    } else if (ends.every((end) => left(end) === 0 && sides[end].open.length === 0)) {
      break
    }
    if (round === 59) broken.push('it never ends')
  }
  mayFail = false
  for (let i = 0; i < 8; i++) {
    await join()
    acknowledge(65_535)
    await settle()
  }

  for (const end of from) {
    const receiver = sides[otherEnd(end)]
    const own = sides[end]
    const isLost = (number: number): boolean => killed === end && !own.data.seen.has(String(number))
    const expected = own.published.filter((number) => !isLost(number))
    for (const number of receiver.got.filter((each) => isLost(each) && qosOf(each) > 0)) {
      broken.push(`${end}: message ${number} left before it was stored`)
    }
    const got = receiver.got.filter((number, i, all) => !receiver.again.has(number) || all.indexOf(number) === i)
    broken.push(...brokenDeliveries(got, expected, qosOf).map((text) => `${end}: ${text}`))
    if (killed !== end) {
      for (const number of own.published) {
        const result = own.results[number]
        if (result !== `${number}: 0 end` && !(qosOf(number) === 0))
          broken.push(`${end}: publish told ${String(result)}`)
      }
    }
    broken.push(
      ...brokenRules(link.events, end, receiveMaximum ?? 65_535, killed === end).map((text) => `${end}: ${text}`),
    )
  }
  if (used.count() > 0) broken.push(`${used.count()} packet identifiers are in use at the end`)
  for (const end of ends) {
    const { data, store: open } = sides[end]
    if (!data.isEmpty())
      broken.push(`${end}: its store keeps ${[...data.outgoing.keys()].join()} ${[...data.received].join()}`)
    broken.push(...(open?.violations ?? []))
  }
  link.cut()
  await settle()
  used.stop()
  return { broken, moments: link.moments }
}
