import type {
  AuthProperties,
  CommonProperties,
  ConnackProperties,
  ConnectProperties,
  DisconnectProperties,
  PublishProperties,
  ReasonProperties,
  SubscribeProperties,
  WillProperties,
} from './properties.js'
import type {
  AuthReasonCode,
  ConnackReasonCode,
  DisconnectReasonCode,
  PubackReasonCode,
  PubrelReasonCode,
  ReturnCode,
  SubackReasonCode,
  UnsubackReasonCode,
} from './reason-code.js'

/** MQTT 3.1 is level 3, MQTT 3.1.1 level 4, MQTT 5 level 5. */
export type ProtocolVersion = 3 | 4 | 5

/** Quality of service: at most once, at least once, exactly once. */
export type QoS = 0 | 1 | 2

/** What every parsed packet has. */
export interface PacketBase {
  /** The remaining length: bytes of the packet after its fixed header. */
  readonly length: number
}

/** The message that a server publishes when its client is gone without a goodbye. */
export interface Will {
  readonly topic: string
  readonly payload: Uint8Array
  readonly qos: QoS
  readonly retain: boolean
  /** MQTT 5. */
  readonly properties?: WillProperties
}

/** CONNECT: a client asks for a session [3.1]. */
export interface ConnectPacket extends PacketBase {
  readonly cmd: 'connect'
  readonly protocolId: 'MQTT' | 'MQIsdp'
  readonly protocolVersion: ProtocolVersion
  /** Clean session, in MQTT 5 clean start. */
  readonly clean: boolean
  readonly clientId: string
  /** Seconds; 0: off. */
  readonly keepalive: number
  readonly username?: string
  readonly password?: Uint8Array
  readonly will?: Will
  /** MQTT 5. */
  readonly properties?: ConnectProperties
}

/** CONNACK: the server's answer to CONNECT [3.2]. */
export interface ConnackPacket extends PacketBase {
  readonly cmd: 'connack'
  /** MQTT 3.1.1 and 5; false in MQTT 3.1. */
  readonly sessionPresent: boolean
  /** MQTT 3.1 and 3.1.1. */
  readonly returnCode?: ReturnCode
  /** MQTT 5. */
  readonly reasonCode?: ConnackReasonCode
  /** MQTT 5. */
  readonly properties?: ConnackProperties
}

/** PUBLISH: an application message [3.3]. */
export interface PublishPacket extends PacketBase {
  readonly cmd: 'publish'
  readonly topic: string
  /** A view of the chunk it came in: `slice()` what you keep. */
  readonly payload: Uint8Array
  readonly qos: QoS
  readonly retain: boolean
  readonly dup: boolean
  /** With QoS 1 and 2. */
  readonly messageId?: number
  /** MQTT 5. */
  readonly properties?: PublishProperties
}

/** PUBACK: answer to QoS 1 [3.4]. */
export interface PubackPacket extends PacketBase {
  readonly cmd: 'puback'
  readonly messageId: number
  /** MQTT 5. */
  readonly reasonCode?: PubackReasonCode
  /** MQTT 5. */
  readonly properties?: ReasonProperties
}

/** PUBREC: first answer to QoS 2 [3.5]. */
export interface PubrecPacket extends PacketBase {
  readonly cmd: 'pubrec'
  readonly messageId: number
  /** MQTT 5. */
  readonly reasonCode?: PubackReasonCode
  /** MQTT 5. */
  readonly properties?: ReasonProperties
}

/** PUBREL: the sender releases a QoS 2 message [3.6]. */
export interface PubrelPacket extends PacketBase {
  readonly cmd: 'pubrel'
  readonly messageId: number
  /** MQTT 3.1: sent again. */
  readonly dup?: boolean
  /** MQTT 5. */
  readonly reasonCode?: PubrelReasonCode
  /** MQTT 5. */
  readonly properties?: ReasonProperties
}

