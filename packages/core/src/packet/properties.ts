/**
 * MQTT 5 user properties: a name with a value, or with all its values in order. On parsed packets the object has a null
 * prototype. The order between names is kept when a parsed object is written again unchanged [MQTT-3.3.2-18].
 */
export type UserProperties = { readonly [name: string]: string | readonly string[] }

/** What every MQTT 5 property block may carry. */
export interface CommonProperties {
  readonly userProperties?: UserProperties | undefined
}

/** A property block with a human-readable reason. */
export interface ReasonProperties extends CommonProperties {
  readonly reasonString?: string | undefined
}

/** What describes an application message, in PUBLISH and in a will. */
export interface MessageProperties extends CommonProperties {
  /** True: the payload is UTF-8 text. */
  readonly payloadFormatIndicator?: boolean | undefined
  /** Seconds. */
  readonly messageExpiryInterval?: number | undefined
  readonly contentType?: string | undefined
  readonly responseTopic?: string | undefined
  readonly correlationData?: Uint8Array | undefined
}

/** What enhanced authentication says. */
export interface AuthenticationProperties extends CommonProperties {
  readonly authenticationMethod?: string | undefined
  /** Only together with `authenticationMethod`. */
  readonly authenticationData?: Uint8Array | undefined
}

/** Properties of CONNECT [3.1.2.11]. */
export interface ConnectProperties extends AuthenticationProperties {
  /** Seconds; 0xFFFFFFFF: never. */
  readonly sessionExpiryInterval?: number | undefined
  /** 1 to 65,535 packets of QoS 1 and 2 in flight. */
  readonly receiveMaximum?: number | undefined
  /** Bytes, from 1 on. */
  readonly maximumPacketSize?: number | undefined
  readonly topicAliasMaximum?: number | undefined
  readonly requestResponseInformation?: boolean | undefined
  readonly requestProblemInformation?: boolean | undefined
}

/** Properties of a will [3.1.3.2]. */
export interface WillProperties extends MessageProperties {
  /** Seconds. */
  readonly willDelayInterval?: number | undefined
}

/** Properties of CONNACK [3.2.2.3]. */
export interface ConnackProperties extends AuthenticationProperties, ReasonProperties {
  /** Seconds; 0xFFFFFFFF: never. */
  readonly sessionExpiryInterval?: number | undefined
  /** 1 to 65,535 packets of QoS 1 and 2 in flight. */
  readonly receiveMaximum?: number | undefined
  readonly maximumQoS?: 0 | 1 | undefined
  readonly retainAvailable?: boolean | undefined
  /** Bytes, from 1 on. */
  readonly maximumPacketSize?: number | undefined
  readonly assignedClientIdentifier?: string | undefined
  readonly topicAliasMaximum?: number | undefined
  readonly wildcardSubscriptionAvailable?: boolean | undefined
  readonly subscriptionIdentifiersAvailable?: boolean | undefined
  readonly sharedSubscriptionAvailable?: boolean | undefined
  /** Seconds. */
  readonly serverKeepAlive?: number | undefined
  readonly responseInformation?: string | undefined
  readonly serverReference?: string | undefined
}

/** Properties of PUBLISH [3.3.2.3]. */
export interface PublishProperties extends MessageProperties {
  /** 1 to 65,535. */
  readonly topicAlias?: number | undefined
  /** 1 to 268,435,455; several where several subscriptions matched. */
  readonly subscriptionIdentifier?: number | readonly number[] | undefined
}

/** Properties of SUBSCRIBE [3.8.2.1]. */
export interface SubscribeProperties extends CommonProperties {
  /** 1 to 268,435,455. */
  readonly subscriptionIdentifier?: number | undefined
}

/** Properties of DISCONNECT [3.14.2.2]. */
export interface DisconnectProperties extends ReasonProperties {
  /** Seconds; from the client only. */
  readonly sessionExpiryInterval?: number | undefined
  /** From the server only. */
  readonly serverReference?: string | undefined
}

/** Properties of AUTH [3.15.2.2]. */
export interface AuthProperties extends AuthenticationProperties, ReasonProperties {}
