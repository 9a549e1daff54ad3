import type { PacketInput } from '../packet/fields.js'
import type { PacketOf, ProtocolVersion } from '../packet/packet.js'
import { decode, encode, failure } from '../spec-support/codec.js'
import { memoryInUse } from '../spec-support/memory.js'
import { random } from '../spec-support/random.js'
import { vectors } from '../testing/vectors.js'
import { join, toHex, wire } from '../testing/wire.js'
import { Encoder } from './encoder.js'
import { Protocol } from './protocol.js'

const ping: PacketInput = { cmd: 'pingreq' }
const publish = (length: number, fill = 7): PacketInput => ({
  cmd: 'publish',
  topic: 'a',
  payload: new Uint8Array(length).fill(fill),
})
/** Packets that are refused at different depths: before a byte, in the middle, after the last. */
const invalid: readonly PacketInput[] = [
  { cmd: 'nothing' } as never,
  undefined as never,
  {} as never,
  { cmd: 'publish', topic: 'a/+', payload: 'x' },
  { cmd: 'publish', topic: 'x'.repeat(70_000) },
  { cmd: 'publish', topic: 'a', payload: 'x\ud800' },
  { cmd: 'publish', topic: 'a', payload: 7 as never },
  { cmd: 'publish', topic: 'a', qos: 1 },
  { cmd: 'puback', messageId: 0 },
  { cmd: 'subscribe', messageId: 1, subscriptions: [] },
  {
    cmd: 'subscribe',
    messageId: 1,
    subscriptions: [
      { topic: 'a', qos: 1 },
      { topic: 'a/#/b', qos: 1 },
    ],
  },
  { cmd: 'connect', clientId: '', clean: false, protocolVersion: 4 },
  { cmd: 'suback', messageId: 1, granted: [0, 1, 99 as never] },
]

function write(encoder: Encoder, ...packets: PacketInput[]): void {
  for (const packet of packets) encoder.write(packet)
}

