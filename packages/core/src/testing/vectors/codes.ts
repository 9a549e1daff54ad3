import type { PacketInput } from '../../packet/fields.js'
import type { ProtocolVersion } from '../../packet/packet.js'
import { frame, wire } from '../wire.js'
import type { Vector } from './vector.js'

const list = (text: string): number[] => text.split(' ').map((code) => Number.parseInt(code, 16))

/** The codes that each packet may carry, as the standard lists them. */
const connack = list('00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f')
const received = list('00 10 80 83 87 90 91 97 99')
const released = list('00 92')
const suback = list('00 01 02 80 83 87 8f 91 97 9e a1 a2')
const unsuback = list('00 11 80 83 87 8f 91')
const disconnect = list('00 04 80 81 82 83 87 89 8b 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f a0 a1 a2')
const auth = list('00 18 19')

function vector(version: ProtocolVersion, packet: object, bytes: Uint8Array, code: number, form = ''): Vector {
  const { cmd } = packet as PacketInput
  const name = `${cmd} with code 0x${code.toString(16)}${form}`
  return { name, version, packet: packet as PacketInput, bytes }
}

const parseOnly = (vector: Vector): Vector => ({ ...vector, parseOnly: true })

/** An ack of MQTT 5 has 2 bytes for success, 3 for another code; with 3 or 4 it says the same in more. */
function acks(cmd: string, first: number, codes: readonly number[]): Vector[] {
  return codes.flatMap((code) => {
    const packet = { cmd, messageId: 258, reasonCode: code }
    const two = vector(5, packet, frame(first, wire('0102')), code, ' in 2 bytes')
    const three = vector(5, packet, frame(first, wire('0102'), Uint8Array.of(code)), code, ' in 3 bytes')
    const four = vector(5, packet, frame(first, wire('0102'), Uint8Array.of(code, 0)), code, ' in 4 bytes')
    return code === 0 ? [two, parseOnly(three), parseOnly(four)] : [three, parseOnly(four)]
  })
}

const disconnects = (): Vector[] =>
  disconnect.flatMap((code) => {
    const packet = { cmd: 'disconnect', reasonCode: code }
    const none = vector(5, packet, frame(0xe0), code, ' in 0 bytes')
    const one = vector(5, packet, frame(0xe0, Uint8Array.of(code)), code, ' in 1 byte')
    const two = vector(5, packet, frame(0xe0, Uint8Array.of(code, 0)), code, ' in 2 bytes')
    return code === 0 ? [none, parseOnly(one), parseOnly(two)] : [one, parseOnly(two)]
  })

const auths = (): Vector[] =>
  auth.map((code) => {
    const packet = { cmd: 'auth', reasonCode: code, properties: { authenticationMethod: 'm' } }
    return vector(5, packet, frame(0xf0, Uint8Array.of(code), wire('04 15 0001 "m"')), code)
  })

/** Every reason code and return code of every packet, in all of its legal forms. */
export const codeVectors = (): Vector[] => [
  ...([3, 4] as const).flatMap((version) =>
    [0, 1, 2, 3, 4, 5].map((code) =>
      vector(
        version,
        { cmd: 'connack', sessionPresent: false, returnCode: code },
        frame(0x20, Uint8Array.of(0, code)),
        code,
      ),
    ),
  ),
  ...connack.map((code) =>
    vector(
      5,
      { cmd: 'connack', sessionPresent: false, reasonCode: code },
      frame(0x20, Uint8Array.of(0, code, 0)),
      code,
    ),
  ),
  vector(
    4,
    { cmd: 'connack', sessionPresent: true, returnCode: 0 },
    frame(0x20, wire('01 00')),
    0,
    ', session present',
  ),
  vector(
    5,
    { cmd: 'connack', sessionPresent: true, reasonCode: 0 },
    frame(0x20, wire('01 00 00')),
    0,
    ', session present',
  ),
  ...acks('puback', 0x40, received),
  ...acks('pubrec', 0x50, received),
  ...acks('pubrel', 0x62, released),
  ...acks('pubcomp', 0x70, released),
  ...([3, 4, 5] as const).flatMap((version) => {
    const codes = version === 5 ? suback : version === 4 ? [0, 1, 2, 0x80] : [0, 1, 2]
    const lead = wire(version === 5 ? '0102 00' : '0102')
    return [...codes.map((code) => [code]), codes].map((granted) =>
      vector(
        version,
        { cmd: 'suback', messageId: 258, granted },
        frame(0x90, lead, Uint8Array.from(granted)),
        granted[0]!,
        ` (${granted.length})`,
      ),
    )
  }),
  ...[...unsuback.map((code) => [code]), unsuback].map((granted) =>
    vector(
      5,
      { cmd: 'unsuback', messageId: 258, granted },
      frame(0xb0, wire('0102 00'), Uint8Array.from(granted)),
      granted[0]!,
      ` (${granted.length})`,
    ),
  ),
  ...disconnects(),
  ...auths(),
]