/** PUBCOMP: QoS 2 is complete [3.7]. */
export interface PubcompPacket extends PacketBase {
  readonly cmd: 'pubcomp'
  readonly messageId: number
  /** MQTT 5. */
  readonly reasonCode?: PubrelReasonCode
  /** MQTT 5. */
  readonly properties?: ReasonProperties
}

/** One topic filter of a SUBSCRIBE with its options. */
export interface Subscription {
  readonly topic: string
  readonly qos: QoS
  /** MQTT 5, no local: not what this client publishes itself. */
  readonly nl?: boolean
  /** MQTT 5, retain as published: keep the retain flag. */
  readonly rap?: boolean
  /** MQTT 5, retain handling: 0 send retained messages, 1 only for a new subscription, 2 never. */
  readonly rh?: 0 | 1 | 2
}

/** SUBSCRIBE: a client asks for messages [3.8]. */
export interface SubscribePacket extends PacketBase {
  readonly cmd: 'subscribe'
  readonly messageId: number
  readonly subscriptions: readonly Subscription[]
  /** MQTT 3.1: sent again. */
  readonly dup?: boolean
  /** MQTT 5. */
  readonly properties?: SubscribeProperties
}

/** SUBACK: a code for each entry of the SUBSCRIBE, in its order [3.9]. */
export interface SubackPacket extends PacketBase {
  readonly cmd: 'suback'
  readonly messageId: number
  readonly granted: readonly SubackReasonCode[]
  /** MQTT 5. */
  readonly properties?: ReasonProperties
}

/** UNSUBSCRIBE [3.10]. */
export interface UnsubscribePacket extends PacketBase {
  readonly cmd: 'unsubscribe'
  readonly messageId: number
  readonly unsubscriptions: readonly string[]
  /** MQTT 3.1: sent again. */
  readonly dup?: boolean
  /** MQTT 5. */
  readonly properties?: CommonProperties
}

/** UNSUBACK [3.11]. */
export interface UnsubackPacket extends PacketBase {
  readonly cmd: 'unsuback'
  readonly messageId: number
  /** MQTT 5: a code for each entry of the UNSUBSCRIBE, in its order. */
  readonly granted?: readonly UnsubackReasonCode[]
  /** MQTT 5. */
  readonly properties?: ReasonProperties
}

/** PINGREQ [3.12]. */
export interface PingreqPacket extends PacketBase {
  readonly cmd: 'pingreq'
}

/** PINGRESP [3.13]. */
export interface PingrespPacket extends PacketBase {
  readonly cmd: 'pingresp'
}

/** DISCONNECT: a goodbye, in MQTT 5 with a reason and from either end [3.14]. */
export interface DisconnectPacket extends PacketBase {
  readonly cmd: 'disconnect'
  /** MQTT 5. */
  readonly reasonCode?: DisconnectReasonCode
  /** MQTT 5. */
  readonly properties?: DisconnectProperties
}

/** AUTH: MQTT 5 enhanced authentication [3.15]. */
export interface AuthPacket extends PacketBase {
  readonly cmd: 'auth'
  readonly reasonCode: AuthReasonCode
  readonly properties?: AuthProperties
}

/** Every MQTT control packet, to be told apart by `cmd`. */
export type Packet =
  | ConnectPacket
  | ConnackPacket
  | PublishPacket
  | PubackPacket
  | PubrecPacket
  | PubrelPacket
  | PubcompPacket
  | SubscribePacket
  | SubackPacket
  | UnsubscribePacket
  | UnsubackPacket
  | PingreqPacket
  | PingrespPacket
  | DisconnectPacket
  | AuthPacket

/** The fifteen values of `cmd`. */
export type PacketType = Packet['cmd']

/** The packet of a type: `PacketOf<'publish'>` is {@link PublishPacket}. */
export type PacketOf<T extends PacketType> = Extract<Packet, { readonly cmd: T }>
