import { map, Observable, type Subscriber, throwError, timeout } from 'rxjs'
import { checkTime } from '../codec/limits.js'
import { protocolError } from '../codec/violation.js'
import { MqttError, toMqttError } from '../errors.js'
import type { FieldsOf } from '../packet/fields.js'
import type { QoS, SubackPacket, UnsubackPacket } from '../packet/packet.js'
import type { Attachment } from './attachment.js'
import { IdMap } from './id-map.js'
import { checkPacket } from './message.js'
import type { PacketIds } from './packet-ids.js'

/** How long an answer may take. */
export interface AnswerOptions {
  /**
   * Milliseconds, also for the connection that is waited for.
   *
   * @default 30,000
   */
  readonly timeout?: number | undefined
}

/** What `subscribe` of a session takes: a SUBSCRIBE but for its packet identifier. */
export type SubscribeFields = Omit<FieldsOf<'subscribe'>, 'messageId' | 'dup'>

/** What `unsubscribe` of a session takes: an UNSUBSCRIBE but for its packet identifier. */
export type UnsubscribeFields = Omit<FieldsOf<'unsubscribe'>, 'messageId' | 'dup'>

/** A topic filter that the server refused. */
export interface RefusedFilter {
  readonly topic: string
  /** `'refused'`, with the reason code. */
  readonly error: MqttError
}

/** How a server answered a SUBSCRIBE, filter by filter. */
export interface SubscribeResult {
  readonly packet: SubackPacket
  /** With the QoS that was granted, which may be less than what was asked for [MQTT-3.8.4-7]. */
  readonly granted: readonly { readonly topic: string; readonly qos: QoS }[]
  readonly refused: readonly RefusedFilter[]
}

/** How a server answered an UNSUBSCRIBE, filter by filter. */
export interface UnsubscribeResult {
  readonly packet: UnsubackPacket
  /** Filters that are subscribed to no more, or were not before. */
  readonly removed: readonly string[]
  readonly refused: readonly RefusedFilter[]
}

type Answer = SubackPacket | UnsubackPacket
type Request = ({ readonly cmd: 'subscribe' } & SubscribeFields) | ({ readonly cmd: 'unsubscribe' } & UnsubscribeFields)

interface Asked {
  readonly request: Request
  /** Undefined when nobody waits any more: the packet identifier is in use until the answer comes. */
  subscriber: Subscriber<Answer> | undefined
}

/** Requests that wait for a connection. */
const maximumWaiting = 1_000

/** SUBSCRIBE and UNSUBSCRIBE of a client, each with its answer, on the connection that is there or comes next. */
export class Subscriptions {
  readonly #ids: PacketIds
  #waiting: Set<Asked> | undefined
  readonly #asked = new IdMap<Asked>()
  #attachment: Attachment | undefined

  constructor(ids: PacketIds) {
    this.#ids = ids
  }

  /** Sends when it is subscribed to. */
  subscribe(fields: SubscribeFields, options: AnswerOptions): Observable<SubscribeResult> {
    const answer$ = this.#ask({ cmd: 'subscribe', ...fields }, options)
    return answer$.pipe(map((packet) => subscribeResult(fields, packet as SubackPacket)))
  }

  unsubscribe(fields: UnsubscribeFields, options: AnswerOptions): Observable<UnsubscribeResult> {
    const answer$ = this.#ask({ cmd: 'unsubscribe', ...fields }, options)
    return answer$.pipe(map((packet) => unsubscribeResult(fields, packet as UnsubackPacket)))
  }

  #ask(request: Request, options: AnswerOptions): Observable<Answer> {
    const limit = checkTime('timeout', options.timeout, 30_000)
    const late = (): Observable<never> =>
      throwError(() => new MqttError('timeout', `no answer to ${request.cmd.toUpperCase()} within ${limit} ms`))
    return new Observable<Answer>((subscriber) => {
      const asked: Asked = { request, subscriber }
      try {
        checkPacket({ ...request, messageId: 1 })
      } catch (error) {
        return subscriber.error(error)
      }
      subscriber.add(() => {
        asked.subscriber = undefined
        this.#waiting?.delete(asked)
      })
      if (this.#attachment === undefined) this.#wait(asked)
      else this.#send(asked, this.#attachment)
    }).pipe(timeout({ first: limit, with: late }))
  }

