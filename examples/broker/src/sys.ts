import type { Message } from '@rxmqtt/core'

/** What a broker counts; the totals since it was opened. */
export interface BrokerFigures {
  /** Clients that are connected. */
  readonly connected: number
  /** Sessions, those of clients that are away included. */
  readonly sessions: number
  readonly subscriptions: number
  readonly retained: number
  /** Bytes of retained messages, payloads and properties. */
  readonly retainedBytes: number
  /** PUBLISH packets that clients sent and that were allowed. */
  readonly received: number
  /** Messages that were handed to sessions of clients. */
  readonly sent: number
  /** Messages that a client or the broker did not take, or that found no room. */
  readonly dropped: number
  /** Seconds since it was opened. */
  readonly uptime: number
}

const topics: { readonly [K in keyof BrokerFigures]: string } = {
  connected: 'clients/connected',
  sessions: 'clients/total',
  subscriptions: 'subscriptions/count',
  retained: 'retained messages/count',
  retainedBytes: 'retained messages/bytes',
  received: 'publish/messages/received',
  sent: 'publish/messages/sent',
  dropped: 'publish/messages/dropped',
  uptime: 'uptime',
}

/** The figures as retained messages of `$SYS/broker/…`, numbers in decimal digits. */
export function sysMessages(figures: BrokerFigures): Message[] {
  return Object.entries(topics).map(([name, topic]) => ({
    topic: `$SYS/broker/${topic}`,
    payload: String(figures[name as keyof BrokerFigures]),
    retain: true,
  }))
}
