import { Observable, Subject } from 'rxjs'
import type { Packet, PacketType } from '../packet/packet.js'

type Key = PacketType | 'packets'

interface Stream {
  readonly subject: Subject<Packet>
  readonly packets$: Observable<Packet>
}

/**
 * The stream of all packets and one a type, each made on first use. A packet is handed to its type's stream by lookup;
 * subscriptions are counted, since demand is subscription.
 */
export class PacketStreams {
  readonly #onDemand: (change: 1 | -1) => void
  #streams: { [K in Key]?: Stream } | undefined
  #complete = false

  /** @param onDemand - told of each subscription and each end of one */
  constructor(onDemand: (change: 1 | -1) => void) {
    this.#onDemand = onDemand
  }

  get(key: Key): Observable<Packet> {
    this.#streams ??= {}
    const stream = (this.#streams[key] ??= this.#make())
    return stream.packets$
  }

  next(packet: Packet): void {
    const streams = this.#streams
    if (streams === undefined) return
    streams.packets?.subject.next(packet)
    streams[packet.cmd]?.subject.next(packet)
  }

  complete(): void {
    this.#complete = true
    for (const stream of Object.values(this.#streams ?? {})) stream.subject.complete()
  }

  #make(): Stream {
    const subject = new Subject<Packet>()
    if (this.#complete) subject.complete()
    const packets$ = new Observable<Packet>((subscriber) => {
      subject.subscribe(subscriber)
      if (subscriber.closed) return undefined
      this.#onDemand(1)
      return () => this.#onDemand(-1)
    })
    return { subject, packets$ }
  }
}
