/**
 * MQTT 5 reason codes by the standard's names [2.4]. Below 0x80 is success, from 0x80 on failure.
 *
 * @example
 * ```ts
 * connection.disconnect({ reasonCode: ReasonCode.ServerShuttingDown })
 * ```
 */
export const ReasonCode = {
  Success: 0x00,
  NormalDisconnection: 0x00,
  GrantedQoS0: 0x00,
  GrantedQoS1: 0x01,
  GrantedQoS2: 0x02,
  DisconnectWithWillMessage: 0x04,
  NoMatchingSubscribers: 0x10,
  NoSubscriptionExisted: 0x11,
  ContinueAuthentication: 0x18,
  ReAuthenticate: 0x19,
  UnspecifiedError: 0x80,
  MalformedPacket: 0x81,
  ProtocolError: 0x82,
  ImplementationSpecificError: 0x83,
  UnsupportedProtocolVersion: 0x84,
  ClientIdentifierNotValid: 0x85,
  BadUserNameOrPassword: 0x86,
  NotAuthorized: 0x87,
  ServerUnavailable: 0x88,
  ServerBusy: 0x89,
  Banned: 0x8a,
  ServerShuttingDown: 0x8b,
  BadAuthenticationMethod: 0x8c,
  KeepAliveTimeout: 0x8d,
  SessionTakenOver: 0x8e,
  TopicFilterInvalid: 0x8f,
  TopicNameInvalid: 0x90,
  PacketIdentifierInUse: 0x91,
  PacketIdentifierNotFound: 0x92,
  ReceiveMaximumExceeded: 0x93,
  TopicAliasInvalid: 0x94,
  PacketTooLarge: 0x95,
  MessageRateTooHigh: 0x96,
  QuotaExceeded: 0x97,
  AdministrativeAction: 0x98,
  PayloadFormatInvalid: 0x99,
  RetainNotSupported: 0x9a,
  QoSNotSupported: 0x9b,
  UseAnotherServer: 0x9c,
  ServerMoved: 0x9d,
  SharedSubscriptionsNotSupported: 0x9e,
  ConnectionRateExceeded: 0x9f,
  MaximumConnectTime: 0xa0,
  SubscriptionIdentifiersNotSupported: 0xa1,
  WildcardSubscriptionsNotSupported: 0xa2,
} as const

/** Any MQTT 5 reason code. */
export type ReasonCode = (typeof ReasonCode)[keyof typeof ReasonCode]

/**
 * MQTT 3.1 and 3.1.1 CONNACK return codes by name.
 *
 * @example
 * ```ts
 * connection.connack({ returnCode: ReturnCode.NotAuthorized })
 * ```
 */
export const ReturnCode = {
  Accepted: 0,
  UnacceptableProtocolVersion: 1,
  IdentifierRejected: 2,
  ServerUnavailable: 3,
  BadUserNameOrPassword: 4,
  NotAuthorized: 5,
} as const

/** An MQTT 3.1 or 3.1.1 CONNACK return code. */
export type ReturnCode = (typeof ReturnCode)[keyof typeof ReturnCode]

/** The reason codes that the standard allows, a packet type that carries them. */
export const reasonCodes = {
  connack: [
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b,
    0x9c, 0x9d, 0x9f,
  ],
  puback: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  pubrec: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  pubrel: [0x00, 0x92],
  pubcomp: [0x00, 0x92],
  suback: [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2],
  unsuback: [0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91],
  disconnect: [
    0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98,
    0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
  ],
  auth: [0x00, 0x18, 0x19],
} as const

/** Reason codes of CONNACK [3.2.2.2]. */
export type ConnackReasonCode = (typeof reasonCodes.connack)[number]
/** Reason codes of PUBACK [3.4.2.1] and PUBREC [3.5.2.1]. */
export type PubackReasonCode = (typeof reasonCodes.puback)[number]
/** Reason codes of PUBREL [3.6.2.1] and PUBCOMP [3.7.2.1]. */
export type PubrelReasonCode = (typeof reasonCodes.pubrel)[number]
/** Reason codes of SUBACK [3.9.3]; MQTT 3.1.1 knows 0, 1, 2 and 0x80, MQTT 3.1 only 0, 1 and 2. */
export type SubackReasonCode = (typeof reasonCodes.suback)[number]
/** Reason codes of UNSUBACK [3.11.3]. */
export type UnsubackReasonCode = (typeof reasonCodes.unsuback)[number]
/** Reason codes of DISCONNECT [3.14.2.1]. */
export type DisconnectReasonCode = (typeof reasonCodes.disconnect)[number]
/** Reason codes of AUTH [3.15.2.1]. */
export type AuthReasonCode = (typeof reasonCodes.auth)[number]
