import type { PacketInput } from '../../packet/fields.js'
import type { ProtocolVersion } from '../../packet/packet.js'
import { frame, sized, utf8, wire } from '../wire.js'
import { type Vector, versions } from './vector.js'

const none = (version: ProtocolVersion): Uint8Array => wire(version === 5 ? '00' : '')

/** Remaining lengths on both sides of where the length field grows by a byte. */
const lengths = [127, 128, 16_383, 16_384, 2_097_151, 2_097_152]
const sizes = (): Vector[] =>
  lengths.map((length): Vector => {
    const payload = new Uint8Array(length - 3).fill(0x5a)
    return {
      name: `publish with remaining length ${length}`,
      version: 4,
      packet: { cmd: 'publish', topic: 't', payload, qos: 0, retain: false, dup: false },
      bytes: frame(0x30, sized('t'), payload),
    }
  })

/** The longest string in text of one, two, three and four bytes a character, and characters that are easy to lose. */
const long = ['a'.repeat(65_535), 'é'.repeat(32_767), '漢'.repeat(21_845), '😀'.repeat(16_383)]
const odd = ['\ufeff', '\uffff', '\u0001', '\ud7ff', '\ue000', '\u{10ffff}', ' ', '/', '//', '$SYS/x', '__proto__']
const texts = [...long, ...odd]

const strings = (): Vector[] =>
  versions.flatMap((version) =>
    texts.flatMap((text): Vector[] => {
      const name = text.length > 20 ? `${text.slice(0, 2)}… of ${utf8(text).length} bytes` : JSON.stringify(text)
      const filter: PacketInput = { cmd: 'unsubscribe', messageId: 1, unsubscriptions: [text] }
      const publish: PacketInput = {
        cmd: 'publish',
        topic: text,
        payload: utf8(''),
        qos: 0,
        retain: false,
        dup: false,
      }
      return [
        { name: `topic ${name}`, version, packet: publish, bytes: frame(0x30, sized(text), none(version)) },
        {
          name: `filter ${name}`,
          version,
          packet: filter,
          bytes: frame(0xa2, wire('0001'), none(version), sized(text)),
        },
      ]
    }),
  )

const identities = (): Vector[] =>
  ([4, 5] as const).flatMap((version) =>
    texts.map((text): Vector => {
      const name = text.length > 20 ? `${text.slice(0, 2)}… of ${utf8(text).length} bytes` : JSON.stringify(text)
      const head = Uint8Array.of(0, 4, 77, 81, 84, 84, version, 0xc2, 0, 0)
      const password = utf8(text)
      return {
        name: `client id, username and password ${name}`,
        version,
        packet: {
          cmd: 'connect',
          protocolId: 'MQTT',
          protocolVersion: version,
          clean: true,
          clientId: text,
          keepalive: 0,
          username: text,
          password,
        },
        bytes: frame(0x10, head, none(version), sized(text), sized(text), sized(password)),
      }
    }),
  )

const filters = (): Vector[] =>
  ['#', '+', '+/+', '/', '/+', 'a/#', '+/a/#', '$share', '$SYS/#'].flatMap((topic) =>
    versions.map((version): Vector => {
      const options = version === 5 ? { nl: false, rap: false, rh: 0 as const } : {}
      return {
        name: `filter ${topic}`,
        version,
        packet: { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: 0, ...options }] },
        bytes: frame(0x82, wire('0001'), none(version), sized(topic), wire('00')),
      }
    }),
  )

/** `$share` is an ordinary topic before MQTT 5. */
const shares = (): Vector[] =>
  ([3, 4] as const).flatMap((version) =>
    ['$share/g', '$share//x', '$share/g/'].map(
      (topic): Vector => ({
        name: `filter ${topic}`,
        version,
        packet: { cmd: 'unsubscribe', messageId: 1, unsubscriptions: [topic] },
        bytes: frame(0xa2, wire('0001'), sized(topic)),
      }),
    ),
  )

const many = (): string[] => Array.from({ length: 5_000 }, (_, i) => `filter/${i}`)

/** Lengths and texts at their edges. */
export const sizeVectors = (): Vector[] => [
  ...sizes(),
  ...strings(),
  ...identities(),
  ...filters(),
  ...shares(),
  {
    name: 'unsubscribe with 5,000 filters',
    version: 5,
    packet: { cmd: 'unsubscribe', messageId: 1, unsubscriptions: many() },
    bytes: frame(0xa2, wire('0001 00'), ...many().map(sized)),
  },
]
