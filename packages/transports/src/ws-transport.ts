import { MqttError, type TransportInfo } from '@rxmqtt/core'
import { type RawData, WebSocket } from 'ws'
import { TransportState, toMqttError } from './state.js'
import type { WsSocket } from './ws-options.js'

/** Chunks up to this size wait for the end of the turn, to leave as one message. */
const SMALL = 16_384
/** Milliseconds that a peer which broke a rule has to answer the close frame. */
const LAST_WORD = 2_000
/** Close codes of a peer that has nothing more to say: done, going away, no code given. */
const CLEAN = [1000, 1001, 1005]
const UNSUPPORTED_DATA = 1003
/** What `ws` says where there was no close frame. */
const ABNORMAL = 1006

/** A transport over a socket of the `ws` package: what its binary messages hold, without their borders. */
export class WsTransport extends TransportState {
  readonly #socket: WsSocket
  readonly #describe: () => TransportInfo
  #info: TransportInfo | undefined = undefined
  /** What `ws` had parsed when it was paused. */
  readonly #parsed: Uint8Array[] = []
  #small: Uint8Array[] = []
  #smallBytes = 0
  #failure: MqttError | undefined = undefined
  #delivering = false
  #lastWord: NodeJS.Timeout | undefined = undefined

  constructor(socket: WsSocket, mark: number, describe: () => TransportInfo) {
    super(mark)
    this.#socket = socket
    this.#describe = describe
    socket.pause()
    socket.on('message', this.#onMessage)
    socket.on('error', this.#onError)
    socket.on('close', this.#onClose)
  }

  get buffered(): number {
    return this.aborted !== undefined || this.outcome !== undefined ? 0 : this.#socket.bufferedAmount + this.#smallBytes
  }

  get info(): TransportInfo {
    this.#info ??= this.#describe()
    return this.#info
  }

  protected write(chunk: Uint8Array): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    if (chunk.length > SMALL) {
      this.#flush()
      this.#send(chunk)
      return
    }
    if (this.#smallBytes === 0) process.nextTick(flush, this)
    this.#small.push(chunk)
    this.#smallBytes += chunk.length
    if (this.#smallBytes > SMALL) this.#flush()
  }

  flush(): void {
    if (this.aborted === undefined) this.#flush()
  }

  protected finish(): void {
    this.#flush()
    this.#socket.close(1000)
    this.hold()
  }

  protected destroy(): void {
    this.#small = []
    this.#smallBytes = 0
    this.#socket.terminate()
  }

  protected flow(): void {
    if (this.#delivering) return
    this.#delivering = true
    process.nextTick(deliver, this)
  }

  protected hold(): void {
    // Who has ended waits for the peer's end: then only unread bytes stop the reading.
    if (this.reader !== undefined) return
    if (this.ended && this.#parsed.length === 0) this.#socket.resume()
    else this.#socket.pause()
  }

  /** What waits, then the end or the next bytes from the peer. */
  deliver(): void {
    this.#delivering = false
    this.#deliverParsed()
    if (this.reader === undefined && !this.discarding) return
    if (this.inbound === undefined) this.#socket.resume()
    else this.inboundOver(this.inbound)
  }

  #flush(): void {
    if (this.#smallBytes === 0) return
    const chunks = this.#small
    const message = chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks, this.#smallBytes)
    this.#small = []
    this.#smallBytes = 0
    this.#send(message)
  }

  #send(message: Uint8Array): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message, this.#sent)
  }

  #sent = (): void => {
    if (!this.writable && !this.ended && this.buffered <= this.mark) this.setWritable(true)
  }

  #onMessage = (data: RawData, isBinary: boolean): void => {
    if (this.inbound !== undefined || this.aborted !== undefined) return
    if (!isBinary) return this.#refuseText()
    const chunk = toBytes(data)
    if (chunk.length === 0) return
    if (this.reader !== undefined && !this.#delivering) this.reader.next(chunk)
    else if (!this.discarding || this.reader !== undefined) {
      this.#parsed.push(chunk)
      this.hold()
    }
  }

  #refuseText(): void {
    const error = new MqttError('transport', 'The peer sent a text frame, MQTT is binary [MQTT-6.0.0-1]')
    this.#failure ??= error
    this.ended = true
    this.setWritable(false)
    this.#socket.close(UNSUPPORTED_DATA, 'MQTT is binary')
    this.#socket.resume()
    this.#lastWord ??= setTimeout(() => this.#socket.terminate(), LAST_WORD)
    this.inboundOver(error)
  }

  #onError = (error: Error): void => {
    this.#failure ??= toMqttError(error)
    this.#lastWord ??= setTimeout(() => this.#socket.terminate(), LAST_WORD)
  }

  #onClose = (code: number, reason: Buffer): void => {
    clearTimeout(this.#lastWord)
    this.#socket.off('message', this.#onMessage)
    this.#socket.off('error', this.#onError)
    this.#socket.off('close', this.#onClose)
    this.#deliverParsed()
    this.allOver(this.aborted === undefined ? this.#end(code, reason) : this.aborted)
  }

  #deliverParsed(): void {
    while (this.reader !== undefined && this.aborted === undefined && this.#parsed.length > 0) {
      this.reader.next(this.#parsed.shift() as Uint8Array)
    }
  }

  #end(code: number, reason: Buffer): null | MqttError {
    if (this.#failure !== undefined) return this.#failure
    if (CLEAN.includes(code)) return null
    // After our own close frame a peer may just drop the socket: all was said.
    if (code === ABNORMAL && this.ended && this.buffered === 0) return null
    const why = code === ABNORMAL ? 'without a close frame' : `with code ${code} ${reason.toString()}`.trimEnd()
    return new MqttError('transport', `The WebSocket was closed ${why}`)
  }
}

function flush(transport: WsTransport): void {
  transport.flush()
}

function deliver(transport: WsTransport): void {
  transport.deliver()
}

function toBytes(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data)
  return data instanceof Uint8Array ? data : new Uint8Array(data)
}
