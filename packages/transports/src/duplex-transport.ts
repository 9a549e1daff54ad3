import type { Duplex } from 'node:stream'
import { MqttError, type TransportInfo } from '@rxmqtt/core'
import { TransportState, toMqttError } from './state.js'

/** Chunks up to this size wait for the end of the turn, to leave together. */
const SMALL = 16_384
const owner: unique symbol = Symbol('transport')

interface Owned extends Duplex {
  [owner]: DuplexTransport
}

// One function for all transports, found again through the stream: an idle peer costs no closures.
function onData(this: Owned, chunk: Uint8Array): void {
  this[owner].received(chunk)
}
function onEnd(this: Owned): void {
  this[owner].peerEnded()
}
function onError(this: Owned, error: Error): void {
  this[owner].failed(error)
}
function onClose(this: Owned): void {
  this[owner].closed()
}
function onDrain(this: Owned): void {
  this[owner].drained()
}
const listeners = { data: onData, end: onEnd, error: onError, close: onClose, drain: onDrain }

/** A transport over a Node Duplex. */
export class DuplexTransport extends TransportState {
  readonly duplex: Duplex
  readonly #describe: TransportInfo | ((duplex: Duplex) => TransportInfo)
  readonly #flushed: (() => void) | undefined
  #info: TransportInfo | undefined = undefined
  #failure: Error | undefined = undefined
  #corked = false
  #reading = false

  constructor(duplex: Duplex, mark: number, describe: TransportInfo | ((duplex: Duplex) => TransportInfo)) {
    super(mark)
    this.duplex = duplex
    this.#describe = describe
    // A stream whose own mark is higher has no 'drain' to tell.
    this.#flushed = duplex.writableHighWaterMark > mark ? () => this.drained() : undefined
    ;(duplex as Owned)[owner] = this
    duplex.on('end', onEnd).on('error', onError).on('close', onClose).on('drain', onDrain)
    if (duplex.readableFlowing) duplex.pause()
    if (duplex.closed) process.nextTick(onClose.bind(duplex as Owned))
  }

  get buffered(): number {
    return this.aborted !== undefined || this.outcome !== undefined ? 0 : this.duplex.writableLength
  }

  get info(): TransportInfo {
    const describe = this.#describe
    this.#info ??= typeof describe === 'function' ? describe(this.duplex) : describe
    return this.#info
  }

  received(chunk: Uint8Array): void {
    this.reader?.next(chunk)
  }

  peerEnded(): void {
    if (this.aborted === undefined && this.#failure === undefined) this.inboundOver(null)
  }

  failed(error: Error): void {
    this.#failure ??= error
    // A TLS alert after the handshake is told without an end of the stream.
    this.duplex.destroy()
  }

  drained(): void {
    if (!this.writable && !this.ended && this.duplex.writableLength <= this.mark) this.setWritable(true)
  }

  closed(): void {
    const { duplex } = this
    for (const [event, listener] of Object.entries(listeners)) duplex.off(event, listener)
    this.#deliverRest()
    this.allOver(this.aborted === undefined ? this.#end() : this.aborted)
  }

  protected write(chunk: Uint8Array): void {
    const { duplex } = this
    if (duplex.writableEnded) return
    if (!this.#corked && chunk.length <= SMALL) {
      this.#corked = true
      duplex.cork()
      process.nextTick(uncork, this)
    }
    duplex.write(chunk, this.#flushed)
  }

  uncork(): void {
    this.#corked = false
    this.duplex.uncork()
  }

  protected finish(): void {
    this.duplex.end()
  }

  protected destroy(): void {
    this.duplex.pause()
    this.duplex.destroy()
  }

  protected flow(): void {
    if (this.inbound !== undefined) {
      process.nextTick(deliverLate, this)
      return
    }
    if (this.aborted !== undefined) return
    if (!this.#reading) {
      this.#reading = true
      this.duplex.on('data', onData)
    }
    this.duplex.resume()
  }

  protected hold(): void {
    this.duplex.pause()
  }

  /** What the stream still holds when it is closed, then the end, for who reads now or subscribed late. */
  deliverLate(): void {
    this.#deliverRest()
    if (this.inbound !== undefined) this.inboundOver(this.inbound)
  }

  #deliverRest(): void {
    if (this.aborted !== undefined || !this.duplex.closed) return
    while (this.reader !== undefined) {
      const chunk = this.duplex.read() as Uint8Array | null
      if (chunk === null) return
      this.reader.next(chunk)
    }
  }

  #end(): null | MqttError {
    if (this.#failure !== undefined) return toMqttError(this.#failure)
    if (this.duplex.errored) return toMqttError(this.duplex.errored)
    if (this.duplex.readableEnded && this.duplex.writableFinished) return null
    return new MqttError('transport', 'The stream was closed before its end')
  }
}

function uncork(transport: DuplexTransport): void {
  transport.uncork()
}

function deliverLate(transport: DuplexTransport): void {
  transport.deliverLate()
}