  attach(attachment: Attachment): void {
    this.#attachment = attachment
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const asked of waiting) {
      // Who hears of a refusal may end the attachment.
      if (this.#attachment === attachment) this.#send(asked, attachment)
      else this.#wait(asked)
    }
  }

  /** What was asked on this connection is not answered any more. */
  detach(): void {
    this.#attachment = undefined
    const asked = [...this.#asked]
    this.#asked.clear()
    for (const [id, { request, subscriber }] of asked) {
      this.#ids.free(id)
      const text = `the connection ended before ${request.cmd.toUpperCase()} ${id} was answered`
      subscriber?.error(new MqttError('transport', text))
    }
  }

  /** @throws MqttError `'protocol-error'` for an answer to nothing, or with another number of codes [MQTT-3.8.4-6] */
  answer(packet: Answer): void {
    const { cmd, messageId } = packet
    const asked = this.#asked.get(messageId)
    const expected = cmd === 'suback' ? 'subscribe' : 'unsubscribe'
    if (asked?.request.cmd !== expected) {
      throw protocolError(`${cmd.toUpperCase()} ${messageId} answers no ${expected.toUpperCase()} [MQTT-3.8.4-2]`)
    }
    const filters = filtersOf(asked.request).length
    const codes = packet.granted?.length ?? filters
    if (codes !== filters) {
      throw protocolError(`${cmd.toUpperCase()} ${messageId} must have ${filters} codes, not ${codes} [MQTT-3.8.4-6]`)
    }
    this.#asked.delete(messageId)
    this.#ids.free(messageId)
    asked.subscriber?.next(packet)
    asked.subscriber?.complete()
  }

  #wait(asked: Asked): void {
    this.#waiting ??= new Set()
    if (this.#waiting.size < maximumWaiting) this.#waiting.add(asked)
    else
      asked.subscriber?.error(new MqttError('overflow', `more than ${maximumWaiting} requests wait for a connection`))
  }

  #send(asked: Asked, { connection }: Attachment): void {
    if (!this.#ids.isFree) {
      asked.subscriber?.error(new MqttError('overflow', 'every packet identifier is in use'))
      return
    }
    const messageId = this.#ids.take()
    try {
      connection.write({ ...asked.request, messageId })
      this.#asked.set(messageId, asked)
    } catch (error) {
      this.#ids.free(messageId)
      asked.subscriber?.error(toMqttError(error))
    }
  }
}

function filtersOf(request: Request): readonly string[] {
  return request.cmd === 'subscribe' ? request.subscriptions.map(({ topic }) => topic) : request.unsubscriptions
}

/** The answer to a SUBSCRIBE, filter by filter. */
function subscribeResult({ subscriptions }: SubscribeFields, packet: SubackPacket): SubscribeResult {
  const granted: { topic: string; qos: QoS }[] = []
  const refused: RefusedFilter[] = []
  subscriptions.forEach(({ topic }, index) => {
    const code = packet.granted[index]!
    if (code < 0x80) granted.push({ topic, qos: code as QoS })
    else refused.push(refusedFilter(topic, code, packet))
  })
  return { packet, granted, refused }
}

/** The answer to an UNSUBSCRIBE, filter by filter; before MQTT 5 it has no codes. */
function unsubscribeResult({ unsubscriptions }: UnsubscribeFields, packet: UnsubackPacket): UnsubscribeResult {
  const codeOf = (index: number): number => packet.granted?.[index] ?? 0
  return {
    packet,
    removed: unsubscriptions.filter((_, index) => codeOf(index) < 0x80),
    refused: unsubscriptions.flatMap((topic, index) =>
      codeOf(index) < 0x80 ? [] : [refusedFilter(topic, codeOf(index), packet)],
    ),
  }
}

function refusedFilter(topic: string, reasonCode: number, cause: Answer): RefusedFilter {
  const text = `the server refused the filter ${JSON.stringify(topic)}, 0x${reasonCode.toString(16)}`
  return { topic, error: new MqttError('refused', text, { reasonCode, cause }) }
}
