import { type Message, MqttError, type SessionStore, type Subscription, type Will } from '@rxmqtt/core'
import { from, lastValueFrom, throwError, timeout } from 'rxjs'

/** A filter that a client subscribed to. */
export interface StoredSubscription extends Subscription {
  /** MQTT 5: what came with SUBSCRIBE. */
  readonly identifier?: number | undefined
}

/** What is known of a session beside its messages. */
export interface ClientRecord {
  readonly clientId: string
  /** Seconds that it outlives its connection; 0xFFFFFFFF: for ever. */
  readonly expiryInterval: number
  /** Milliseconds since the epoch; undefined while its client is connected. */
  readonly disconnectedAt: number | undefined
  readonly subscriptions: readonly StoredSubscription[]
  /** Of the client that is connected, or delayed. */
  readonly will: Will | undefined
}

/** A retained message. */
export interface RetainedMessage extends Message {
  readonly payload: Uint8Array
  /** Milliseconds since the epoch; undefined: never. */
  readonly expiresAt: number | undefined
}

/** What a broker must not forget, where it outlives the process. Writes are made in the order of their calls. */
export interface BrokerStore {
  /** Messages that wait and packet identifiers, by client identifier. */
  readonly sessions: SessionStore
  clients(): AsyncIterable<ClientRecord>
  retained(): AsyncIterable<RetainedMessage>
  putClient(record: ClientRecord): Promise<void>
  /** Forgets a client and its messages. */
  removeClient(clientId: string): Promise<void>
  putRetained(message: RetainedMessage): Promise<void>
  removeRetained(topic: string): Promise<void>
  close(): Promise<void>
}

/** Milliseconds that a store may take for an answer. */
const answerTimeout = 30_000

/** Waits for a store. Rejects with what it rejects with, and with MqttError `'store'` where it does not answer. */
export function inTime(written: Promise<void>): Promise<void> {
  const late = (): MqttError =>
    new MqttError('store', `the broker's store did not answer within ${answerTimeout} ms`, { reasonCode: 0x83 })
  return lastValueFrom(from(written).pipe(timeout({ first: answerTimeout, with: () => throwError(late) })))
}
