import { MqttError, type TransportInfo } from '@rxmqtt/core'
import { asapScheduler, type Subscription } from 'rxjs'
import { takeChunk } from './chunks.js'
import { type Channel, fromPlain, type Heartbeat, heartbeat, type Message, postChunk } from './port.js'
import { TransportState } from './state.js'

/** The page's end of a transport that lives in a worker. */
export class PortTransport extends TransportState {
  readonly info: TransportInfo
  readonly #channel: Channel
  readonly #stopListening: () => void
  readonly #window: number
  /** Bytes that the worker may still send. */
  #granted = 0
  /** What came while nobody was subscribed. */
  readonly #unread: Uint8Array[] = []
  #waking = false
  /** What may not yet be sent, and how much that is. */
  readonly #queue: Uint8Array[] = []
  #queued = 0
  /** Bytes that may be sent, and that are on their way to the worker's transport. */
  #credit: number
  #posted = 0
  #isEndPosted = false
  readonly #heard: () => void
  readonly #beats: Subscription

  constructor(
    channel: Channel,
    opened: { readonly info: TransportInfo; readonly bytes: number },
    options: { readonly mark: number; readonly window: number; readonly heartbeat: Heartbeat },
    stopListening: () => void,
  ) {
    super(options.mark)
    this.info = { ...opened.info, kind: 'message-port', socket: channel }
    this.#channel = channel
    this.#window = options.window
    this.#credit = opened.bytes
    this.#stopListening = stopListening
    const { gone$, heard } = heartbeat(channel, options.heartbeat, 'worker')
    this.#heard = heard
    this.#beats = gone$.subscribe({ error: (error: unknown) => this.#gone(error as MqttError) })
  }

  get buffered(): number {
    return this.aborted !== undefined || this.outcome !== undefined ? 0 : this.#queued + this.#posted
  }

  /** What the worker says. */
  said(message: Message): void {
    this.#heard()
    if (this.aborted !== undefined) return
    if (message.say === 'data') this.#received(message.chunk)
    else if (message.say === 'grant') this.#mayPost(message.bytes)
    else if (message.say === 'ping') this.#channel.postMessage({ say: 'pong' }, [])
    else if (message.say === 'over') this.#over(message.error === undefined ? null : fromPlain(message.error))
    else if (message.say === 'end') {
      this.inbound = null
      this.flow()
    }
  }

  /** The port was closed without a last word. */
  closed(): void {
    this.#over(new MqttError('transport', 'The worker is gone: its port was closed'))
  }

  protected write(chunk: Uint8Array): void {
    this.#queue.push(chunk)
    this.#queued += chunk.length
    this.#post()
  }

  protected finish(): void {
    this.#post()
  }

  protected destroy(): void {
    const { aborted } = this
    this.#queue.length = 0
    this.#unread.length = 0
    this.#channel.postMessage({ say: 'abort' }, [])
    asapScheduler.schedule(() => this.#over(aborted as null | MqttError))
  }

  protected flow(): void {
    if (this.#waking) return
    this.#waking = true
    asapScheduler.schedule(() => {
      this.#waking = false
      this.#deliver()
    })
  }

  protected hold(): void {
    // What was granted comes and waits; no more is granted.
  }

  #received(chunk: Uint8Array): void {
    this.#granted -= chunk.length
    if (this.reader !== undefined && !this.#waking) this.reader.next(chunk)
    else if (this.reader !== undefined || !this.discarding) this.#unread.push(chunk)
    this.#grant()
  }

  /** What waits, then the end or more. */
  #deliver(): void {
    while (this.reader !== undefined && this.#unread.length > 0) this.reader.next(this.#unread.shift() as Uint8Array)
    if (this.discarding && this.reader === undefined) this.#unread.length = 0
    if (this.#unread.length === 0 && this.inbound !== undefined) this.inboundOver(this.inbound)
    this.#grant()
  }

  /** Asks for more while somebody wants it, half a window at a time. */
  #grant(): void {
    const bytes = this.#window - this.#granted
    const isWanted = (this.reader !== undefined || this.discarding) && this.inbound === undefined && !this.isOver
    if (!isWanted || bytes * 2 < this.#window || this.aborted !== undefined) return
    this.#granted += bytes
    this.#channel.postMessage({ say: 'grant', bytes }, [])
  }

  #mayPost(bytes: number): void {
    this.#credit += bytes
    this.#posted -= bytes
    this.#post()
    if (!this.writable && !this.ended && this.buffered <= this.mark) this.setWritable(true)
  }

  #post(): void {
    while (this.#queue.length > 0 && this.#credit > 0) {
      const chunk = takeChunk(this.#queue, this.#credit)
      this.#queued -= chunk.length
      this.#credit -= chunk.length
      this.#posted += chunk.length
      // Never the caller's buffer itself: a session may send a payload again.
      postChunk(this.#channel, chunk, false)
    }
    if (!this.ended || this.#queue.length > 0 || this.#isEndPosted) return
    this.#isEndPosted = true
    this.#channel.postMessage({ say: 'end' }, [])
  }

  /** Gone may be no more than stalled: it is told when it wakes up. */
  #gone(error: MqttError): void {
    this.#channel.postMessage({ say: 'abort' }, [])
    this.#over(error)
  }

  #over(outcome: null | MqttError): void {
    if (this.outcome !== undefined) return
    this.#beats.unsubscribe()
    this.#stopListening()
    this.#channel.close()
    if (this.aborted === undefined) this.#deliver()
    this.#queue.length = 0
    this.allOver(outcome)
  }
}
