import fc from 'fast-check'
import { MqttError } from '../errors.js'
import type { PacketInput } from '../packet/fields.js'
import type { Packet, ProtocolVersion } from '../packet/packet.js'
import { anyPacket, cut, mutations, packetOf, typesOf } from '../spec-support/arbitraries.js'
import { decode, encode, failure } from '../spec-support/codec.js'
import { plain } from '../spec-support/plain.js'
import { join } from '../testing/wire.js'
import { Decoder } from './decoder.js'
import { Encoder } from './encoder.js'
import { Protocol } from './protocol.js'

const seed = 20_260_102
const versions = [3, 4, 5] as const
const cases = versions.flatMap((version) => typesOf(version).map((cmd) => [version, cmd] as const))

/** What a decoder makes of chunks: packets, then perhaps its error. */
function events(version: ProtocolVersion, chunks: readonly Uint8Array[]): unknown[] {
  const decoder = new Decoder({ protocol: new Protocol(version), maximumPacketSize: 65_536 })
  const seen: unknown[] = []
  const error = failure(() => {
    for (const chunk of chunks) {
      decoder.push(chunk.slice())
      for (let packet = decoder.read(); packet !== undefined; packet = decoder.read()) seen.push(plain(packet))
    }
    decoder.end()
  })
  return error === undefined ? seen : [...seen, error]
}

/** The packets of bytes, of which the last may be rubbish. */
function packetsOf(version: ProtocolVersion, bytes: Uint8Array): Packet[] {
  const decoder = new Decoder({ protocol: new Protocol(version), maximumPacketSize: 65_536 })
  decoder.push(bytes)
  const packets: Packet[] = []
  failure(() => {
    for (let packet = decoder.read(); packet !== undefined; packet = decoder.read()) packets.push(packet)
  })
  return packets
}

const stream = (version: ProtocolVersion): fc.Arbitrary<PacketInput[]> =>
  fc.array(anyPacket(version, false), { minLength: 1, maxLength: 5 })
const cuts = fc.array(fc.nat(), { maxLength: 12 })

describe(`properties of the codec, seed ${seed}`, () => {
  test.each(cases)('level %i: parse of generate is the identity: %s', (version, cmd) => {
    const property = fc.property(packetOf(cmd, version), (packet) => {
      const bytes = encode(version, packet)
      const parsed = decode(version, bytes)
      expect(plain(parsed)).toEqual([plain({ ...packet, length: expect.any(Number) as unknown })])
      expect(plain(encode(version, parsed[0]!))).toBe(plain(bytes))
    })
    fc.assert(property, { numRuns: 150, seed })
  })

  test.each(versions)('level %i: any chunking gives the same packets', (version) => {
    const property = fc.property(stream(version), cuts, (packets, at) => {
      const bytes = encode(version, ...packets)
      const whole = packets.map((packet) => plain({ ...packet, length: expect.any(Number) as unknown }))
      expect(events(version, [bytes])).toEqual(whole)
      expect(events(version, cut(bytes, at))).toEqual(whole)
      expect(
        events(
          version,
          Array.from(bytes, (byte) => Uint8Array.of(byte)),
        ),
      ).toEqual(whole)
    })
    fc.assert(property, { numRuns: 150, seed })
  })

  test.each(versions)('level %i: changed bytes give packets that validate, or one error', (version) => {
    let refused = 0
    const property = fc.property(stream(version), mutations, cuts, (packets, mutate, at) => {
      const bytes = mutate(encode(version, ...packets))
      const whole = events(version, [bytes])
      expect(events(version, cut(bytes, at))).toEqual(whole)
      if (whole.some((event) => Object.hasOwn(event as object, 'code'))) refused++
      for (const packet of packetsOf(version, bytes)) {
        const [again] = decode(version, encode(version, packet))
        expect(plain({ ...again, length: 0 })).toEqual(plain({ ...packet, length: 0 }))
      }
    })
    fc.assert(property, { numRuns: 1_500, seed })
    expect(refused).toBeGreaterThan(150)
  })

  test.each(versions)('level %i: arbitrary bytes give packets that validate, or one error', (version) => {
    const first = fc.constantFrom(0x10, 0x20, 0x30, 0x32, 0x40, 0x62, 0x82, 0x90, 0xa2, 0xb0, 0xc0, 0xe0, 0xf0)
    const body = fc.uint8Array({ maxLength: 48 })
    const framed = fc.tuple(first, body).map(([byte, bytes]) => join(Uint8Array.of(byte, bytes.length), bytes))
    const property = fc.property(fc.oneof(body, framed), cuts, (bytes, at) => {
      expect(events(version, cut(bytes, at))).toEqual(events(version, [bytes]))
      for (const packet of packetsOf(version, bytes)) encode(version, packet)
    })
    fc.assert(property, { numRuns: 1_500, seed })
  })

  test.each(cases)(
    'level %i: a packet with anything in a field is written whole or refused whole: %s',
    (version, cmd) => {
      let refused = 0
      const names = fc.constantFrom(
        ...[
          'messageId',
          'properties',
          'topic',
          'qos',
          'payload',
          'subscriptions',
          'unsubscriptions',
          'granted',
          'will',
        ],
        ...['clientId', 'username', 'password', 'keepalive', 'clean', 'protocolVersion', 'protocolId', 'reasonCode'],
        ...['returnCode', 'sessionPresent', 'dup', 'retain'],
      )
      const path = fc.array(fc.nat(3), { maxLength: 2 })
      const anything = fc.oneof(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withTypedArray: true }),
        fc.constantFrom<unknown>(Symbol('s'), () => 1, Number.NaN, -1, 1.5, 70_000, '\ud800', '\0', null, {}, []),
      )
      const property = fc.property(packetOf(cmd, version), names, anything, path, (packet, name, value, at) => {
        const broken = replace(packet, name, at, value)
        const encoder = new Encoder({ protocol: new Protocol(version) })
        encoder.write({ cmd: 'pingreq' })
        let error: unknown
        try {
          encoder.write(broken as PacketInput)
        } catch (caught) {
          error = caught
        }
        if (error === undefined) {
          const level = encoder.protocol.version
          const [, parsed] = packetsOf(level, join(...encoder.take()))
          expect(parsed?.cmd).toBe(cmd)
          return
        }
        refused++
        expect(error).toBeInstanceOf(MqttError)
        expect(error).toMatchObject({ code: 'invalid-packet' })
        encoder.write({ cmd: 'pingresp' })
        expect(plain(join(...encoder.take()))).toBe('c000d000')
      })
      fc.assert(property, { numRuns: 300, seed })
      if (cmd !== 'pingreq' && cmd !== 'pingresp') expect(refused).toBeGreaterThan(5)
    },
  )
})

/** The packet with `value` for a member, or for something in it. */
function replace(packet: PacketInput, name: string, path: readonly number[], value: unknown): unknown {
  const step = (from: unknown, [index, ...rest]: readonly number[]): unknown => {
    if (index === undefined || typeof from !== 'object' || from === null || from instanceof Uint8Array) return value
    const keys = Object.keys(from)
    if (keys.length === 0) return value
    const key = keys[index % keys.length]!
    if (Array.isArray(from)) return from.map((each, i) => (String(i) === key ? step(each, rest) : (each as unknown)))
    return { ...from, [key]: step((from as Record<string, unknown>)[key], rest) }
  }
  return { ...packet, [name]: step((packet as unknown as Record<string, unknown>)[name], path) }
}
