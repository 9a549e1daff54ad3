import type {
  AuthPacket,
  ConnackPacket,
  ConnectPacket,
  DisconnectPacket,
  PacketType,
  PubackPacket,
  PubcompPacket,
  PublishPacket,
  PubrecPacket,
  PubrelPacket,
  SubackPacket,
  SubscribePacket,
  UnsubackPacket,
  UnsubscribePacket,
  Will,
} from './packet.js'

/** `P` as a writer takes it: without `cmd` and `length`, the fields in `D` optional because they have a default. */
export type Fields<P, D extends keyof P = never> = Omit<
  { [K in keyof P]: undefined extends P[K] ? P[K] | undefined : P[K] },
  'cmd' | 'length' | D | OptionalKeys<P>
> & { [K in D | Exclude<OptionalKeys<P>, D>]?: P[K] | undefined }

/** The fields of a packet that may be missing. */
export type OptionalKeys<P> = { [K in keyof P]-?: Record<never, never> extends Pick<P, K> ? K : never }[keyof P]

/** Text (sent as UTF-8) or bytes. Bytes given to a writer belong to the connection. */
export type Payload = string | Uint8Array

/** A {@link Will} as `connect` takes it: payload empty, QoS 0 and not retained unless given. */
export type WillFields = Omit<Fields<Will, 'qos' | 'retain'>, 'payload'> & { readonly payload?: Payload | undefined }

/** What `connect` takes: protocol by the version, clean, keep-alive 0 unless given. */
export type ConnectFields = Omit<
  Fields<ConnectPacket, 'protocolId' | 'protocolVersion' | 'clean' | 'keepalive' | 'clientId'>,
  'password' | 'will'
> & { readonly password?: Payload | undefined; readonly will?: WillFields | undefined }

/** What `connack` takes: accepting and without a session unless given. */
export type ConnackFields = Fields<ConnackPacket, 'sessionPresent'>

/** What `publish` takes: payload empty, QoS 0, neither retained nor a duplicate unless given. */
export type PublishFields = Omit<Fields<PublishPacket, 'qos' | 'retain' | 'dup'>, 'payload'> & {
  readonly payload?: Payload | undefined
}

/** What `auth` takes: reason 0x00, success, unless given. */
export type AuthFields = Fields<AuthPacket, 'reasonCode'>

/** What each writer takes, by packet type: a packet without `cmd`, fields with a default optional. */
export interface FieldsByType {
  connect: ConnectFields
  connack: ConnackFields
  publish: PublishFields
  puback: Fields<PubackPacket>
  pubrec: Fields<PubrecPacket>
  pubrel: Fields<PubrelPacket>
  pubcomp: Fields<PubcompPacket>
  subscribe: Fields<SubscribePacket>
  suback: Fields<SubackPacket>
  unsubscribe: Fields<UnsubscribePacket>
  unsuback: Fields<UnsubackPacket>
  pingreq: Record<never, never>
  pingresp: Record<never, never>
  disconnect: Fields<DisconnectPacket>
  auth: AuthFields
}

/** What the writer of a packet type takes: `FieldsOf<'publish'>` is {@link PublishFields}. */
export type FieldsOf<T extends PacketType> = FieldsByType[T]

/**
 * A packet as `write`, `generate` and Encoder take it: its `cmd` and fields; `length` is worked out. Every parsed
 * packet is one.
 */
export type PacketInput<T extends PacketType = PacketType> = {
  [K in T]: { readonly cmd: K; readonly length?: number | undefined } & FieldsByType[K]
}[T]
