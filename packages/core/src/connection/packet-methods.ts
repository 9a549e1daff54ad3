import type { Observable } from 'rxjs'
import { refusal } from '../codec/violation.js'
import type { FieldsOf, PacketInput } from '../packet/fields.js'
import type { Packet, PacketOf, PacketType } from '../packet/packet.js'

/**
 * A stream and a writer method for each of the fifteen packet types. A stream a type means what
 * `packets$.pipe(ofType(type))` means. A writer returns what `write` returns and throws what it throws.
 */
export abstract class PacketMethods {
  /** Every packet from the peer, in order, multicast; completes when the connection is over, and never errors. */
  get packets$(): Observable<Packet> {
    return this.stream('packets')
  }

  /** CONNECT [3.1] from the peer. */
  get connect$(): Observable<PacketOf<'connect'>> {
    return this.stream('connect') as Observable<PacketOf<'connect'>>
  }

  /** CONNACK [3.2] from the peer. */
  get connack$(): Observable<PacketOf<'connack'>> {
    return this.stream('connack') as Observable<PacketOf<'connack'>>
  }

  /** PUBLISH [3.3] from the peer. */
  get publish$(): Observable<PacketOf<'publish'>> {
    return this.stream('publish') as Observable<PacketOf<'publish'>>
  }

  /** PUBACK [3.4] from the peer. */
  get puback$(): Observable<PacketOf<'puback'>> {
    return this.stream('puback') as Observable<PacketOf<'puback'>>
  }

  /** PUBREC [3.5] from the peer. */
  get pubrec$(): Observable<PacketOf<'pubrec'>> {
    return this.stream('pubrec') as Observable<PacketOf<'pubrec'>>
  }

  /** PUBREL [3.6] from the peer. */
  get pubrel$(): Observable<PacketOf<'pubrel'>> {
    return this.stream('pubrel') as Observable<PacketOf<'pubrel'>>
  }

  /** PUBCOMP [3.7] from the peer. */
  get pubcomp$(): Observable<PacketOf<'pubcomp'>> {
    return this.stream('pubcomp') as Observable<PacketOf<'pubcomp'>>
  }

  /** SUBSCRIBE [3.8] from the peer. */
  get subscribe$(): Observable<PacketOf<'subscribe'>> {
    return this.stream('subscribe') as Observable<PacketOf<'subscribe'>>
  }

  /** SUBACK [3.9] from the peer. */
  get suback$(): Observable<PacketOf<'suback'>> {
    return this.stream('suback') as Observable<PacketOf<'suback'>>
  }

  /** UNSUBSCRIBE [3.10] from the peer. */
  get unsubscribe$(): Observable<PacketOf<'unsubscribe'>> {
    return this.stream('unsubscribe') as Observable<PacketOf<'unsubscribe'>>
  }

  /** UNSUBACK [3.11] from the peer. */
  get unsuback$(): Observable<PacketOf<'unsuback'>> {
    return this.stream('unsuback') as Observable<PacketOf<'unsuback'>>
  }

  /** PINGREQ [3.12] from the peer. */
  get pingreq$(): Observable<PacketOf<'pingreq'>> {
    return this.stream('pingreq') as Observable<PacketOf<'pingreq'>>
  }

  /** PINGRESP [3.13] from the peer. */
  get pingresp$(): Observable<PacketOf<'pingresp'>> {
    return this.stream('pingresp') as Observable<PacketOf<'pingresp'>>
  }

  /** DISCONNECT [3.14] from the peer. */
  get disconnect$(): Observable<PacketOf<'disconnect'>> {
    return this.stream('disconnect') as Observable<PacketOf<'disconnect'>>
  }

  /** AUTH [3.15], MQTT 5 from the peer. */
  get auth$(): Observable<PacketOf<'auth'>> {
    return this.stream('auth') as Observable<PacketOf<'auth'>>
  }

  /**
   * Writes a packet of any type.
   *
   * @returns false: more is queued than the high-water mark, wait for `writable$` before writing more; or the connection
   * is over, and nothing was written
   * @throws MqttError `'invalid-packet'`: nothing was written, the connection stays usable
   */
  abstract write(packet: PacketInput): boolean

  protected abstract stream(key: PacketType | 'packets'): Observable<Packet>

  /** Writes CONNECT [3.1]. */
  connect(fields: FieldsOf<'connect'> = {}): boolean {
    return this.write(packetOf('connect', fields))
  }

  /** Writes CONNACK [3.2]. */
  connack(fields: FieldsOf<'connack'> = {}): boolean {
    return this.write(packetOf('connack', fields))
  }

  /** Writes PUBLISH [3.3]. The payload then belongs to the connection. */
  publish(fields: FieldsOf<'publish'>): boolean {
    return this.write(publishOf(fields))
  }

  /** Writes PUBACK [3.4]. */
  puback(fields: FieldsOf<'puback'>): boolean {
    return this.write(packetOf('puback', fields))
  }

  /** Writes PUBREC [3.5]. */
  pubrec(fields: FieldsOf<'pubrec'>): boolean {
    return this.write(packetOf('pubrec', fields))
  }

  /** Writes PUBREL [3.6]. */
  pubrel(fields: FieldsOf<'pubrel'>): boolean {
    return this.write(packetOf('pubrel', fields))
  }

  /** Writes PUBCOMP [3.7]. */
  pubcomp(fields: FieldsOf<'pubcomp'>): boolean {
    return this.write(packetOf('pubcomp', fields))
  }

  /** Writes SUBSCRIBE [3.8]. */
  subscribe(fields: FieldsOf<'subscribe'>): boolean {
    return this.write(packetOf('subscribe', fields))
  }

  /** Writes SUBACK [3.9]. */
  suback(fields: FieldsOf<'suback'>): boolean {
    return this.write(packetOf('suback', fields))
  }

  /** Writes UNSUBSCRIBE [3.10]. */
  unsubscribe(fields: FieldsOf<'unsubscribe'>): boolean {
    return this.write(packetOf('unsubscribe', fields))
  }

  /** Writes UNSUBACK [3.11]. */
  unsuback(fields: FieldsOf<'unsuback'>): boolean {
    return this.write(packetOf('unsuback', fields))
  }

  /** Writes PINGREQ [3.12]. */
  pingreq(): boolean {
    return this.write({ cmd: 'pingreq' })
  }

  /** Writes PINGRESP [3.13]. */
  pingresp(): boolean {
    return this.write({ cmd: 'pingresp' })
  }

  /** Writes DISCONNECT [3.14]. */
  disconnect(fields: FieldsOf<'disconnect'> = {}): boolean {
    return this.write(packetOf('disconnect', fields))
  }

  /** Writes AUTH [3.15], MQTT 5. */
  auth(fields: FieldsOf<'auth'> = {}): boolean {
    return this.write(packetOf('auth', fields))
  }
}

/** The fields as a packet. @throws MqttError `'invalid-packet'` where a getter throws */
function packetOf<T extends PacketType>(cmd: T, fields: FieldsOf<T>): PacketInput {
  try {
    return { ...fields, cmd } as unknown as PacketInput
  } catch (error) {
    throw refusal(error)
  }
}

/** The same for the packet that is written most, in one shape. */
function publishOf(fields: FieldsOf<'publish'>): PacketInput {
  try {
    const { topic, payload, qos, dup, retain, messageId, properties } = fields
    return { cmd: 'publish', topic, payload, qos, dup, retain, messageId, properties }
  } catch (error) {
    throw refusal(error)
  }
}
