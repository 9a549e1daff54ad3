import type { FieldsOf, PacketInput } from '../packet/fields.js'
import type { PacketType } from '../packet/packet.js'

/** One function a packet type: it takes the fields that a test is about and gives a packet that can be sent. */
export type PacketBuilders = {
  readonly [T in PacketType]: (fields?: Partial<FieldsOf<T>>) => PacketInput<T>
}

const topic = 'topic'
const messageId = 1

/**
 * Packets of all fifteen types, for both ends and every version: what is not given is the simplest that is allowed. Message
 * ids are 1, topics are `'topic'`, client ids `'client'`, answers say success.
 *
 * @example
 * ```ts
 * packets.publish({ payload: '21.5' })    // { cmd: 'publish', topic: 'topic', payload: '21.5' }
 * packets.suback({ granted: [0x87] })     // { cmd: 'suback', messageId: 1, granted: [0x87] }
 * ```
 */
export const packets: PacketBuilders = {
  connect: (fields) => ({ cmd: 'connect', clientId: 'client', ...fields }),
  connack: (fields) => ({ cmd: 'connack', ...fields }),
  publish: (fields) => ({ cmd: 'publish', topic, ...((fields?.qos ?? 0) > 0 ? { messageId } : {}), ...fields }),
  puback: (fields) => ({ cmd: 'puback', messageId, ...fields }),
  pubrec: (fields) => ({ cmd: 'pubrec', messageId, ...fields }),
  pubrel: (fields) => ({ cmd: 'pubrel', messageId, ...fields }),
  pubcomp: (fields) => ({ cmd: 'pubcomp', messageId, ...fields }),
  subscribe: (fields) => ({ cmd: 'subscribe', messageId, subscriptions: [{ topic, qos: 0 }], ...fields }),
  suback: (fields) => ({ cmd: 'suback', messageId, granted: [0], ...fields }),
  unsubscribe: (fields) => ({ cmd: 'unsubscribe', messageId, unsubscriptions: [topic], ...fields }),
  unsuback: (fields) => ({ cmd: 'unsuback', messageId, ...fields }),
  pingreq: () => ({ cmd: 'pingreq' }),
  pingresp: () => ({ cmd: 'pingresp' }),
  disconnect: (fields) => ({ cmd: 'disconnect', ...fields }),
  auth: (fields) => ({ cmd: 'auth', ...fields }),
}
