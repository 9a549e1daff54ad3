import { byHand } from './vectors/by-hand.js'
import { codeVectors } from './vectors/codes.js'
import { flagVectors } from './vectors/flags.js'
import { propertyVectors } from './vectors/properties.js'
import { sizeVectors } from './vectors/sizes.js'
import type { Vector } from './vectors/vector.js'

export type { Vector } from './vectors/vector.js'

/**
 * Packets and their bytes: every packet of every version, every property at its edges, every reason code, every
 * combination of flags, the short forms of MQTT 5. All of them are parsed; all but those marked `parseOnly` are what is
 * generated.
 */
export const vectors: readonly Vector[] = [
  ...byHand,
  ...propertyVectors,
  ...codeVectors,
  ...flagVectors,
  ...sizeVectors,
]
