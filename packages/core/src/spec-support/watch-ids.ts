import { PacketIds } from '../session/packet-ids.js'

/** Looks on as packet identifiers are taken and freed, in all sessions. */
export function watchIds(): { count(): number; forget(): void; stop(): void } {
  const { take, reserve, free } = PacketIds.prototype
  const used = new Map<PacketIds, Set<number>>()
  const of = (ids: PacketIds): Set<number> => used.get(ids) ?? used.set(ids, new Set()).get(ids)!
  PacketIds.prototype.take = function (this: PacketIds): number {
    const id = take.call(this)
    of(this).add(id)
    return id
  }
  PacketIds.prototype.reserve = function (this: PacketIds, id: number): void {
    of(this).add(id)
    reserve.call(this, id)
  }
  PacketIds.prototype.free = function (this: PacketIds, id: number): void {
    of(this).delete(id)
    free.call(this, id)
  }
  return {
    count: () => [...used.values()].reduce((sum, ids) => sum + ids.size, 0),
    forget: () => used.clear(),
    stop: () => Object.assign(PacketIds.prototype, { take, reserve, free }),
  }
}