describe('Encoder', () => {
  test('nothing in, nothing out', () => {
    const encoder = new Encoder()
    expect([encoder.take(), encoder.pending]).toEqual([[], 0])
  })

  test('law 3: a small chunk that waits for a slow peer keeps no memory but its own', () => {
    const encoder = new Encoder()
    for (const packet of [ping, publish(4_000), publish(5_000)]) {
      write(encoder, packet)
      for (const chunk of encoder.take()) expect(chunk.buffer.byteLength).toBe(chunk.length)
    }
  })

  test('small packets are one chunk; pending counts what was not taken', () => {
    const encoder = new Encoder()
    write(encoder, ping, publish(2), ping)
    expect(encoder.pending).toBe(2 + 7 + 2)
    expect(encoder.take().map(toHex)).toEqual(['c000' + '30050001610707' + 'c000'])
    expect([encoder.pending, encoder.take()]).toEqual([0, []])
    write(encoder, ping)
    expect(encoder.take().map(toHex)).toEqual(['c000'])
  })

  test('a payload over 4 KiB is a chunk of its own, uncopied, between what is before and after it', () => {
    const encoder = new Encoder()
    const packet = publish(4_097)
    write(encoder, ping, packet, ping)
    const chunks = encoder.take()
    expect(chunks.map((chunk) => chunk.length)).toEqual([2 + 6, 4_097, 2])
    expect(chunks[1]).toBe((packet as { payload: Uint8Array }).payload)
    write(encoder, ping, publish(4_096), ping)
    expect(encoder.take().map((chunk) => chunk.length)).toEqual([2 + 6 + 4_096 + 2])
  })

  test('what was taken is not written again', () => {
    const encoder = new Encoder()
    const other = new Encoder()
    write(encoder, publish(3, 1))
    const [first] = encoder.take()
    const before = toHex(first!)
    for (let i = 0; i < 100; i++) {
      write(i % 2 === 0 ? other : encoder, publish(1_000, i))
      other.take()
    }
    expect(toHex(first!)).toBe(before)
  })

  test.each([3, 4, 5] as const)('level %i: an invalid packet leaves bytes and state as before', (version) => {
    for (const bad of invalid) {
      const encoder = new Encoder({ protocol: new Protocol(version) })
      const expected = new Encoder({ protocol: new Protocol(version) })
      expect(failure(() => encoder.write(bad))).toMatchObject({ code: 'invalid-packet' })
      expect([encoder.pending, encoder.take(), encoder.protocol.settled]).toEqual([0, [], false])
      for (const each of [encoder, expected]) write(each, ping, publish(5_000), ping)
      const pending = encoder.pending
      expect(failure(() => encoder.write(bad))).toMatchObject({ code: 'invalid-packet' })
      expect(encoder.pending).toBe(pending)
      for (const each of [encoder, expected]) write(each, publish(3), publish(4_097))
      expect(encoder.take().map(toHex)).toEqual(expected.take().map(toHex))
      expect([encoder.protocol.version, encoder.protocol.settled]).toEqual([version, false])
    }
  })

  test('a field that throws when it is read: a typed error with the cause, bytes as before', () => {
    const encoder = new Encoder()
    write(encoder, ping)
    const bad = {
      cmd: 'publish',
      topic: 'a',
      get payload(): string {
        throw new Error('from a getter')
      },
    } as const
    let caught: unknown
    try {
      encoder.write(bad)
    } catch (error) {
      caught = error
    }
    expect(caught).toMatchObject({ code: 'invalid-packet', cause: { message: 'from a getter' } })
    write(encoder, ping)
    expect(encoder.take().map(toHex)).toEqual(['c000c000'])
  })

  test('law 4: the version follows a CONNECT that is written, and only the first', () => {
    const protocol = new Protocol(4)
    const encoder = new Encoder({ protocol })
    expect(failure(() => encoder.write({ cmd: 'auth' }))?.code).toBe('invalid-packet')
    write(encoder, { cmd: 'connect', clientId: 'a', protocolVersion: 5 }, { cmd: 'disconnect', reasonCode: 4 })
    expect(toHex(join(...encoder.take()))).toBe(toHex(wire('10 0e 0004 "MQTT" 05 02 0000 00 0001 "a" e0 01 04')))
    write(encoder, { cmd: 'connect', clientId: 'a', protocolVersion: 4 }, { cmd: 'disconnect', reasonCode: 4 })
    expect(protocol.version).toBe(5)
    const option = new Encoder({ protocol: new Protocol(5) })
    write(option, { cmd: 'connect', clientId: 'a' })
    expect(option.take()[0]?.[8]).toBe(5)
    expect(option.protocol.settled).toBe(true)
  })

  test('refuses options out of range', () => {
    for (const options of [
      { maximumPacketSize: 1 },
      { maximumPacketSize: 2.5 },
      { chunkSize: 0 },
      { chunkSize: Number.POSITIVE_INFINITY },
    ]) {
      expect(failure(() => new Encoder(options))).toMatchObject({ code: 'invalid-option' })
    }
    expect(new Encoder().chunkSize).toBe(65_536)
  })
})

