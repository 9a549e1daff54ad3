import { packetTypes } from '../packet/packet-types.js'
import { decode, encode } from '../spec-support/codec.js'
import { plain } from '../spec-support/plain.js'
import { byHand } from '../testing/vectors/by-hand.js'
import { type Vector, vectors } from '../testing/vectors.js'
import { Decoder } from './decoder.js'
import { Protocol } from './protocol.js'

/** The bytes after the fixed header, counted without the codec. */
function remaining({ bytes }: Vector): number {
  let header = 1
  while (bytes[header]! >= 128) header++
  return bytes.length - header - 1
}

const names = { 3: 'MQTT 3.1', 4: 'MQTT 3.1.1', 5: 'MQTT 5' } as const

describe.each([3, 4, 5] as const)('wire vectors of protocol level %i', (version) => {
  const own = vectors(version)

  test(`${names[version]}: every packet type has bytes that were written by hand`, () => {
    const types = new Set(byHand.filter((vector) => vector.version === version).map((vector) => vector.packet.cmd))
    const expected = packetTypes.filter((cmd) => cmd !== undefined && (cmd !== 'auth' || version === 5))
    expect([...types].sort()).toEqual([...expected].sort())
  })

  test(`${names[version]}: cut byte by byte, each is the same packet`, () => {
    for (const { name, bytes } of own) {
      const decoder = new Decoder({ protocol: new Protocol(version), maximumPacketSize: 268_435_460 })
      const last = bytes.length - 1
      for (let at = 0; at < last; at++) {
        decoder.push(bytes.slice(at, at + 1))
        if (decoder.read() !== undefined) throw new Error(`${name}: a packet after ${at + 1} of ${bytes.length} bytes`)
      }
      decoder.push(bytes.slice(last))
      expect([name, plain([decoder.read()]), decoder.buffered]).toEqual([name, plain(decode(version, bytes)), 0])
    }
  }, 60_000)

  test.each(own.map((vector) => [vector.name, vector] as const))(`${names[version]}: %s`, (_, vector) => {
    const packets = decode(version, vector.bytes)
    expect(plain(packets)).toStrictEqual([plain({ ...vector.packet, length: remaining(vector) })])
    const again = encode(version, packets[0]!)
    expect(plain(decode(version, again))).toStrictEqual([
      plain({ ...packets[0], length: expect.any(Number) as unknown }),
    ])
    if (vector.parseOnly === true) {
      expect(again.length).toBeLessThan(vector.bytes.length)
    } else {
      expect(plain(again)).toBe(plain(vector.bytes))
      expect(plain(encode(version, vector.packet))).toBe(plain(vector.bytes))
    }
  })
})
