import type { PacketInput } from '../../packet/fields.js'
import type { ProtocolVersion, QoS } from '../../packet/packet.js'
import { frame, join, sized, u16, utf8, wire } from '../wire.js'
import { type Vector, versions } from './vector.js'

const bits = [false, true] as const
const levels: readonly QoS[] = [0, 1, 2]

function vector(version: ProtocolVersion, name: string, packet: object, bytes: Uint8Array): Vector {
  return { name, version, packet: packet as PacketInput, bytes }
}

const none = (version: ProtocolVersion): Uint8Array => wire(version === 5 ? '00' : '')

const publishes = (): Vector[] =>
  versions.flatMap((version) =>
    levels.flatMap((qos) =>
      bits.flatMap((retain) =>
        bits.flatMap((dup) => {
          if (dup && qos === 0) return []
          const first = 0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0)
          const packet = { cmd: 'publish', topic: 'a/b', payload: utf8('p'), qos, retain, dup }
          const id = qos === 0 ? {} : { messageId: 65_535 }
          const bytes = frame(first, sized('a/b'), wire(qos === 0 ? '' : 'ffff'), none(version), utf8('p'))
          return [vector(version, `publish qos ${qos} retain ${retain} dup ${dup}`, { ...packet, ...id }, bytes)]
        }),
      ),
    ),
  )

const wills = [
  undefined,
  ...levels.flatMap((qos) => bits.map((retain) => ({ topic: 'w/t', payload: utf8('gone'), qos, retain }))),
]

const connects = (): Vector[] =>
  versions.flatMap((version) => {
    const protocolId = version === 3 ? 'MQIsdp' : 'MQTT'
    const head = join(sized(protocolId), Uint8Array.of(version))
    return wills.flatMap((will) =>
      bits.flatMap((clean) =>
        [undefined, '', 'user'].flatMap((username) =>
          [undefined, utf8(''), wire('00ff')].flatMap((password) => {
            if (version < 5 && username === undefined && password !== undefined) return []
            const flags =
              (username === undefined ? 0 : 0x80) |
              (password === undefined ? 0 : 0x40) |
              (will === undefined ? 0 : 4 | (will.qos << 3) | (will.retain ? 0x20 : 0)) |
              (clean ? 2 : 0)
            const bytes = frame(
              0x10,
              head,
              Uint8Array.of(flags),
              u16(65_535),
              none(version),
              sized('me'),
              will === undefined ? wire('') : join(none(version), sized(will.topic), sized(will.payload)),
              username === undefined ? wire('') : sized(username),
              password === undefined ? wire('') : sized(password),
            )
            const packet = {
              cmd: 'connect',
              protocolId,
              protocolVersion: version,
              clean,
              clientId: 'me',
              keepalive: 65_535,
              ...(username !== undefined && { username }),
              ...(password !== undefined && { password }),
              ...(will !== undefined && { will }),
            }
            return [vector(version, `connect flags 0b${flags.toString(2).padStart(8, '0')}`, packet, bytes)]
          }),
        ),
      ),
    )
  })

const withoutId = (): Vector[] =>
  ([4, 5] as const).flatMap((version) =>
    bits
      .filter((clean) => clean || version === 5)
      .map((clean) => {
        const flags = clean ? 2 : 0
        const packet = {
          cmd: 'connect',
          protocolId: 'MQTT',
          protocolVersion: version,
          clean,
          clientId: '',
          keepalive: 0,
        }
        const bytes = frame(0x10, wire('0004 "MQTT"'), Uint8Array.of(version, flags, 0, 0), none(version), wire('0000'))
        return vector(version, `connect without a client id, clean ${clean}`, packet, bytes)
      }),
  )

const options = levels.flatMap((qos) =>
  bits.flatMap((nl) => bits.flatMap((rap) => ([0, 1, 2] as const).map((rh) => ({ topic: '+/#', qos, nl, rap, rh })))),
)

const subscribes = (): Vector[] =>
  [...options.map((each) => [each]), options.map((each, i) => ({ ...each, topic: `t/${i}` }))].map((subscriptions) => {
    const entries = subscriptions.map(({ topic, qos, nl, rap, rh }) =>
      join(sized(topic), Uint8Array.of(qos | (nl ? 4 : 0) | (rap ? 8 : 0) | (rh << 4))),
    )
    const name = subscriptions.length === 1 ? JSON.stringify(subscriptions[0]) : `${subscriptions.length} entries`
    const packet = { cmd: 'subscribe', messageId: 1, subscriptions }
    return vector(5, `subscribe ${name}`, packet, frame(0x82, wire('0001 00'), ...entries))
  })

/** Every combination of flags: PUBLISH, CONNECT, the options of a SUBSCRIBE. */
export const flagVectors = (): Vector[] => [...publishes(), ...connects(), ...withoutId(), ...subscribes()]
