import {
  type Connection,
  ofType,
  type PublishFields,
  type PublishPacket,
  ReasonCode,
  type WritableGate,
} from '@rxmqtt/core'
import { filter, ignoreElements, map, merge, type Observable, Subject, tap } from 'rxjs'

/** Answers as the receiver of QoS 1 and 2, and emits each message once. */
export function received(connection: Connection): Observable<PublishPacket> {
  const unreleased = new Set<number>()
  return connection.packets$.pipe(
    ofType('publish', 'pubrel'),
    filter((packet): packet is PublishPacket => {
      if (packet.cmd === 'pubrel') {
        const { messageId } = packet
        const known = unreleased.delete(messageId) || connection.protocol.version < 5
        connection.pubcomp(known ? { messageId } : { messageId, reasonCode: ReasonCode.PacketIdentifierNotFound })
        return false
      }
      const { qos, messageId } = packet
      if (qos === 0 || messageId === undefined) return true
      if (qos === 1) {
        connection.puback({ messageId })
        return true
      }
      const again = unreleased.has(messageId)
      unreleased.add(messageId)
      connection.pubrec({ messageId })
      return !again
    }),
  )
}

/**
 * The sender of QoS 1 and 2: packet ids and their handshake, at most `window` messages in flight. It is a gate for
 * `onBackpressureBuffer`, open while the peer takes more bytes and more messages.
 */
export class Outbox implements WritableGate {
  readonly #connection: Connection
  readonly #window: number
  readonly #inFlight = new Set<number>()
  readonly #delivered = new Subject<number>()
  #last = 0

  constructor(connection: Connection, window = 65_535) {
    this.#connection = connection
    this.#window = window
  }

  /** Does the handshakes while subscribed. */
  get handshakes$(): Observable<never> {
    return this.#connection.packets$.pipe(
      ofType('puback', 'pubrec', 'pubcomp'),
      tap(({ cmd, messageId, reasonCode = 0 }) => {
        if (cmd === 'pubrec' && reasonCode < 0x80) this.#connection.pubrel({ messageId })
        else if (this.#inFlight.delete(messageId)) this.#delivered.next(messageId)
      }),
      ignoreElements(),
    )
  }

  /** The id of each message whose handshake is over. */
  get delivered$(): Observable<number> {
    return this.#delivered.asObservable()
  }

  get writable(): boolean {
    return this.#connection.writable && this.#inFlight.size < this.#window
  }

  get writable$(): Observable<boolean> {
    return merge(this.#connection.writable$, this.#delivered).pipe(map(() => this.writable))
  }

  /** Publishes, with QoS 1 and 2 under a packet id that is not in flight, which it returns. */
  publish(fields: Omit<PublishFields, 'messageId'>): number | undefined {
    if ((fields.qos ?? 0) === 0) {
      this.#connection.publish(fields)
      return undefined
    }
    const messageId = this.#freeId()
    this.#connection.publish({ ...fields, messageId })
    this.#inFlight.add(messageId)
    this.#last = messageId
    return messageId
  }

  #freeId(): number {
    let id = this.#last
    do id = (id % 65_535) + 1
    while (this.#inFlight.has(id))
    return id
  }
}
