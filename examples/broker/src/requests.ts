import {
  answerSubscribe,
  answerUnsubscribe,
  type Connection,
  type SubackReasonCode,
  type SubscribePacket,
  type Subscription as Wish,
} from '@rxmqtt/core'
import { catchError, concatMap, from, map, merge, type Observable, of, tap, throwError } from 'rxjs'
import { maySubscribe } from './authorization.js'
import type { Client } from './client.js'
import type { BrokerSettings } from './settings.js'
import type { Subscriptions } from './subscriptions.js'

/** Where what a client asks for is kept. */
export interface RequestsHost {
  readonly settings: BrokerSettings
  readonly subscriptions: Subscriptions<Client>
  /** Resolves when the client's subscriptions are stored. */
  save(client: Client): Promise<void>
  /** A hook or the store failed. */
  problem(error: unknown): void
}

/**
 * Answers what a client asks on one connection: SUBSCRIBE filter by filter, then the retained messages; UNSUBSCRIBE. What is
 * answered is stored.
 */
export function requests(connection: Connection, client: Client, host: RequestsHost): Observable<unknown> {
  const { settings, subscriptions } = host
  const { authorization, maximumFilters, store } = settings
  /** Of the SUBSCRIBE that is answered, those that were not there before. */
  const isNew = new WeakSet<Wish>()

  const grant = (wish: Wish, identifier: number | undefined): SubackReasonCode => {
    const isKnown = subscriptions.has(client, wish.topic)
    if (!isKnown && subscriptions.count(client) >= maximumFilters) return 0x97
    subscriptions.add(client, { ...wish, identifier })
    if (!isKnown) isNew.add(wish)
    return wish.qos
  }

  const refused = (error: unknown): Observable<false> => {
    host.problem(error)
    return of(false)
  }

  const saved = <T>(code: T): Observable<T> =>
    from(host.save(client)).pipe(
      tap({ error: (error: unknown) => host.problem(error) }),
      map(() => code),
    )

  const decide = (wish: Wish, packet: SubscribePacket): SubackReasonCode | Observable<SubackReasonCode> => {
    const answer$ = maySubscribe(wish, client.identity!, authorization)
    const code = (isAllowed: boolean): SubackReasonCode =>
      isAllowed ? grant(wish, packet.properties?.subscriptionIdentifier) : 0x80
    if (answer$ === true && store === undefined) return code(true)
    const isLast = wish === packet.subscriptions.at(-1)
    return (typeof answer$ === 'boolean' ? of(answer$) : answer$.pipe(catchError(refused))).pipe(
      map(code),
      // What was granted before it is stored also where the last one can't be.
      catchError((error: unknown) =>
        (isLast ? saved(error) : of(error)).pipe(concatMap((each) => throwError(() => each))),
      ),
      concatMap((granted) => (isLast ? saved(granted) : of(granted))),
    )
  }

  const unsubscribe = (filter: string): 0x00 | 0x11 => {
    if (!subscriptions.remove(client, filter)) return 0x11
    client.replay.remove(filter)
    return 0x00
  }

  return merge(
    answerSubscribe(connection, decide).pipe(
      tap(({ packet, granted }) => {
        const identifier = packet.properties?.subscriptionIdentifier
        for (const [index, wish] of packet.subscriptions.entries()) {
          if (granted[index]! < 0x80 && wantsRetained(wish, isNew.has(wish))) client.replay.add({ ...wish, identifier })
        }
      }),
    ),
    answerUnsubscribe(connection, (filter, packet) => {
      const code = unsubscribe(filter)
      const isLast = filter === packet.unsubscriptions.at(-1)
      return isLast && store !== undefined ? saved(code) : code
    }),
  )
}

/** Retain handling [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]; a shared subscription gets none. */
function wantsRetained({ topic, rh = 0 }: Wish, isNew: boolean): boolean {
  return !topic.startsWith('$share/') && (rh === 0 || (rh === 1 && isNew))
}
