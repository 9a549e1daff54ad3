import { MqttError, type Transport, type TransportInfo } from '@rxmqtt/core'
import { Observable, Subscription } from 'rxjs'
import {
  type Channel,
  type Heartbeat,
  heartbeat,
  isMessage,
  listenTo,
  type Message,
  postChunk,
  toPlain,
} from './port.js'
import { toMqttError } from './state.js'

/** Dials, and joins what opens with a page by its channel, until one of them ends. Errors never: the page is told. */
export function bridge(
  channel: Channel,
  dial$: Observable<Transport>,
  window: number,
  times: Heartbeat,
): Observable<never> {
  return new Observable<never>((subscriber) => {
    let joined: Joined | undefined
    let isOver = false
    const { gone$, heard } = heartbeat(channel, times, 'page')
    const lastWord = (error: MqttError | undefined): void => {
      isOver = true
      channel.postMessage({ say: 'over', error: error && toPlain(error) }, [])
      subscriber.complete()
    }
    const abandon = (error?: MqttError): void => {
      isOver = true
      joined?.transport.sink.error(error)
      subscriber.complete()
    }
    const stopListening = listenTo(channel, {
      message: (message) => {
        heard()
        if (!isMessage(message)) return
        if (message.say === 'ping') channel.postMessage({ say: 'pong' }, [])
        else if (message.say === 'abort') abandon()
        else joined?.said(message)
      },
      closed: () => abandon(new MqttError('transport', 'The page is gone: its port was closed')),
    })
    subscriber.add(() => {
      stopListening()
      if (!isOver) lastWord(new MqttError('transport', 'The worker serves no more'))
      channel.close()
    })
    subscriber.add(gone$.subscribe({ error: (error: unknown) => abandon(error as MqttError) }))
    const dialling = new Subscription()
    subscriber.add(dialling)
    dialling.add(
      dial$.subscribe({
        next: (transport) => {
          joined ??= new Joined(channel, transport, window, lastWord)
        },
        error: (error: unknown) => joined ?? lastWord(toMqttError(error)),
        complete: () => joined ?? lastWord(new MqttError('transport', 'The dial ended without a transport')),
      }),
    )
  })
}

/** A transport and the channel of the page that has it. */
class Joined {
  readonly transport: Transport
  readonly #channel: Channel
  readonly #lastWord: (error: MqttError | undefined) => void
  #reading: Subscription | undefined = undefined
  /** Bytes that the page wants, without end when the transport is over. */
  #credit = 0
  /** Bytes that were taken, and the page not yet told. */
  #owed = 0
  #isRead = false
  #end: { readonly error: MqttError | undefined } | undefined = undefined

  constructor(
    channel: Channel,
    transport: Transport,
    window: number,
    lastWord: (error: MqttError | undefined) => void,
  ) {
    this.transport = transport
    this.#channel = channel
    this.#lastWord = lastWord
    channel.postMessage({ say: 'open', info: cloneable(transport.info), bytes: window }, [])
    transport.writable$.subscribe((writable) => {
      if (writable) this.#grant()
    })
    transport.closed$.subscribe({
      error: (error: unknown) => this.#over(toMqttError(error)),
      complete: () => this.#over(undefined),
    })
  }

  /** What the page says. */
  said(message: Message): void {
    const { sink } = this.transport
    if (message.say === 'grant') this.#read(message.bytes)
    else if (message.say === 'end') sink.complete()
    else if (message.say === 'data') {
      this.#owed += message.chunk.length
      sink.next(message.chunk)
      if (this.transport.writable) this.#grant()
    }
  }

  #grant(): void {
    const bytes = this.#owed
    this.#owed = 0
    if (bytes > 0) this.#channel.postMessage({ say: 'grant', bytes }, [])
  }

  #read(bytes: number): void {
    this.#credit += bytes
    if (this.#credit <= 0 || this.#isRead || this.#reading !== undefined) return
    const reading = new Subscription()
    this.#reading = reading
    reading.add(
      this.transport.bytes$.subscribe({
        next: (chunk) => {
          this.#credit -= chunk.length
          postChunk(this.#channel, chunk, true)
          if (this.#credit > 0) return
          this.#reading = undefined
          reading.unsubscribe()
        },
        // closed$ tells how.
        error: () => this.#wasRead(),
        complete: () => {
          this.#channel.postMessage({ say: 'end' }, [])
          this.#wasRead()
        },
      }),
    )
  }

  #wasRead(): void {
    this.#isRead = true
    if (this.#end !== undefined) this.#lastWord(this.#end.error)
  }

  /** What the transport had received goes before the last word; no more of it can come. */
  #over(error: MqttError | undefined): void {
    this.#end = { error }
    if (this.#isRead) this.#lastWord(error)
    else this.#read(Infinity)
  }
}

/** What of it means anything in another thread. */
function cloneable({ socket: _, tls, ...info }: TransportInfo): TransportInfo {
  if (tls === undefined) return info
  const { peerCertificate: __, ...facts } = tls
  return { ...info, tls: facts }
}
