import { Observable } from 'rxjs'
import type { Packet, PacketType } from '../packet/packet.js'
import { ObserverList } from './observer-list.js'

type Key = PacketType | 'packets' | 'received'

interface PacketStream {
  readonly subscribers: ObserverList<Packet>
  readonly packets$: Observable<Packet>
}

/**
 * The stream of all packets and one a type, each made on first use. A packet is handed to its type's stream by lookup;
 * subscriptions are counted, since demand is subscription, but for those of `received`, which only looks on.
 */
export class PacketStreams {
  readonly #onDemand: (change: 1 | -1) => void
  #streams: { [K in Key]?: PacketStream } | undefined
  #complete = false
  #packets = 0

  /** @param onDemand - told of each subscription and each end of one */
  constructor(onDemand: (change: 1 | -1) => void) {
    this.#onDemand = onDemand
  }

  get(key: Key): Observable<Packet> {
    this.#streams ??= {}
    return (this.#streams[key] ??= this.#make(key === 'received' ? undefined : this.#onDemand)).packets$
  }

  /** Packets handed over so far, to whomever. */
  get packets(): number {
    return this.#packets
  }

  next(packet: Packet): void {
    this.#packets++
    const streams = this.#streams
    if (streams === undefined) return
    // Looked up first: who subscribes to it inside a handler of another comes after this packet.
    // PUBLISH is nearly everything, and a fixed name is found faster.
    const subscribers = (packet.cmd === 'publish' ? streams.publish : streams[packet.cmd])?.subscribers.current
    streams.received?.subscribers.next(packet)
    streams.packets?.subscribers.next(packet)
    if (subscribers !== undefined) for (const subscriber of subscribers) subscriber.next(packet)
  }

  complete(): void {
    this.#complete = true
    for (const stream of Object.values(this.#streams ?? {})) stream.subscribers.complete()
  }

  #make(onDemand: ((change: 1 | -1) => void) | undefined): PacketStream {
    const subscribers = new ObserverList<Packet>(onDemand)
    const packets$ = new Observable<Packet>((subscriber) => {
      if (this.#complete) subscriber.complete()
      else subscribers.add(subscriber)
    })
    return { subscribers, packets$ }
  }
}
