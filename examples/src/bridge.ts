import {
  type ConnackPacket,
  type ConnectFields,
  type Delivery,
  type Message,
  MqttError,
  type PublishPacket,
  type PublishProperties,
  type QoS,
  ReasonCode,
  reasonCodes,
  Session,
  type SessionStore,
  type Transport,
} from '@rxmqtt/core'
import {
  catchError,
  concat,
  defer,
  EMPTY,
  endWith,
  finalize,
  ignoreElements,
  map,
  merge,
  mergeMap,
  type Observable,
  of,
  share,
  takeUntil,
  tap,
} from 'rxjs'
import { stayConnected, type StayConnectedOptions } from './stay-connected.js'

/** One of the two servers that a bridge joins. */
export interface BridgeEnd {
  readonly dial$: Observable<Transport>
  /** `clean: false` and in MQTT 5 a `sessionExpiryInterval`, or what is sent while the bridge is away is lost. */
  readonly connect: ConnectFields
  /** The messages that go to the other end. */
  readonly filter: string
  /** @default 2 */
  readonly qos?: QoS | undefined
  /** Put before the topics of what comes from the other end. @default nothing */
  readonly prefix?: string | undefined
  /** Keeps what is on its way when the process ends. @default none */
  readonly store?: SessionStore | undefined
}

export type BridgeOptions = Pick<StayConnectedOptions<unknown>, 'stop$' | 'delay'>

/** What a bridge tells: an end is there and subscribed, a message has crossed, a message was given up. */
export type BridgeEvent =
  | { readonly type: 'connected'; readonly end: BridgeEnd; readonly connack: ConnackPacket }
  | { readonly type: 'crossed'; readonly to: BridgeEnd; readonly packet: PublishPacket }
  | { readonly type: 'dropped'; readonly to: BridgeEnd; readonly packet: PublishPacket; readonly error: MqttError }

interface Side {
  readonly end: BridgeEnd
  readonly session: Session
  readonly online$: Observable<BridgeEvent>
  /** Messages on their way to it. */
  waiting: number
}

/** Messages that wait for a slow end or one that is away, when one of QoS 0 is given up. */
const maximumZero = 1_000
/**
 * Messages of QoS 1 and 2 on their way each way: as many as there are packet identifiers. mosquitto 2.0.11 sends more than a Receive
 * Maximum, also on a connection that was never cut: of 20, it answers 20 acknowledgements in one batch by 400 messages. A
 * connection that counts would end again and again.
 */
const receiveMaximum = 65_535
/** None of QoS 1 and 2 is given up: a server has at most as many on their way as there are packet identifiers. */
const maxQueued = 65_535 + maximumZero
const maxQueuedBytes = Number.MAX_SAFE_INTEGER

/**
 * Joins two servers, both ways: a message is acknowledged at the one only when the other has acknowledged it. While an end is
 * away its server keeps what is for it, the other server what is not acknowledged, and the bridge dials again. So nothing of
 * QoS 1 is lost; QoS 2 crosses once while the bridge's process lives, and at least once where that was killed.
 *
 * Nothing goes round: with MQTT 5 an end doesn't hear what it has published itself (No Local). Before, the topics must differ.
 *
 * @throws MqttError `'invalid-option'` where an end would hear itself
 */
export function bridge(left: BridgeEnd, right: BridgeEnd, options: BridgeOptions = {}): Observable<BridgeEvent> {
  checkLoop(left, right)
  checkLoop(right, left)
  return defer(() => {
    const [one, other] = [sideOf(left, options), sideOf(right, options)]
    const online$ = merge(one.online$, other.online$).pipe(share())
    const over$ = online$.pipe(ignoreElements(), endWith(true))
    return merge(merge(forward(one, other), forward(other, one)).pipe(takeUntil(over$)), online$)
  })
}

// #region forward
/** Every message is on its way at once and in order; its acknowledgement waits for that of the other end. */
function forward(from: Side, to: Side): Observable<BridgeEvent> {
  return from.session.messages$.pipe(mergeMap((delivery) => cross(delivery, to)))
}

function cross(delivery: Delivery, to: Side): Observable<BridgeEvent> {
  const { packet } = delivery
  const { end } = to
  if (packet.qos === 0 && to.waiting >= maximumZero) {
    const error = new MqttError('overflow', `more than ${maximumZero} messages wait`)
    return of({ type: 'dropped', to: end, packet, error })
  }
  to.waiting += 1
  return to.session.publish(onward(packet, end)).pipe(
    tap(() => delivery.ack()),
    map((): BridgeEvent => ({ type: 'crossed', to: end, packet })),
    catchError((failure: unknown) => {
      const error = failure as MqttError
      // Again is no use, or might deliver it twice ('session-lost'): so it must not come again.
      delivery.ack(reasonCodes.puback.find((code) => code === error.reasonCode) ?? ReasonCode.UnspecifiedError)
      return of<BridgeEvent>({ type: 'dropped', to: end, packet, error })
    }),
    finalize(() => (to.waiting -= 1)),
  )
}
// #endregion

/** The message as the other end gets it. What was said to this subscriber alone stays behind. */
function onward({ topic, payload, qos, retain, properties }: PublishPacket, { prefix = '' }: BridgeEnd): Message {
  return { topic: prefix + topic, payload, qos, retain, properties: properties && carried(properties) }
}

function carried({ subscriptionIdentifier: _, topicAlias: __, ...properties }: PublishProperties): PublishProperties {
  return properties
}

function sideOf(end: BridgeEnd, { stop$, delay }: BridgeOptions): Side {
  const { dial$, connect, filter, qos = 2, store } = end
  const isFive = connect.protocolVersion === 5
  const session = new Session({ ack: 'manual', receiveMaximum, maxQueued, maxQueuedBytes, store })
  const subscriptions = [{ topic: filter, qos, ...(isFive ? { nl: true, rap: true, rh: 1 as const } : {}) }]
  let isSubscribed = false
  const subscribed$ = session.subscribe({ subscriptions }).pipe(
    tap(({ refused: [refusal] }) => {
      if (refusal !== undefined) throw refusal.error
      isSubscribed = true
    }),
    ignoreElements(),
  )
  const work = (connack: ConnackPacket): Observable<BridgeEvent> =>
    concat(
      isSubscribed && connack.sessionPresent ? EMPTY : subscribed$,
      of<BridgeEvent>({ type: 'connected', end, connack }),
    )
  return { end, session, online$: stayConnected(session, { dial$, connect, work, stop$, delay }), waiting: 0 }
}

function checkLoop({ connect, filter, prefix = '' }: BridgeEnd, other: BridgeEnd): void {
  if (connect.protocolVersion === 5 || !overlap(filter, prefix + other.filter)) return
  const text = `what the bridge publishes, ${prefix}${other.filter}, must not match what it subscribes to, ${filter}`
  throw new MqttError('invalid-option', text)
}

/** Whether a topic could match both filters. */
function overlap(one: string, other: string): boolean {
  const [levels, others] = [one.split('/'), other.split('/')]
  for (let index = 0; ; index += 1) {
    const [level, another] = [levels[index], others[index]]
    if (level === '#' || another === '#') return true
    if (level === undefined || another === undefined) return level === another
    if (level !== another && level !== '+' && another !== '+') return false
  }
}
