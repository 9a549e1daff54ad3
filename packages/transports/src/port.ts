import { MqttError, type MqttErrorCode, type TransportInfo } from '@rxmqtt/core'
import { interval, Observable } from 'rxjs'
import { requireRange, requireTime } from './options.js'

/** What is needed of a port of the web's kind: a `MessagePort`, a `Worker`, a worker's own global scope. */
export interface WebMessagePort {
  postMessage(message: unknown, transfer: never[]): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  removeEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
}

/** What is needed of a port of Node's kind: a `MessagePort`, a `Worker` or the `parentPort` of `node:worker_threads`. */
export interface NodeMessagePort {
  postMessage(message: unknown, transfer: never[]): void
  on(type: 'message', listener: (message: unknown) => void): unknown
  off(type: 'message', listener: (message: unknown) => void): unknown
}

/** One end of something that carries messages, and ports in them. */
export type MessagePortLike = WebMessagePort | NodeMessagePort

/** How each end of a connection notices that the other is gone. */
export interface HeartbeatOptions {
  /** Milliseconds between two questions whether the other end is there, while a connection is open. @default 1000 */
  readonly heartbeatInterval?: number | undefined
  /** Questions in a row without any message from the other end after which it is taken for gone. @default 3 */
  readonly maximumMissed?: number | undefined
}

/** {@link HeartbeatOptions}, checked. */
export interface Heartbeat {
  readonly every: number
  readonly missed: number
}

/** A port that carries one connection, made here or received. */
export interface Channel {
  postMessage(message: Message, transfer: unknown[]): void
  start?(): void
  close(): void
}

/** What the page's end and the worker's end of one connection say to each other. */
export type Message =
  /** The worker: it is open, and may be sent so many bytes. */
  | { readonly say: 'open'; readonly info: TransportInfo; readonly bytes: number }
  | { readonly say: 'data'; readonly chunk: Uint8Array }
  /** So many bytes more may be sent. */
  | { readonly say: 'grant'; readonly bytes: number }
  /** No more data from this side. */
  | { readonly say: 'end' }
  /** The last word of the worker: how the transport ended. */
  | { readonly say: 'over'; readonly error: PlainError | undefined }
  /** The last word of the page: drop everything. */
  | { readonly say: 'abort' }
  | { readonly say: 'ping' }
  | { readonly say: 'pong' }

/** An error that can be cloned whole. */
export interface PlainError {
  readonly code: MqttErrorCode
  readonly message: string
  readonly reasonCode: number | undefined
  readonly returnCode: number | undefined
  readonly cause: { readonly message: string; readonly code: string | undefined } | undefined
}

/** What somebody hears who listens to a port. */
export interface PortListener {
  readonly message: (message: unknown) => void
  /** The other end closed the port, or is gone; not every platform tells. */
  readonly closed: () => void
}

/** Listens to a port, and starts it; returns what stops that. */
export function listenTo(port: MessagePortLike | Channel, { message, closed }: PortListener): () => void {
  if ('addEventListener' in port) {
    const target = port as EventTargetLike
    const onMessage = (event: { readonly data?: unknown }): void => message(event.data)
    target.addEventListener('message', onMessage)
    target.addEventListener('close', closed)
    target.start?.()
    return () => {
      target.removeEventListener('message', onMessage)
      target.removeEventListener('close', closed)
    }
  }
  const emitter = port as EmitterLike
  emitter.on('message', message).on('close', closed)
  return () => {
    emitter.off('message', message).off('close', closed)
  }
}

interface EventTargetLike {
  addEventListener(type: string, listener: (event: { readonly data?: unknown }) => void): void
  removeEventListener(type: string, listener: (event: { readonly data?: unknown }) => void): void
  start?(): void
}

interface EmitterLike {
  on(type: string, listener: (message: unknown) => void): EmitterLike
  off(type: string, listener: (message: unknown) => void): EmitterLike
}

/** Posts bytes: the buffer of a chunk that may go and is all of it goes without a copy, anything else as a copy. */
export function postChunk(channel: Channel, chunk: Uint8Array, mayGo: boolean): void {
  const { buffer, length } = chunk
  const goes = mayGo && buffer instanceof ArrayBuffer && buffer.byteLength === length
  const bytes = goes ? new Uint8Array(buffer) : new Uint8Array(chunk)
  channel.postMessage({ say: 'data', chunk: bytes }, [bytes.buffer])
}

/** Asks by this channel whether the other end is there; errors when it isn't. `missed` counts, and any message resets it. */
export function heartbeat(channel: Channel, { every, missed }: Heartbeat, other: string): Pulse {
  let unanswered = 0
  const gone$ = new Observable<never>((subscriber) =>
    interval(every).subscribe(() => {
      unanswered += 1
      if (unanswered <= missed) return channel.postMessage({ say: 'ping' }, [])
      subscriber.error(new MqttError('transport', `The ${other} is gone: it said nothing for ${missed} × ${every} ms`))
    }),
  )
  return { gone$, heard: () => (unanswered = 0) }
}

/** A heartbeat: what errors when the other end is gone, and what tells that it said something. */
export interface Pulse {
  readonly gone$: Observable<never>
  readonly heard: () => void
}

/** The options of a heartbeat, when they are in range. */
export function requireHeartbeat(options: HeartbeatOptions): Heartbeat {
  return {
    every: requireTime('heartbeatInterval', options.heartbeatInterval ?? 1_000),
    missed: requireRange('maximumMissed', options.maximumMissed ?? 3, 1),
  }
}

/** Whether this is a message of ours. */
export function isMessage(value: unknown): value is Message {
  return typeof (value as { say?: unknown } | null | undefined)?.say === 'string'
}

/** The error, as it can cross a port. */
export function toPlain(error: MqttError): PlainError {
  const { code, message, reasonCode, returnCode } = error
  const cause = error.cause as { message?: unknown; code?: unknown } | null | undefined
  const reason = cause === undefined || cause === null ? undefined : { message: String(cause.message), code: undefined }
  const known = typeof cause?.code === 'string' ? cause.code : undefined
  return { code, message, reasonCode, returnCode, cause: reason && { ...reason, code: known } }
}

/** The error that crossed a port. */
export function fromPlain(plain: PlainError): MqttError {
  const { code, message, reasonCode, returnCode, cause } = plain
  const revived = cause && Object.assign(new Error(cause.message), cause.code === undefined ? {} : { code: cause.code })
  return new MqttError(code, message, { reasonCode, returnCode, cause: revived })
}
