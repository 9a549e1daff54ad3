import { MqttError } from '../errors.js'
import type { Packet, PacketType, ProtocolVersion } from '../packet/packet.js'
import { decode, encode, failure } from '../spec-support/codec.js'
import { memoryInUse } from '../spec-support/memory.js'
import { random } from '../spec-support/random.js'
import { vectors } from '../testing/vectors.js'
import { fromHex, join, toHex, varint, wire } from '../testing/wire.js'
import { Decoder, type DecoderOptions } from './decoder.js'
import { Protocol } from './protocol.js'

const ping = wire('c0 00')
const publish = wire('30 05 0001 "a" "hi"')

/** All packets of `bytes` cut into pieces by `size`, read after each. */
function cut(bytes: Uint8Array, size: () => number, options: DecoderOptions = {}): Packet[] {
  const decoder = new Decoder(options)
  const packets: Packet[] = []
  for (let at = 0; at < bytes.length; ) {
    const to = at + size()
    // A copy, so that no piece can be read past its end by way of its buffer.
    decoder.push(bytes.slice(at, to))
    at = to
    for (let packet = decoder.read(); packet !== undefined; packet = decoder.read()) packets.push(packet)
  }
  decoder.end()
  return packets
}

describe('Decoder: frames', () => {
  test('nothing in, nothing out', () => {
    const decoder = new Decoder()
    expect([decoder.read(), decoder.buffered]).toEqual([undefined, 0])
    decoder.push(new Uint8Array(0))
    expect([decoder.read(), decoder.buffered]).toEqual([undefined, 0])
    decoder.end()
  })

  test('packets are pulled one by one; buffered is what no packet has used', () => {
    const decoder = new Decoder()
    decoder.push(join(ping, publish, ping.subarray(0, 1)))
    expect(decoder.buffered).toBe(10)
    expect(decoder.read()).toEqual({ cmd: 'pingreq', length: 0 })
    expect(decoder.buffered).toBe(8)
    expect(decoder.read()).toMatchObject({ cmd: 'publish', topic: 'a', length: 5 })
    expect(decoder.buffered).toBe(1)
    expect(decoder.read()).toBeUndefined()
    decoder.push(ping.subarray(1))
    expect(decoder.buffered).toBe(2)
    decoder.push(ping)
    expect(decoder.buffered).toBe(4)
    expect([decoder.read(), decoder.read(), decoder.read()]).toMatchObject([
      { cmd: 'pingreq' },
      { cmd: 'pingreq' },
      undefined,
    ])
    decoder.end()
  })

  test.each([3, 4, 5] as const)('law 2: level %i, any chunking gives the same packets', (version) => {
    const own = vectors(version).filter((vector) => vector.bytes.length < 5_000)
    const bytes = join(...own.map((vector) => vector.bytes))
    const options = (): DecoderOptions => ({ protocol: new Protocol(version) })
    const whole = cut(bytes, () => bytes.length, options())
    expect(whole).toHaveLength(own.length)
    expect(cut(bytes, () => 1, options())).toEqual(whole)
    for (const size of [2, 3, 5, 7, 1460]) expect(cut(bytes, () => size, options())).toEqual(whole)
    for (let seed = 0; seed < 10; seed++) {
      const next = random(seed)
      expect(cut(bytes, () => next(9), options())).toEqual(whole)
    }
  })

  test('law 2: a stream of two packets may be cut at any two places, header included', () => {
    const bytes = join(encode(4, { cmd: 'publish', topic: 'topic', payload: 'x'.repeat(200) }), publish)
    const whole = cut(bytes, () => bytes.length)
    for (let first = 0; first <= bytes.length; first++) {
      for (let second = first; second <= Math.min(bytes.length, first + 6); second++) {
        const sizes = [first, second - first, bytes.length - second]
        expect(cut(bytes, () => sizes.shift()!)).toEqual(whole)
      }
    }
  })

  test('a header of five bytes may be cut anywhere', () => {
    const payload = new Uint8Array(2_097_152)
    const bytes = encode(4, { cmd: 'publish', topic: 'a', payload })
    expect(toHex(bytes.subarray(0, 5))).toBe('3083808001')
    for (let at = 1; at < 8; at++) {
      const sizes = [at, bytes.length - at]
      const [packet] = cut(bytes, () => sizes.shift()!)
      expect(packet).toMatchObject({ cmd: 'publish', topic: 'a', length: 2_097_155 })
    }
  })

  test('the payload of a packet in one chunk is a view of it', () => {
    const decoder = new Decoder()
    decoder.push(publish)
    const packet = decoder.read() as { payload: Uint8Array }
    expect(packet.payload.buffer).toBe(publish.buffer)
  })

  test('law 7: a frame is decoded alone: a short body never takes bytes of the next frame', () => {
    for (const bytes of ['40 01 00 01', '30 02 0005 "hello"', '20 01 00 00', '82 04 0001 0009 "aaaaaaaaa" 00']) {
      const decoder = new Decoder()
      decoder.push(join(wire(bytes), ping, ping, ping))
      expect(failure(() => decoder.read())).toMatchObject({ code: 'malformed-packet', reasonCode: 0x81 })
    }
  })

  test('law 7: bytes left over inside a frame are malformed', () => {
    for (const bytes of ['40 03 0001 00', 'c0 01 00', '20 03 00 00 00', 'b0 03 0001 00']) {
      const decoder = new Decoder()
      decoder.push(wire(bytes))
      expect(failure(() => decoder.read())).toMatchObject({ code: 'malformed-packet', reasonCode: 0x81 })
    }
  })

  test('law 4: the version follows a CONNECT in the middle of a chunk; a second one changes nothing', () => {
    const protocol = new Protocol(4)
    const decoder = new Decoder({ protocol })
    const connect5 = wire('10 0e 0004 "MQTT" 05 02 0000 00 0001 "a"')
    const connect4 = wire('10 0d 0004 "MQTT" 04 02 0000 0001 "a"')
    decoder.push(join(wire('e0 00'), connect5, wire('e0 01 04'), connect4, wire('e0 01 04')))
    expect(decoder.read()).toEqual({ cmd: 'disconnect', length: 0 })
    expect(decoder.read()).toMatchObject({ cmd: 'connect', protocolVersion: 5 })
    expect(decoder.read()).toEqual({ cmd: 'disconnect', length: 1, reasonCode: 4 })
    expect(decoder.read()).toMatchObject({ cmd: 'connect', protocolVersion: 4 })
    expect(decoder.read()).toMatchObject({ reasonCode: 4 })
    expect(protocol.version).toBe(5)
  })

  test('a CONNECT that is refused does not settle the version', () => {
    const protocol = new Protocol(4)
    const decoder = new Decoder({ protocol })
    decoder.push(wire('10 0f 0004 "MQTT" 05 02 0000 00 0001 "a" 00'))
    expect(failure(() => decoder.read())?.code).toBe('malformed-packet')
    expect([protocol.version, protocol.settled]).toEqual([4, false])
  })
})

