import { Observable } from 'rxjs'
import type { Packet, ProtocolVersion } from '../packet/packet.js'
import type { Transport } from '../transport.js'
import { join } from '../testing/wire.js'
import { decode } from './codec.js'

/** What happens to packets of one direction, one after the other. */
export interface WireHooks {
  /** A packet is to leave: false loses it. */
  leaving(packet: Packet): boolean
  /** Whether somebody over there takes packets, and doesn't only wait for the end. */
  isHeard(): boolean
  /** A packet was handed to the other side, which has done what it does at once. */
  arrived(packet: Packet): void
}

/**
 * One end of a joined pair, packet by packet: `near` writes what leaves, each packet a chunk, and `far` tells of what arrives.
 *
 * @returns both ends for the use of connections
 */
export function wired(
  [near, far]: readonly [Transport, Transport],
  version: ProtocolVersion,
  toFar: WireHooks,
  toNear: WireHooks,
): [Transport, Transport] {
  return [end(near, version, toFar, toNear), end(far, version, toNear, toFar)]
}

function end(transport: Transport, version: ProtocolVersion, out: WireHooks, into: WireHooks): Transport {
  let rest: Uint8Array = new Uint8Array(0)
  const next = (chunk: Uint8Array): void => {
    rest = rest.length === 0 ? chunk : join(rest, chunk)
    for (let size = frameSize(rest); size !== undefined; size = frameSize(rest)) {
      const frame = rest.slice(0, size)
      rest = rest.subarray(size)
      if (out.leaving(decode(version, frame)[0]!)) transport.sink.next(frame)
    }
  }
  const bytes$ = new Observable<Uint8Array>((subscriber) =>
    transport.bytes$.subscribe({
      next: (frame) => {
        const isHeard = into.isHeard()
        subscriber.next(frame)
        if (isHeard) into.arrived(decode(version, frame)[0]!)
      },
      error: (error: unknown) => subscriber.error(error),
      complete: () => subscriber.complete(),
    }),
  )
  return {
    bytes$,
    sink: {
      next,
      error: (error: unknown) => transport.sink.error(error),
      complete: () => transport.sink.complete(),
    },
    closed$: transport.closed$,
    get writable() {
      return transport.writable
    },
    writable$: transport.writable$,
    get buffered() {
      return transport.buffered
    },
    info: transport.info,
  }
}

/** Bytes of the first frame; undefined where it is not whole. */
function frameSize(bytes: Uint8Array): number | undefined {
  let length = 0
  for (let i = 1, factor = 1; i < bytes.length; i++, factor *= 128) {
    length += (bytes[i]! & 127) * factor
    if (bytes[i]! < 128) return bytes.length > i + length ? i + 1 + length : undefined
  }
  return undefined
}