describe('Encoder: sizes', () => {
  test.each([20, 127, 128, 129, 130, 131, 4_096, 4_200, 16_386, 16_387, 65_536, 70_000])(
    'limit %i: limit - 1 and limit leave, limit + 1 is refused with nothing written',
    (limit) => {
      for (const size of [limit - 1, limit, limit + 1]) {
        const length = payloadFor(size)
        if (length === undefined) continue
        const encoder = new Encoder({ maximumPacketSize: limit })
        write(encoder, ping)
        const error = failure(() => encoder.write(publish(length)))
        if (size <= limit) expect(error).toBeUndefined()
        else expect(error).toMatchObject({ code: 'invalid-packet', reasonCode: 0x95 })
        write(encoder, ping)
        const bytes = join(...encoder.take())
        expect(bytes.length).toBe(2 + (size <= limit ? size : 0) + 2)
        expect(decode(4, bytes).map(({ cmd }) => cmd)).toEqual(
          size <= limit ? ['pingreq', 'publish', 'pingreq'] : ['pingreq', 'pingreq'],
        )
      }
    },
  )

  test('the length field is right at each of its borders, with text and bytes, small and large topics', () => {
    const lengths = [0, 1, 90, 95, 99, 100, 101, 105, 110, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 130]
    for (const topic of ['a', 'x'.repeat(100), 'x'.repeat(127), 'x'.repeat(16_380), 'x'.repeat(65_535)]) {
      for (const length of [...lengths, 4_000, 4_096, 4_097, 16_300, 16_380, 16_381, 16_382, 16_384]) {
        for (const payload of ['y'.repeat(length), new Uint8Array(length).fill(121)]) {
          const encoder = new Encoder()
          write(encoder, ping, { cmd: 'publish', topic, payload }, ping)
          const packets = decode(4, join(...encoder.take()))
          expect(packets).toMatchObject([{ cmd: 'pingreq' }, { topic, length: 2 + topic.length + length }, ping])
          expect((packets[1] as { payload: Uint8Array }).payload.length).toBe(length)
        }
      }
    }
  })

  test('a packet much larger than the memory it is written in, and what follows', () => {
    const encoder = new Encoder({ maximumPacketSize: 20_000_000 })
    const unsubscriptions = Array.from({ length: 200 }, (_, i) => `${i}`.padStart(65_535, 'x'))
    write(encoder, ping, { cmd: 'unsubscribe', messageId: 1, unsubscriptions }, ping)
    const packets = decode(4, ...encoder.take())
    expect(packets.map(({ cmd }) => cmd)).toEqual(['pingreq', 'unsubscribe', 'pingreq'])
    expect((packets[1] as PacketOf<'unsubscribe'>).unsubscriptions).toEqual(unsubscriptions)
  })

  test('a remaining length over four bytes is refused, whatever the limit', () => {
    const encoder = new Encoder({ maximumPacketSize: Number.MAX_SAFE_INTEGER })
    const payload = new Uint8Array(268_435_455 - 3 + 1)
    expect(failure(() => encoder.write({ cmd: 'publish', topic: 'a', payload }))).toMatchObject({
      code: 'invalid-packet',
    })
    expect(encoder.pending).toBe(0)
    encoder.write({ cmd: 'publish', topic: 'a', payload: payload.subarray(1) })
    const [head, tail] = encoder.take()
    expect([toHex(head!), tail?.length]).toEqual(['30ffffff7f000161', 268_435_452])
  })

  test('a large packet does not keep its memory for ever', () => {
    const encoder = new Encoder()
    const filter = 'x'.repeat(65_535)
    // Once, so that the string is flat before its memory is looked at.
    encode(4, { cmd: 'unsubscribe', messageId: 1, unsubscriptions: [filter] })
    const unsubscriptions = Array.from({ length: 100 }, () => filter)
    const before = memoryInUse()
    write(encoder, { cmd: 'unsubscribe', messageId: 1, unsubscriptions })
    encoder.take()
    write(encoder, ping)
    encoder.take()
    expect(memoryInUse() - before).toBeLessThan(1_000_000)
  })
})

