import { filter, type OperatorFunction } from 'rxjs'
import type { Packet, PacketOf, PacketType } from '../packet/packet.js'

/**
 * Lets pass the packets of the given types, and narrows the type accordingly.
 *
 * @example
 * ```ts
 * packets$.pipe(ofType('publish', 'pubrel')) // Observable<PublishPacket | PubrelPacket>
 * ```
 */
export function ofType<T extends PacketType>(...types: readonly T[]): OperatorFunction<Packet, PacketOf<T>> {
  return filter((packet): packet is PacketOf<T> => (types as readonly PacketType[]).includes(packet.cmd))
}
