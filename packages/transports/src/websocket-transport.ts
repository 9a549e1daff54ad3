import { MqttError, type TransportInfo } from '@rxmqtt/core'
import { asapScheduler, type Subscription, timer } from 'rxjs'
import { TransportState, toMqttError } from './state.js'

/** What is needed of a WebSocket: a browser's has it, and that of the `ws` package. */
export interface WebSocketLike {
  readonly readyState: number
  readonly bufferedAmount: number
  readonly protocol: string
  binaryType: string
  onopen: ((event: never) => unknown) | null
  onmessage: ((event: never) => unknown) | null
  onerror: ((event: never) => unknown) | null
  onclose: ((event: never) => unknown) | null
  send(data: ArrayBuffer): void
  close(code?: number, reason?: string): void
  /** Destroys the connection at once; browsers have no such thing. */
  terminate?: (() => void) | undefined
}

/** Makes WebSockets, and begins to open them. */
export type WebSocketCtor = new (url: string, protocols: string[]) => WebSocketLike

const OPEN = 1
/** Close codes of a peer that has nothing more to say: done, going away, no code given. */
const CLEAN = [1000, 1001, 1005]
const UNSUPPORTED_DATA = 1003
const POLICY = 1008
/** There was no close frame. */
const ABNORMAL = 1006
/** A browser sends only close codes of applications: these stand for the codes of the protocol there. */
const APPLICATION = 3_000
/** Milliseconds that a peer which broke a rule has to answer the close frame. */
const LAST_WORD = 2_000
/** Milliseconds between two looks at a queue that is too full: first, and when it does not move. */
const SOON = 4
const LATE = 100

/** How a socket was closed, in words. */
export function why({ code, reason }: { code: number; reason: string }): string {
  return code === ABNORMAL ? 'without a close frame' : `with code ${code} ${reason}`.trimEnd()
}

/** A transport over an open WebSocket of the platform: what its binary messages hold, without their borders. */
export class WebSocketTransport extends TransportState {
  readonly info: TransportInfo
  readonly #socket: WebSocketLike
  readonly #maximum: number
  /** What came while nobody was subscribed. */
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #failure: MqttError | undefined = undefined
  #delivering = false
  #looking: Subscription | undefined = undefined
  #lastWord: Subscription | undefined = undefined

  constructor(socket: WebSocketLike, mark: number, maximum: number) {
    super(mark)
    this.info = { kind: 'websocket', socket }
    this.#socket = socket
    this.#maximum = maximum
    socket.onmessage = this.#onMessage
    socket.onerror = this.#onError
    socket.onclose = this.#onClose
  }

  get buffered(): number {
    return this.aborted !== undefined || this.outcome !== undefined ? 0 : this.#socket.bufferedAmount
  }

  protected write(chunk: Uint8Array): void {
    if (this.#socket.readyState !== OPEN) return
    // A view is as good as a buffer to all of them; their types do not agree on which views.
    this.#socket.send(chunk as unknown as ArrayBuffer)
    if (this.buffered > this.mark && this.#looking === undefined) this.#look(this.buffered, SOON)
  }

  protected finish(): void {
    // What is queued leaves before the close frame.
    this.#socket.close(1000)
  }

  protected destroy(): void {
    const { aborted } = this
    asapScheduler.schedule(() => this.#over(aborted as null | MqttError))
  }

  protected flow(): void {
    if (this.#delivering) return
    this.#delivering = true
    asapScheduler.schedule(() => this.#deliver())
  }

  protected hold(): void {
    // Nothing holds back the peer: what comes waits.
  }

  /** What waits, then the end. */
  #deliver(): void {
    this.#delivering = false
    while (this.reader !== undefined && this.#waiting.length > 0 && this.aborted === undefined) {
      const chunk = this.#waiting.shift() as Uint8Array
      this.#waitingBytes -= chunk.length
      this.reader.next(chunk)
    }
    if (this.discarding && this.reader === undefined) this.#drop()
    if (this.#waiting.length === 0 && this.inbound !== undefined) this.inboundOver(this.inbound)
  }

  #drop(): void {
    this.#waiting = []
    this.#waitingBytes = 0
  }

  /** Looks in a while whether the queue has drained: no event tells. Goes on only while it is too full. */
  #look(before: number, delay: number): void {
    this.#looking = timer(delay).subscribe(() => {
      this.#looking = undefined
      if (this.ended) return
      const now = this.buffered
      if (now > this.mark) this.#look(now, now < before ? SOON : Math.min(delay * 2, LATE))
      else this.setWritable(true)
    })
  }

  /** Ends because the peer broke a rule: tells it by a close frame, and gives it a moment to answer. */
  #refuse(error: MqttError, code: number, reason: string): void {
    this.#failure ??= error
    this.ended = true
    this.setWritable(false)
    this.inbound = error
    this.flow()
    close(this.#socket, code, reason)
    this.#lastWord = timer(LAST_WORD).subscribe(() => this.#over(error))
  }

  #onMessage = ({ data }: { data: unknown }): void => {
    if (this.inbound !== undefined || this.aborted !== undefined) return
    if (typeof data === 'string') {
      const error = new MqttError('transport', 'The peer sent a text frame, MQTT is binary [MQTT-6.0.0-1]')
      return this.#refuse(error, UNSUPPORTED_DATA, 'MQTT is binary')
    }
    const chunk = new Uint8Array(data as ArrayBuffer)
    if (chunk.length === 0) return
    if (this.reader !== undefined && !this.#delivering) return this.reader.next(chunk)
    if (this.reader === undefined && this.discarding) return
    this.#waiting.push(chunk)
    this.#waitingBytes += chunk.length
    if (this.#waitingBytes <= this.#maximum) return
    const message = `More than ${this.#maximum} bytes came that nobody read (maximumReceiveBuffered)`
    this.#refuse(new MqttError('overflow', message), POLICY, 'Too much that nobody read')
  }

  #onError = ({ error, message }: { error?: unknown; message?: string }): void => {
    // A browser says nothing here and the code in its close event; `ws` has an error for what it refuses.
    if (error !== undefined) this.#failure ??= toMqttError(error, message)
  }

  #onClose = (event: { code: number; reason: string }): void => {
    this.#over(this.aborted === undefined ? this.#end(event) : this.aborted)
  }

  #end(event: { code: number; reason: string }): null | MqttError {
    if (this.#failure !== undefined) return this.#failure
    if (CLEAN.includes(event.code)) return null
    // After our own close frame a peer may just drop the socket: all was said.
    if (event.code === ABNORMAL && this.ended && this.buffered === 0) return null
    return new MqttError('transport', `The WebSocket was closed ${why(event)}`)
  }

  #over(outcome: null | MqttError): void {
    if (this.outcome !== undefined) return
    const socket = this.#socket
    socket.onmessage = null
    socket.onclose = null
    socket.onerror = () => undefined
    this.#looking?.unsubscribe()
    this.#lastWord?.unsubscribe()
    if (socket.terminate === undefined) socket.close()
    else socket.terminate()
    if (this.aborted === undefined) this.#deliver()
    else this.#drop()
    this.allOver(outcome)
  }
}

/** Sends a close frame with this code, or where only an application's is allowed, with that which stands for it. */
export function close(socket: WebSocketLike, code: number, reason: string): void {
  try {
    socket.close(code, reason)
  } catch {
    socket.close(code + APPLICATION, reason)
  }
}
