import type { PacketType } from '../packet/packet.js'
import { ackReader, ackWriter } from './acks.js'
import { readAuth, writeAuth } from './auth.js'
import type { ReadPacket, WritePacket } from './body.js'
import { readConnack, writeConnack } from './connack.js'
import { readConnect, writeConnect } from './connect.js'
import { readDisconnect, writeDisconnect } from './disconnect.js'
import { pingReader, writePing } from './ping.js'
import { readPublish, writePublish } from './publish.js'
import { readSuback, writeSuback } from './suback.js'
import { readSubscribe, writeSubscribe } from './subscribe.js'
import { readUnsuback, writeUnsuback } from './unsuback.js'
import { readUnsubscribe, writeUnsubscribe } from './unsubscribe.js'

/** One packet type on the wire: its number, its name in messages, its one reader and its one writer. */
export interface TableEntry<T extends PacketType = PacketType> {
  readonly type: number
  readonly name: string
  readonly read: ReadPacket
  readonly write: WritePacket<T>
}

function entry<T extends PacketType>(type: number, cmd: T, read: ReadPacket, write: WritePacket<T>): TableEntry<T> {
  return { type, name: cmd.toUpperCase(), read, write }
}

/** Every packet type with its one reader and its one writer. */
export const table: { readonly [T in PacketType]: TableEntry<T> } = {
  connect: entry(1, 'connect', readConnect, writeConnect),
  connack: entry(2, 'connack', readConnack, writeConnack),
  publish: entry(3, 'publish', readPublish, writePublish),
  puback: entry(4, 'puback', ackReader('puback'), ackWriter('puback')),
  pubrec: entry(5, 'pubrec', ackReader('pubrec'), ackWriter('pubrec')),
  pubrel: entry(6, 'pubrel', ackReader('pubrel'), ackWriter('pubrel')),
  pubcomp: entry(7, 'pubcomp', ackReader('pubcomp'), ackWriter('pubcomp')),
  subscribe: entry(8, 'subscribe', readSubscribe, writeSubscribe),
  suback: entry(9, 'suback', readSuback, writeSuback),
  unsubscribe: entry(10, 'unsubscribe', readUnsubscribe, writeUnsubscribe),
  unsuback: entry(11, 'unsuback', readUnsuback, writeUnsuback),
  pingreq: entry(12, 'pingreq', pingReader('pingreq'), writePing),
  pingresp: entry(13, 'pingresp', pingReader('pingresp'), writePing),
  disconnect: entry(14, 'disconnect', readDisconnect, writeDisconnect),
  auth: entry(15, 'auth', readAuth, writeAuth),
}