describe('Encoder: many of them share one memory', () => {
  test('interleaved, each keeps its own bytes in order', () => {
    const [one, two] = [new Encoder(), new Encoder()]
    write(one, publish(1, 1))
    write(two, publish(2, 2))
    write(one, publish(3, 3))
    write(two, ping)
    expect(toHex(join(...one.take()))).toBe('30040001610130060001' + '61030303')
    expect(toHex(join(...two.take()))).toBe('30050001610202c000')
  })

  test('what each gathers in pieces, packet by packet in turn, leaves as one chunk, but for large payloads', () => {
    const encoders = [new Encoder(), new Encoder(), new Encoder()]
    const sizes = [10, 20, 5_000, 30, 40, 50]
    for (const size of sizes) for (const encoder of encoders) encoder.write(publish(size))
    for (const encoder of encoders) {
      const chunks = encoder.take()
      expect(chunks.map(({ length }) => length)).toEqual([15 + 25 + 6, 5_000, 35 + 45 + 55])
      expect(toHex(join(...chunks))).toBe(toHex(encode(4, ...sizes.map((size) => publish(size)))))
    }
  })

  test('an invalid packet of one does not touch the other', () => {
    const [one, two] = [new Encoder(), new Encoder()]
    for (const bad of invalid) {
      write(one, ping)
      expect(failure(() => two.write(bad))).toBeDefined()
      expect(failure(() => one.write(bad))).toBeDefined()
      write(two, { cmd: 'pingresp' })
      expect(failure(() => one.write(bad))).toBeDefined()
      expect([toHex(join(...one.take())), toHex(join(...two.take()))]).toEqual(['c000', 'd000'])
    }
  })

  test('what one only checks leaves nothing, and the packets of another are still one chunk', () => {
    const one = new Encoder()
    const two = new Encoder({ maximumPacketSize: 200_000 })
    one.write(publish(1))
    for (const packet of [publish(1), publish(5_000), publish(150_000)]) two.check(packet)
    for (const packet of [...invalid, publish(200_000)]) {
      expect(failure(() => two.check(packet))).toMatchObject({ code: 'invalid-packet' })
    }
    one.write(publish(2))
    expect(one.take().map(toHex)).toEqual(['30040001610730050001610707'])
    expect([two.pending, two.take()]).toEqual([0, []])
  })

  test('any interleaving, across the ends of that memory, gives what each alone would', () => {
    const small = vectors().filter((vector) => vector.parseOnly !== true && vector.packet.cmd !== 'connect')
    for (let seed = 0; seed < 6; seed++) {
      const next = random(seed)
      const peers = Array.from({ length: 5 }, (_, i) => {
        const version = (3 + (i % 3)) as ProtocolVersion
        const own = small.filter((vector) => vector.version === version && vector.bytes.length < 70_000)
        return {
          version,
          own,
          encoder: new Encoder({ protocol: new Protocol(version) }),
          got: [] as Uint8Array[],
          expected: [] as Uint8Array[],
        }
      })
      for (let step = 0; step < 3_000; step++) {
        const peer = peers[next(peers.length)]!
        const action = next(20)
        if (action === 0) {
          const waiting = peer.encoder.pending
          const chunks = peer.encoder.take()
          expect(chunks.reduce((sum, chunk) => sum + chunk.length, 0)).toBe(waiting)
          peer.got.push(...chunks)
        } else if (action < 3) {
          expect(failure(() => peer.encoder.write(invalid[next(invalid.length)]!))?.code).toBe('invalid-packet')
        } else if (action < 5) {
          const packet = publish(next(12_000), step)
          peer.encoder.write(packet)
          peer.expected.push(encode(peer.version, packet))
        } else {
          const vector = peer.own[next(peer.own.length)]!
          peer.encoder.write(vector.packet)
          peer.expected.push(vector.bytes)
        }
      }
      for (const { encoder, got, expected } of peers) {
        const bytes = join(...got, ...encoder.take())
        expect(Buffer.compare(bytes, join(...expected))).toBe(0)
      }
    }
  })

  test('an encoder that is given up with bytes untaken holds nobody up', () => {
    for (let i = 0; i < 1_000; i++) new Encoder().write(publish(100))
    const encoder = new Encoder()
    write(encoder, ping)
    expect(encoder.take().map(toHex)).toEqual(['c000'])
  })

  test('a field that writes a packet while it is read is refused, and touches no encoder', () => {
    for (const field of ['payload', 'topic', 'cmd'] as const) {
      const [one, two] = [new Encoder(), new Encoder()]
      write(one, ping)
      write(two, ping)
      let nested = 0
      const packet = { cmd: 'publish', topic: 'a', payload: 'hi' } as const
      const reading = new Proxy<PacketInput>(packet, {
        get(target, key) {
          if (key === field && nested++ < 2) write(two, { cmd: 'pingresp' })
          return Reflect.get(target, key) as unknown
        },
      })
      const error = failure(() => write(one, reading))
      write(one, ping)
      write(two, ping)
      // Read before anything is written, both are; afterwards, neither is.
      const all = field === 'topic' ? '' : field === 'cmd' ? 'd000d000' : 'd000'
      expect(error?.code).toBe(field === 'cmd' ? undefined : 'invalid-packet')
      expect(toHex(join(...one.take()))).toBe(field === 'cmd' ? 'c00030050001616869c000' : 'c000c000')
      expect(toHex(join(...two.take()))).toBe(`c000${all}c000`)
    }
  })
})

/** The payload of a PUBLISH of exactly `size` bytes to a topic of one character; undefined where there is none. */
function payloadFor(size: number): number | undefined {
  for (const header of [2, 3, 4]) {
    const length = size - header
    const needed = length < 128 ? 2 : length < 16_384 ? 3 : 4
    if (needed === header) return length - 3
  }
  return undefined
}
