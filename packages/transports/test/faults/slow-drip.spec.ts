import { Decoder, type PublishPacket } from '@rxmqtt/core'
import { memoryPair } from '@rxmqtt/transports/memory'
import { pattern, until } from '../helpers.js'
import { connect, paired, tcp } from '../links.js'
import { encode, expectAllClosed, joined, memoryInUse, turn, watch } from './support.js'

expectAllClosed()

/** Bytes copied by the work, whoever copies them, and the memory that it held at the most. */
function copied(work: () => void): number {
  let bytes = 0
  const { set, slice } = Uint8Array.prototype
  const { concat } = Buffer
  Uint8Array.prototype.set = function (source: ArrayLike<number>, offset?: number) {
    bytes += source.length
    set.call(this, source, offset)
  }
  Uint8Array.prototype.slice = function (start?: number, end?: number) {
    const part = slice.call(this, start, end)
    bytes += part.length
    return part
  }
  Buffer.concat = (list, length) => {
    const joint = concat(list, length)
    bytes += joint.length
    return joint
  }
  try {
    work()
  } finally {
    Object.assign(Uint8Array.prototype, { set, slice })
    Buffer.concat = concat
  }
  return bytes
}

const publish = (size: number): Buffer => encode(4, { cmd: 'publish', topic: 't', payload: pattern(size) })

/** Lets a decoder read the bytes, cut in chunks of `size`, and gives the packets. */
function drip(bytes: Buffer, size: number): PublishPacket[] {
  const decoder = new Decoder({ maximumPacketSize: bytes.length })
  const packets: PublishPacket[] = []
  for (let at = 0; at < bytes.length; at += size) {
    decoder.push(bytes.subarray(at, at + size))
    const packet = decoder.read()
    if (packet !== undefined) packets.push(packet as PublishPacket)
  }
  return packets
}

describe('a big packet that comes in small pieces', () => {
  test.each([1, 2, 7, 1_460])(
    '256 KiB in pieces of %i bytes are copied at most twice, and the cost is linear',
    (size) => {
      const [small, big] = [publish(65_536), publish(262_144)]
      let packets: PublishPacket[] = []
      const costOfSmall = copied(() => drip(small, size))
      const costOfBig = copied(() => (packets = drip(big, size)))
      expect(packets.map(({ payload }) => Buffer.compare(payload, pattern(262_144)))).toEqual([0])
      expect(costOfBig).toBeGreaterThanOrEqual(big.length)
      expect(costOfBig).toBeLessThanOrEqual(2.01 * big.length)
      expect(costOfBig / costOfSmall).toBeLessThan(4.1)
    },
  )

  test('64 MiB in pieces of 1,460 bytes are copied at most twice', () => {
    const bytes = publish(67_108_864)
    let packets: PublishPacket[] = []
    const cost = copied(() => (packets = drip(bytes, 1_460)))
    expect(packets.map(({ payload }) => payload.length)).toEqual([67_108_864])
    expect(Buffer.compare(packets[0]!.payload, bytes.subarray(-67_108_864))).toBe(0)
    expect(cost).toBeLessThanOrEqual(2.01 * bytes.length)
  })

  test('256 KiB in single bytes hold less than three times the limit until the last byte is there', () => {
    const bytes = publish(262_144)
    const decoder = new Decoder({ maximumPacketSize: bytes.length })
    const before = memoryInUse()
    for (let at = 0; at < bytes.length - 1; at += 1) {
      decoder.push(bytes.subarray(at, at + 1))
      decoder.read()
    }
    const held = memoryInUse() - before
    expect(decoder.buffered).toBe(bytes.length - 1)
    expect(held).toBeLessThan(3 * bytes.length)
  })

  test('a header that comes byte by byte is never copied over and over', () => {
    const decoder = new Decoder()
    const cost = copied(() => {
      for (let i = 0; i < 1_000; i += 1) {
        for (const byte of [0xd0, 0x00]) {
          decoder.push(Uint8Array.of(byte))
          decoder.read()
        }
      }
    })
    expect(cost).toBeLessThan(10_000)
  })

  test('reaches the subscriber of a connection whole', async () => {
    const { client, server } = joined(paired(...memoryPair({ chunkSize: 1 })))
    const { packets } = watch(server)
    client.publish({ topic: 't', payload: pattern(262_144) })
    await until(() => packets.length === 1, 'the packet', 15_000)
    expect(Buffer.compare((packets[0] as PublishPacket).payload, pattern(262_144))).toBe(0)
  })

  test('reaches it over TCP too, in segments of one byte, while others are served', async () => {
    const slow = await connect(tcp)
    const quick = joined(await connect(tcp))
    const { server } = joined(slow)
    const [atSlow, atQuick] = [watch(server), watch(quick.server)]
    const bytes = publish(16_384)
    for (let at = 0; at < bytes.length; at += 1) {
      slow.client.sink.next(bytes.subarray(at, at + 1))
      if (at % 1_000 === 0) quick.client.publish({ topic: 't', payload: String(at) })
      await turn()
    }
    await until(() => atSlow.packets.length === 1, 'the packet')
    await until(() => atQuick.packets.length === Math.ceil(bytes.length / 1_000), 'those of the other')
    expect(Buffer.compare((atSlow.packets[0] as PublishPacket).payload, pattern(16_384))).toBe(0)
  })
})
