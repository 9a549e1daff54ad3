import fc from 'fast-check'
import { generate, parser, type Packet as TheirPacket, writeToStream } from 'mqtt-packet'
import type { PacketInput } from '../packet/fields.js'
import type { PacketType, ProtocolVersion } from '../packet/packet.js'
import { packetOf, typesOf } from '../spec-support/arbitraries.js'
import { decode, encode } from '../spec-support/codec.js'
import { plain } from '../spec-support/plain.js'

writeToStream.cacheNumbers = false

const numRuns = 150
const seed = 20_260_101
const cases = ([3, 4, 5] as const).flatMap((version) => typesOf(version).map((cmd) => [version, cmd] as const))

/** The user properties of a packet and its will, in lists. */
function userValues(packet: PacketInput): string[][] {
  const blocks = [packet, 'will' in packet ? packet.will : undefined].map((each) =>
    each !== undefined && 'properties' in each ? each.properties?.userProperties : undefined,
  )
  return blocks.flatMap((block) => Object.values(block ?? {}).map((value): string[] => [value].flat()))
}

/** What mqtt-packet is known to get wrong with packets that are legal. */
function isBeyondThem(packet: PacketInput, direction: 'parse' | 'generate'): boolean {
  if (direction === 'parse') {
    // It loses the first of several values where that is the empty string, and refuses DUP and the shortest AUTH.
    if (userValues(packet).some((values) => values.length > 1 && values[0] === '')) return true
    if (packet.cmd === 'auth') return packet.reasonCode === 0 && packet.properties === undefined
    return (
      (packet.cmd === 'subscribe' || packet.cmd === 'unsubscribe' || packet.cmd === 'pubrel') && packet.dup === true
    )
  }
  if (packet.cmd === 'pubrel') return packet.dup === true
  if (packet.cmd !== 'connect') return false
  // It fails with DUP on PUBREL, and wants a user name with a password and a clean start without a client id.
  return (
    (packet.password !== undefined && packet.username === undefined) ||
    (packet.clientId === '' && packet.clean === false)
  )
}

function theirs(version: ProtocolVersion, bytes: Uint8Array): object {
  const instance = parser({ protocolVersion: version })
  const seen: object[] = []
  instance.on('packet', (packet) => seen.push(packet))
  instance.on('error', (error) => {
    throw error
  })
  instance.parse(Buffer.from(bytes))
  expect(seen.length).toBe(1)
  return seen[0]!
}

/** Of their packet the members that ours has, and `properties` where ours lacks it. */
function alike(their: object, our: object): unknown {
  const members = Object.entries(their).filter(([name]) => name in our || name === 'properties')
  return plain({ ...Object.fromEntries(members), ...('will' in our && 'will' in their && { will: their.will }) })
}

/** With Buffers where mqtt-packet wants them. */
function forThem(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value)
  if (Array.isArray(value)) return value.map(forThem)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, forThem(member)]))
}

function check(property: (packet: PacketInput) => void, cmd: PacketType, version: ProtocolVersion): void {
  fc.assert(fc.property(packetOf(cmd, version), property), { numRuns, seed })
}

describe(`ours equals mqtt-packet's on valid packets, seed ${seed}`, () => {
  test.each(cases)('level %i: it reads the same in what we wrote: %s', (version, cmd) => {
    let compared = 0
    check(
      (packet) => {
        if (isBeyondThem(packet, 'parse')) return
        const bytes = encode(version, packet)
        const [our] = decode(version, bytes)
        const their = theirs(version, bytes)
        expect(alike(their, our!)).toEqual(plain(our))
        compared++
      },
      cmd,
      version,
    )
    expect(compared).toBeGreaterThan(numRuns / 10)
  })

  test.each(cases)('level %i: we read the same in what it wrote: %s', (version, cmd) => {
    let compared = 0
    check(
      (packet) => {
        if (isBeyondThem(packet, 'generate')) return
        const bytes = generate(forThem(packet) as TheirPacket, { protocolVersion: version })
        expect(plain(decode(version, bytes))).toEqual([
          expect.objectContaining(plain({ ...packet, length: expect.any(Number) as unknown }) as object),
        ])
        compared++
      },
      cmd,
      version,
    )
    expect(compared).toBeGreaterThan(numRuns / 10)
  })

  test.each(cases.filter(([version, cmd]) => version < 5 || !['disconnect', 'auth'].includes(cmd)))(
    'level %i: we write the same bytes: %s',
    (version, cmd) => {
      check(
        (packet) => {
          if (isBeyondThem(packet, 'generate')) return
          // An ack with a reason and no properties: it writes their length, which can be left out.
          const isLonger = cmd.startsWith('pub') && cmd !== 'publish' && version === 5 && !('properties' in packet)
          if (isLonger) return
          const their = generate(forThem(packet) as TheirPacket, { protocolVersion: version })
          expect(plain(encode(version, packet))).toBe(plain(new Uint8Array(their)))
        },
        cmd,
        version,
      )
    },
  )
})
