import { catchError, concatMap, filter, from, map, type Observable, type ObservableInput, of, toArray } from 'rxjs'
import { invalidPacket, shown } from '../codec/violation.js'
import type { Connection } from '../connection/connection.js'
import { MqttError } from '../errors.js'
import type { Subscription, SubscribePacket, UnsubscribePacket } from '../packet/packet.js'
import { reasonCodes, type SubackReasonCode, type UnsubackReasonCode } from '../packet/reason-code.js'
import { ask, askPaused } from './ask.js'

/** A SUBSCRIBE or UNSUBSCRIBE that was answered. */
export interface Answered<P, C> {
  readonly packet: P
  /** A code for each of its entries, in order, in MQTT 5's terms: from 0x80 on it was refused. */
  readonly granted: readonly C[]
  /** What `decide` threw or errored with. */
  readonly errors: readonly unknown[]
}

/** A code, now or later. */
export type Decision<C> = C | ObservableInput<C>

/** A code, or what stood in its way. */
interface Verdict<C> {
  readonly code: C
  readonly error?: unknown
}

/**
 * Answers each SUBSCRIBE by one SUBACK with its id [MQTT-3.8.4-1] [MQTT-3.8.4-2] and a code for each entry, in order
 * [MQTT-3.8.4-6] [MQTT-3.9.3-1]; then emits both. `decide` is asked entry by entry, reading is paused meanwhile:
 * SUBACKs keep the order of their SUBSCRIBEs. Completes when the connection is over and the last `decide` is done.
 *
 * Codes are in MQTT 5's terms whatever the version: MQTT 3.1.1 knows 0x80 for all that refuse. MQTT 3.1 can't refuse:
 * the client is told the QoS that it asked for, as its standard has it, and `granted` says what was decided. Where
 * `decide` throws, errors or gives no code of SUBACK, that entry alone is refused, with the `reasonCode` of an
 * MqttError where SUBACK has it, otherwise 0x80; `errors` tells. Errors with `'invalid-packet'` where the client takes
 * no packet as large as its SUBACK.
 *
 * @param decide - 0, 1 or 2 for the QoS that is granted, or a reason to refuse, now or later
 * @example
 * ```ts
 * answerSubscribe(connection, ({ topic, qos }) => (topic.startsWith('$') ? 0x87 : qos))
 * ```
 */
export function answerSubscribe(
  connection: Connection,
  decide: (subscription: Subscription, packet: SubscribePacket) => Decision<SubackReasonCode>,
): Observable<Answered<SubscribePacket, SubackReasonCode>> {
  const decideAll = decisions(connection, reasonCodes.suback)
  return connection.subscribe$.pipe(
    concatMap((packet) => decideAll(packet, packet.subscriptions, (entry) => decide(entry, packet))),
    filter(({ packet: { messageId, subscriptions }, granted }) =>
      isWritten(connection, () => {
        const codes = granted.map((code, index) => translated(code, subscriptions[index]!, connection))
        connection.suback({ messageId, granted: codes })
      }),
    ),
  )
}

/**
 * Answers each UNSUBSCRIBE by one UNSUBACK with its id [MQTT-3.10.4-4] [MQTT-3.10.4-5] and, in MQTT 5, a code for each
 * entry, in order [MQTT-3.11.3-1]; then emits both. Otherwise as {@link answerSubscribe}: before MQTT 5 an UNSUBACK has
 * no codes and can't refuse.
 *
 * @param decide - 0, 0x11 where there was no such subscription, or a reason to refuse, now or later
 * @example
 * ```ts
 * answerUnsubscribe(connection, filter => (filters.delete(filter) ? 0x00 : 0x11)).subscribe()
 * ```
 */
export function answerUnsubscribe(
  connection: Connection,
  decide: (filter: string, packet: UnsubscribePacket) => Decision<UnsubackReasonCode>,
): Observable<Answered<UnsubscribePacket, UnsubackReasonCode>> {
  const decideAll = decisions(connection, reasonCodes.unsuback)
  return connection.unsubscribe$.pipe(
    concatMap((packet) => decideAll(packet, packet.unsubscriptions, (entry) => decide(entry, packet))),
    filter(({ packet: { messageId }, granted }) =>
      isWritten(connection, () => {
        connection.unsuback(connection.protocol.version === 5 ? { messageId, granted } : { messageId })
      }),
    ),
  )
}

/** All codes of a packet, one after the other, with reading paused until they are written and told. */
function decisions<C extends number>(connection: Connection, codes: readonly C[]) {
  return <P, E>(packet: P, entries: readonly E[], decide: (entry: E) => Decision<C>): Observable<Answered<P, C>> =>
    askPaused(connection, 'decide', () =>
      from(entries).pipe(
        concatMap((entry) => verdict(() => decide(entry), codes)),
        toArray(),
        map((verdicts) => ({
          packet,
          granted: verdicts.map(({ code }) => code),
          errors: verdicts.flatMap((each) => ('error' in each ? [each.error] : [])),
        })),
      ),
    )
}

function verdict<C extends number>(decide: () => Decision<C>, codes: readonly C[]): Observable<Verdict<C>> {
  return ask('decide', () => {
    const decision$ = decide()
    return typeof decision$ === 'number' ? of(decision$) : decision$
  }).pipe(
    map((code) => {
      if (codes.includes(code)) return { code }
      throw invalidPacket(`decide must give a code of the answer, not ${shown(code)} [MQTT-3.9.3-2] [MQTT-3.11.3-2]`)
    }),
    catchError((error: unknown) => {
      const reason = error instanceof MqttError ? (error.reasonCode as C | undefined) : undefined
      const isReason = reason !== undefined && reason >= 0x80 && codes.includes(reason)
      return of({ code: isReason ? reason : (0x80 as C), error })
    }),
  )
}

/** The code as the client's version has it. */
function translated(code: SubackReasonCode, { qos }: Subscription, connection: Connection): SubackReasonCode {
  const { version } = connection.protocol
  if (code < 0x80 || version === 5) return code
  return version === 4 ? 0x80 : qos
}

function isWritten(connection: Connection, write: () => void): boolean {
  const sent = connection.packetsSent
  write()
  return connection.packetsSent > sent
}
