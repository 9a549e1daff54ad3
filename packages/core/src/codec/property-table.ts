/** Where a property block stands: in a packet, or in the will of a CONNECT. */
export type PropertyScope =
  | 'connect'
  | 'will'
  | 'connack'
  | 'publish'
  | 'puback'
  | 'pubrec'
  | 'pubrel'
  | 'pubcomp'
  | 'subscribe'
  | 'suback'
  | 'unsubscribe'
  | 'unsuback'
  | 'disconnect'
  | 'auth'

type Kind = 'flag' | 'bit' | 'u16' | 'u32' | 'varint' | 'string' | 'binary' | 'pair'

/** One property of the standard. */
export interface PropertyDefinition {
  readonly id: number
  readonly name: string
  readonly kind: Kind
  /** The smallest value allowed. */
  readonly least: number
  readonly scopes: readonly PropertyScope[]
  /** A bit of its own, for which have been seen. */
  readonly bit: number
}

const acks: readonly PropertyScope[] = ['puback', 'pubrec', 'pubrel', 'pubcomp', 'suback', 'unsuback']
const everywhere: readonly PropertyScope[] = [
  ...acks,
  'connect',
  'will',
  'connack',
  'publish',
  'subscribe',
  'unsubscribe',
  'disconnect',
  'auth',
]

let bits = 0

function property(
  id: number,
  name: string,
  kind: Kind,
  scopes: readonly PropertyScope[],
  least = 0,
): PropertyDefinition {
  return { id, name, kind, scopes, least, bit: 1 << bits++ }
}

/** Every property of MQTT 5 [2.2.2.2], the type of its value, where it may stand and its least value. */
const definitions: readonly PropertyDefinition[] = [
  property(0x01, 'payloadFormatIndicator', 'flag', ['publish', 'will']),
  property(0x02, 'messageExpiryInterval', 'u32', ['publish', 'will']),
  property(0x03, 'contentType', 'string', ['publish', 'will']),
  property(0x08, 'responseTopic', 'string', ['publish', 'will']),
  property(0x09, 'correlationData', 'binary', ['publish', 'will']),
  property(0x0b, 'subscriptionIdentifier', 'varint', ['publish', 'subscribe'], 1),
  property(0x11, 'sessionExpiryInterval', 'u32', ['connect', 'connack', 'disconnect']),
  property(0x12, 'assignedClientIdentifier', 'string', ['connack']),
  property(0x13, 'serverKeepAlive', 'u16', ['connack']),
  property(0x15, 'authenticationMethod', 'string', ['connect', 'connack', 'auth']),
  property(0x16, 'authenticationData', 'binary', ['connect', 'connack', 'auth']),
  property(0x17, 'requestProblemInformation', 'flag', ['connect']),
  property(0x18, 'willDelayInterval', 'u32', ['will']),
  property(0x19, 'requestResponseInformation', 'flag', ['connect']),
  property(0x1a, 'responseInformation', 'string', ['connack']),
  property(0x1c, 'serverReference', 'string', ['connack', 'disconnect']),
  property(0x1f, 'reasonString', 'string', [...acks, 'connack', 'disconnect', 'auth']),
  property(0x21, 'receiveMaximum', 'u16', ['connect', 'connack'], 1),
  property(0x22, 'topicAliasMaximum', 'u16', ['connect', 'connack']),
  property(0x23, 'topicAlias', 'u16', ['publish'], 1),
  property(0x24, 'maximumQoS', 'bit', ['connack']),
  property(0x25, 'retainAvailable', 'flag', ['connack']),
  property(0x26, 'userProperties', 'pair', everywhere),
  property(0x27, 'maximumPacketSize', 'u32', ['connect', 'connack'], 1),
  property(0x28, 'wildcardSubscriptionAvailable', 'flag', ['connack']),
  property(0x29, 'subscriptionIdentifiersAvailable', 'flag', ['connack']),
  property(0x2a, 'sharedSubscriptionAvailable', 'flag', ['connack']),
]

/** The properties of one place, to look up. */
export interface PropertyTable {
  /** By identifier, up to 127. */
  readonly byId: readonly (PropertyDefinition | undefined)[]
  /** All of them: so few that a name is found sooner by looking at each than in a Map. */
  readonly all: readonly PropertyDefinition[]
}

function tableOf(scope: PropertyScope): PropertyTable {
  const all = definitions.filter(({ scopes }) => scopes.includes(scope))
  const byId = new Array<PropertyDefinition | undefined>(128).fill(undefined)
  for (const definition of all) byId[definition.id] = definition
  return { byId, all }
}

/** What each place may hold. */
export const propertyTables: Readonly<Record<PropertyScope, PropertyTable>> = Object.fromEntries(
  [...everywhere].map((scope) => [scope, tableOf(scope)]),
) as Record<PropertyScope, PropertyTable>