describe('Decoder: limits', () => {
  const sizes = [6, 127, 128, 129, 130, 131, 16_383, 16_387, 65_536]

  test.each(sizes)('a packet of limit - 1 and of limit %i passes, one of limit + 1 does not', (limit) => {
    for (const size of [limit - 1, limit, limit + 1]) {
      const bytes = publishOf(size)
      if (bytes === undefined) continue
      const result = failure(() => expect(cut(bytes, () => bytes.length, { maximumPacketSize: limit })).toHaveLength(1))
      if (size <= limit) expect(result).toBeUndefined()
      else expect(result).toMatchObject({ code: 'packet-too-large', reasonCode: 0x95 })
    }
  })

  test('the limit counts the packet, not the chunk: many packets of the limit in one chunk pass', () => {
    const one = publishOf(50)!
    const chunk = join(...Array.from({ length: 100 }, () => one))
    expect(cut(chunk, () => chunk.length, { maximumPacketSize: 50 })).toHaveLength(100)
  })

  test('the limit is 16 MiB by default', () => {
    const decoder = new Decoder()
    expect(decoder.maximumPacketSize).toBe(16_777_216)
    decoder.push(join(wire('30'), varint(16_777_216 - 5)))
    expect(decoder.read()).toBeUndefined()
    const over = new Decoder()
    over.push(join(wire('30'), varint(16_777_216 - 4)))
    expect(failure(() => over.read())).toMatchObject({ code: 'packet-too-large' })
  })

  test('law 3: checked at the length field, before any byte of the body', () => {
    const decoder = new Decoder({ maximumPacketSize: 1_000 })
    for (const byte of [0x30, 0xff, 0xff, 0xff]) {
      decoder.push(Uint8Array.of(byte))
      expect(decoder.read()).toBeUndefined()
    }
    decoder.push(Uint8Array.of(0x7f))
    expect(failure(() => decoder.read())).toMatchObject({ code: 'packet-too-large', reasonCode: 0x95 })
    expect(decoder.buffered).toBe(0)
  })

  test('law 3: a header that claims 256 MiB costs nothing', () => {
    const before = memoryInUse()
    const decoders = Array.from({ length: 100 }, () => {
      const decoder = new Decoder({ maximumPacketSize: 268_435_460 })
      decoder.push(fromHex('30ffffff7f'))
      expect(decoder.read()).toBeUndefined()
      return decoder
    })
    expect(memoryInUse() - before).toBeLessThan(100 * 4_096)
    expect(decoders).toHaveLength(100)
  })

  test('law 3: a large frame in pieces of one byte takes less than three times its size, and arrives', () => {
    const size = 1_048_576
    const bytes = publishOf(size)!
    const decoder = new Decoder()
    const before = memoryInUse()
    for (let i = 0; i < size - 1; i++) {
      decoder.push(bytes.slice(i, i + 1))
      if (decoder.read() !== undefined) throw new Error('too early')
    }
    expect(memoryInUse() - before).toBeLessThan(2 * size)
    decoder.push(bytes.slice(size - 1))
    const packet = decoder.read() as { payload: Uint8Array }
    // What it was gathered from may live until the next collection: here it must be gone.
    expect(memoryInUse() - before).toBeLessThan(2 * size)
    expect(Buffer.compare(packet.payload, bytes.subarray(-packet.payload.length))).toBe(0)
    expect(decoder.buffered).toBe(0)
  })

  test('the limit may change between packets', () => {
    const decoder = new Decoder({ maximumPacketSize: 10 })
    decoder.push(join(publishOf(10)!, publishOf(20)!, publishOf(21)!))
    expect(decoder.read()).toBeDefined()
    decoder.maximumPacketSize = 20
    expect(decoder.read()).toBeDefined()
    expect(failure(() => decoder.read())?.code).toBe('packet-too-large')
  })

  test('refuses a limit out of range', () => {
    for (const maximumPacketSize of [0, 1, -1, 2.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(failure(() => new Decoder({ maximumPacketSize }))).toMatchObject({ code: 'invalid-option' })
    }
  })
})

describe('Decoder: errors', () => {
  test.each([
    ['packet type 0', '00 00', 'malformed-packet', 0x81],
    ['a length over four bytes', '30 80 80 80 80 01', 'malformed-packet', 0x81],
    ['a length that is not the shortest', '30 85 00 0001 "a" "hi"', 'malformed-packet', 0x81],
    ['reserved flags', 'c1 00', 'malformed-packet', 0x81],
    ['AUTH before MQTT 5', 'f0 00', 'malformed-packet', 0x81],
    ['a rule', '32 05 0001 "a" 0000', 'protocol-error', 0x82],
  ])('%s', (_, notation, code, reasonCode) => {
    const bytes = wire(notation)
    for (const size of [1, bytes.length]) {
      expect(failure(() => cut(bytes, () => size))).toMatchObject({ code, reasonCode })
    }
  })

  test('the first byte is refused before a length is there, and a length before a body', () => {
    for (const start of ['00', 'c1', '30808080 80', '308500']) {
      const decoder = new Decoder()
      decoder.push(wire(start))
      expect(failure(() => decoder.read())).toMatchObject({ code: 'malformed-packet' })
    }
  })

  test('the first error is for ever: the same error, nothing kept, nothing taken', () => {
    const decoder = new Decoder()
    decoder.push(join(ping, wire('00 00'), ping))
    expect(decoder.read()).toBeDefined()
    const errors: unknown[] = []
    for (const call of [() => decoder.read(), () => decoder.read(), () => decoder.end()]) {
      try {
        call()
      } catch (error) {
        errors.push(error)
      }
      decoder.push(ping)
      expect(decoder.buffered).toBe(0)
    }
    expect(errors).toHaveLength(3)
    expect(new Set(errors).size).toBe(1)
    expect(errors[0]).toBeInstanceOf(MqttError)
  })

  test('end: clean between packets, malformed inside one or before one was read', () => {
    const decoder = new Decoder()
    decoder.push(ping)
    expect(failure(() => decoder.end())).toMatchObject({ code: 'malformed-packet' })
    decoder.read()
    expect(failure(() => decoder.end())).toBeUndefined()
    for (let length = 1; length < publish.length; length++) {
      const cutOff = new Decoder()
      cutOff.push(publish.subarray(0, length))
      expect(cutOff.read()).toBeUndefined()
      expect(failure(() => cutOff.end())).toMatchObject({ code: 'malformed-packet', reasonCode: 0x81 })
    }
  })

  test('rejected is how the frame began that was refused, and nothing where none was whole', () => {
    const bad = wire('10 0d 0004 "MQTT" 09 02 0000 0001 "a"')
    for (const size of [1, 4, 100]) {
      const decoder = new Decoder()
      const bytes = join(ping, bad, ping)
      for (let at = 0; at < bytes.length; at += size) decoder.push(bytes.slice(at, at + size))
      expect([decoder.read()?.cmd, decoder.rejected]).toEqual(['pingreq', undefined])
      expect(failure(() => decoder.read())?.code).toBe('unsupported-version')
      expect(decoder.rejected).toEqual(bad)
    }
    const early = new Decoder({ maximumPacketSize: 5 })
    early.push(bad)
    expect(failure(() => early.read())?.code).toBe('packet-too-large')
    expect(early.rejected).toBeUndefined()
    const large = new Decoder()
    large.push(wire(`10 ff7f 0004 "MQTT" 09 ${'00'.repeat(16_383 - 7)}`))
    expect(failure(() => large.read())?.code).toBe('unsupported-version')
    expect(large.rejected).toEqual(wire(`10 ff7f 0004 "MQTT" 09 ${'00'.repeat(22)}`))
  })
})

describe('Decoder: expect', () => {
  test('is asked with the first byte, before the length, and can refuse', () => {
    const asked: PacketType[] = []
    const decoder = new Decoder({
      expect: (cmd) => {
        asked.push(cmd)
        if (cmd === 'publish') throw new MqttError('protocol-error', 'not now', { reasonCode: 0x82 })
      },
    })
    decoder.push(join(ping, wire('30')))
    expect(decoder.read()?.cmd).toBe('pingreq')
    expect(failure(() => decoder.read())).toMatchObject({ code: 'protocol-error', message: 'not now' })
    expect(asked).toEqual(['pingreq', 'publish'])
    expect([decoder.buffered, decoder.rejected]).toEqual([0, undefined])
  })

  test('is not asked of a type that the version does not have', () => {
    const asked: PacketType[] = []
    const decoder = new Decoder({ expect: (cmd) => asked.push(cmd) })
    decoder.push(wire('f0'))
    expect(failure(() => decoder.read())?.code).toBe('malformed-packet')
    expect(asked).toEqual([])
  })
})

test('random bytes give packets or one typed error, the same however they are cut', () => {
  const next = random(42)
  const starts = vectors().filter((vector) => vector.bytes.length < 100)
  for (let round = 0; round < 3_000; round++) {
    const version = (3 + next(3)) as ProtocolVersion
    const bytes = join(...Array.from({ length: 3 }, () => starts[next(starts.length)]!.bytes)).slice()
    for (let change = next(4); change > 0; change--) bytes[next(bytes.length)] = next(256)
    const run = (size: () => number): unknown => {
      const packets: Packet[] = []
      const decoder = new Decoder({ protocol: new Protocol(version), maximumPacketSize: 4_096 })
      const error = failure(() => {
        for (let at = 0; at < bytes.length; ) {
          const to = at + size()
          decoder.push(bytes.slice(at, to))
          at = to
          for (let packet = decoder.read(); packet !== undefined; packet = decoder.read()) packets.push(packet)
        }
        decoder.end()
      })
      return { packets, error }
    }
    const whole = run(() => bytes.length)
    expect(run(() => 1)).toEqual(whole)
    expect(run(() => 1 + next(20))).toEqual(whole)
  }
})

test('decode, as specs use it, refuses what is left over', () => {
  expect(failure(() => decode(4, publish.subarray(0, 3)))?.code).toBe('malformed-packet')
})

/** A PUBLISH of exactly `size` bytes; undefined where there is none. */
function publishOf(size: number): Uint8Array | undefined {
  for (let header = 2; header <= 5; header++) {
    const length = size - header
    if (length < 3 || varint(length).length !== header - 1) continue
    const body = Uint8Array.from({ length: length - 3 }, (_, i) => i % 251)
    return join(wire('30'), varint(length), wire('0001 "a"'), body)
  }
  return undefined
}
