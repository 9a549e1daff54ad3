import { Encoder, type PacketInput, Protocol, type ProtocolVersion } from '@rxmqtt/core'
import type { Random } from './random.js'

/** The bytes of packets. */
export function encode(version: ProtocolVersion, ...packets: readonly PacketInput[]): Buffer {
  const encoder = new Encoder({ protocol: new Protocol(version) })
  for (const packet of packets) encoder.write(packet)
  return Buffer.concat(encoder.take())
}

function packetsOf(version: ProtocolVersion): Record<'client' | 'server', PacketInput[]> {
  const five = version === 5
  const properties = five ? { properties: { userProperties: { a: 'b' } } } : {}
  return {
    client: [
      { cmd: 'connect', protocolVersion: version, clientId: 'c', keepalive: 5, ...properties },
      { cmd: 'publish', topic: 'a/b', payload: 'x'.repeat(50), ...properties },
      { cmd: 'publish', topic: 'a', payload: 'hello', qos: 1, messageId: 1 },
      { cmd: 'publish', topic: 'a', payload: 'hello', qos: 2, messageId: 2, retain: true },
      { cmd: 'publish', topic: 'long', payload: new Uint8Array(9_000) },
      { cmd: 'puback', messageId: 1 },
      { cmd: 'pubrec', messageId: 2, ...(five ? { reasonCode: 0x10 } : {}) },
      { cmd: 'pubrel', messageId: 2 },
      { cmd: 'pubcomp', messageId: 2 },
      { cmd: 'subscribe', messageId: 3, subscriptions: [{ topic: 'a/#', qos: 1 }], ...properties },
      { cmd: 'unsubscribe', messageId: 4, unsubscriptions: ['a/#'] },
      { cmd: 'pingreq' },
      { cmd: 'disconnect', ...(five ? { reasonCode: 4, ...properties } : {}) },
      ...(five ? [{ cmd: 'auth', reasonCode: 0x18, properties: { authenticationMethod: 'm' } } as const] : []),
    ],
    server: [
      five ? { cmd: 'connack', reasonCode: 0, ...properties } : { cmd: 'connack', returnCode: 0 },
      five ? { cmd: 'connack', reasonCode: 0x87 } : { cmd: 'connack', returnCode: 5 },
      { cmd: 'publish', topic: 'a/b', payload: 'x', ...(five ? { properties: { subscriptionIdentifier: 3 } } : {}) },
      { cmd: 'suback', messageId: 3, granted: [1] },
      { cmd: 'unsuback', messageId: 4, ...(five ? { granted: [0] } : {}) },
      { cmd: 'pingresp' },
    ],
  }
}

const frames = new Map(
  ([3, 4, 5] as const).map((version) => {
    const { client, server } = packetsOf(version)
    const bytes = (packets: PacketInput[]): Buffer[] => packets.map((packet) => encode(version, packet))
    return [version, { client: bytes(client), server: bytes(server) }] as const
  }),
)

/** Bytes as a peer of this kind may send them: mostly legal, often nearly so, sometimes anything. */
export function stream(random: Random, sender: 'client' | 'server', version: ProtocolVersion): Buffer {
  const { client, server } = frames.get(version)!
  const own = sender === 'client' ? client : [...server, ...client.slice(1)]
  const parts: Buffer[] = random.chance(0.85) ? [own[0]!] : []
  for (let i = random.below(8); i > 0; i -= 1) parts.push(random.of(random.chance(0.9) ? own : [...client, ...server]))
  if (random.chance(0.15)) parts.push(Buffer.from(random.bytes(random.below(40))))
  return random.chance(0.5) ? Buffer.concat(parts) : mutate(random, Buffer.concat(parts))
}

function mutate(random: Random, bytes: Buffer): Buffer {
  const at = random.below(bytes.length + 1)
  switch (random.below(5)) {
    case 0: {
      const copy = Buffer.from(bytes)
      for (let i = random.below(3); i >= 0 && copy.length > 0; i -= 1)
        copy[random.below(copy.length)] = random.below(256)
      return copy
    }
    case 1:
      return bytes.subarray(0, at)
    case 2:
      return Buffer.concat([bytes.subarray(0, at), random.bytes(random.below(6)), bytes.subarray(at)])
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + random.below(6)))])
    default:
      return Buffer.concat([bytes, Buffer.from([random.below(256), 0xff, 0xff, 0xff, random.below(256)])])
  }
}
