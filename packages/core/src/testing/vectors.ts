import type { ProtocolVersion } from '../packet/packet.js'
import { byHand } from './vectors/by-hand.js'
import { codeVectors } from './vectors/codes.js'
import { flagVectors } from './vectors/flags.js'
import { propertyVectors } from './vectors/properties.js'
import { sizeVectors } from './vectors/sizes.js'
import type { Vector } from './vectors/vector.js'

export type { Vector } from './vectors/vector.js'

let all: readonly Vector[] | undefined

/**
 * Packets and their bytes, to check a codec, a proxy or a recorder with: every packet of every version, every property at
 * its edges, every reason code, every combination of flags, the short forms of MQTT 5, packets up to 2 MiB. All of them are
 * to be parsed; all but those marked `parseOnly` are what is to be generated. They are made at the first call (30 MB).
 *
 * @param version - only those of one version; all where it is left out
 *
 * @example
 * ```ts
 * for (const { name, version, packet, bytes } of vectors()) {
 *   const found = difference(myParser(version).parse(bytes), packet)
 *   if (found !== undefined) throw new Error(`${name}: ${found}`)
 * }
 * ```
 */
export function vectors(version?: ProtocolVersion): readonly Vector[] {
  all ??= [...byHand, ...propertyVectors(), ...codeVectors(), ...flagVectors(), ...sizeVectors()]
  return version === undefined ? all : all.filter((vector) => vector.version === version)
}
