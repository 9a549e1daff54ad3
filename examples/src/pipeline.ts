import {
  answerSubscribe,
  answerUnsubscribe,
  type Message,
  type PublishPacket,
  type QoS,
  ReasonCode,
  serve,
  Session,
  TopicTree,
  type Transport,
} from '@rxmqtt/core'
import {
  catchError,
  defer,
  EMPTY,
  filter,
  finalize,
  groupBy,
  ignoreElements,
  map,
  merge,
  mergeMap,
  type Observable,
  of,
  type OperatorFunction,
  reduce,
  share,
  Subject,
  tap,
  windowTime,
} from 'rxjs'

/** What one device measured. */
export interface Reading {
  readonly room: string
  readonly value: number
}

/** What all devices of one room measured in one window. */
export interface Average {
  readonly room: string
  readonly mean: number
  readonly count: number
}

const topicOfDevice = /^devices\/([^/]+)\/[^/]+\/temperature$/
const decoder = new TextDecoder()

/** Takes the readings out of all messages: numbers on `devices/<room>/<device>/temperature`; others are left out. */
export function readings(): OperatorFunction<Message, Reading> {
  return (messages$) =>
    messages$.pipe(
      map(({ topic, payload = '' }) => {
        const text = typeof payload === 'string' ? payload : decoder.decode(payload)
        return { room: topicOfDevice.exec(topic)?.[1] ?? '', value: text.trim() === '' ? Number.NaN : Number(text) }
      }),
      filter(({ room, value }) => room !== '' && Number.isFinite(value)),
    )
}

// #region averages
/** The mean of each room in each window. Only the sums of one window are kept, whatever the number of devices. */
export function averages(milliseconds: number): OperatorFunction<Reading, Average> {
  return (readings$) =>
    readings$.pipe(
      windowTime(milliseconds),
      mergeMap((window$) => window$.pipe(groupBy(({ room }) => room))),
      mergeMap((room$) =>
        room$.pipe(
          reduce((sum, { value }) => ({ total: sum.total + value, count: sum.count + 1 }), { total: 0, count: 0 }),
          map(({ total, count }) => ({ room: room$.key, mean: total / count, count })),
        ),
      ),
    )
}
// #endregion

// #region pipeline
/**
 * A server that takes what devices measure, and publishes the averages to whoever subscribed to `averages/…`. Emits them too;
 * goes on until its last client is gone.
 */
export function pipeline(transports$: Observable<Transport>, milliseconds: number): Observable<Average> {
  return defer(() => {
    const measured = new Subject<PublishPacket>()
    const averages$ = measured.pipe(readings(), averages(milliseconds), share())
    const served$ = transports$.pipe(
      serve(
        (connection, accepted) => {
          const session = new Session({ overflow: 'drop-oldest' })
          const wanted = new TopicTree<QoS>()
          const forget = (topic: string): boolean =>
            ([0, 1, 2] as const).map((qos) => wanted.remove(topic, qos)).includes(true)
          return merge(
            session.attach(connection, accepted),
            session.messages$.pipe(tap(({ packet }) => measured.next(packet))),
            answerSubscribe(connection, ({ topic, qos }) => {
              if (!topic.startsWith('averages/')) return ReasonCode.NotAuthorized
              forget(topic)
              wanted.add(topic, qos)
              return qos
            }),
            answerUnsubscribe(connection, (topic) =>
              forget(topic) ? ReasonCode.Success : ReasonCode.NoSubscriptionExisted,
            ),
            averages$.pipe(
              map(({ room, mean }) => ({ topic: `averages/${room}`, payload: mean.toFixed(2) })),
              filter(({ topic }) => wanted.match(topic).length > 0),
              mergeMap((message) => {
                const qos = Math.max(...wanted.match(message.topic)) as QoS
                return session.publish({ ...message, qos }).pipe(catchError(() => EMPTY))
              }),
            ),
          )
        },
        { authorize: () => of({ reasonCode: ReasonCode.Success }) },
      ),
      finalize(() => measured.complete()),
    )
    return merge(averages$, served$.pipe(ignoreElements()))
  })
}
// #endregion
