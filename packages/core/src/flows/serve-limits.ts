import { MqttError } from '../errors.js'
import type { ServeSettings } from './serve-options.js'

/** Counts peers, and knows when there are too many. */
export class ServeLimits {
  readonly #settings: ServeSettings
  readonly #addresses = new Map<string, number>()
  #peers = 0
  #halfOpen = 0

  constructor(settings: ServeSettings) {
    this.#settings = settings
  }

  /** Counts a new peer, half-open, unless there are too many: then says why. */
  enter(address: string | undefined): MqttError | undefined {
    const { maximumPeers, maximumHalfOpen, maximumPerAddress } = this.#settings
    const sameAddress = address === undefined ? 0 : (this.#addresses.get(address) ?? 0)
    if (this.#peers >= maximumPeers) return overflow('maximumPeers', maximumPeers)
    if (this.#halfOpen >= maximumHalfOpen) return overflow('maximumHalfOpen', maximumHalfOpen)
    if (sameAddress >= maximumPerAddress) return overflow('maximumPerAddress', maximumPerAddress, ` of ${address}`)
    this.#peers++
    this.#halfOpen++
    if (address !== undefined) this.#addresses.set(address, sameAddress + 1)
    return undefined
  }

  /** A peer is not half-open any more: it was let in, or refused. */
  open(): void {
    this.#halfOpen--
  }

  /** A peer is gone. */
  leave(address: string | undefined): void {
    this.#peers--
    if (address === undefined) return
    const rest = this.#addresses.get(address)! - 1
    if (rest === 0) this.#addresses.delete(address)
    else this.#addresses.set(address, rest)
  }
}

function overflow(option: string, limit: number, which = ''): MqttError {
  return new MqttError('overflow', `there are ${limit} peers${which}, as many as ${option} allows`)
}
