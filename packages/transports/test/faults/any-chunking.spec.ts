import { Connection, type Packet, type ProtocolVersion } from '@rxmqtt/core'
import { type Vector, vectors } from '@rxmqtt/core/testing'
import { until } from '../helpers.js'
import { connect, tcp, tls, ws } from '../links.js'
import { closeLater, expectAllClosed, turn, watch } from './support.js'

expectAllClosed()

/** Longer ones are cut byte by byte where their parts are told apart, and then in pieces of the network's size. */
const FINE = 64
const PIECE = 1_460

function pieces(bytes: Uint8Array): Uint8Array[] {
  const cut: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const size = at < FINE || at >= bytes.length - FINE ? 1 : Math.min(PIECE, bytes.length - FINE - at)
    cut.push(bytes.slice(at, at + size))
    at += size
  }
  return cut
}

/** A packet in few words: its fields, with long texts by length and ends, and bytes with their class. */
function brief(packet: Packet): string {
  return JSON.stringify(withText(packet), (_, value: unknown) => {
    return typeof value === 'string' ? short(value) : value
  })
}

/** The same with bytes as text; before JSON.stringify, which has a word of its own for a Buffer. */
function withText(value: unknown): unknown {
  if (value instanceof Uint8Array) return `${value.constructor.name}: ${Buffer.from(value).toString('latin1')}`
  if (Array.isArray(value)) return value.map(withText)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withText(each)]))
}

function short(text: string): string {
  return text.length < 200 ? text : `${text.slice(0, 50)}…${text.slice(-50)} (${text.length})`
}

const byVersion = ([3, 4, 5] as const).map((version) => ({
  version,
  // A connection has one version: the CONNECT of another would change it.
  all: vectors(version).filter((vector) => vector.bytes.length < 300_000),
}))

/** Sends the bytes over the link, and gives the packets that a connection at its other end hands over. */
async function through(
  link: typeof tcp,
  version: ProtocolVersion,
  all: readonly Vector[],
  cut: boolean,
): Promise<string[]> {
  const pair = await connect(link)
  closeLater(() => pair.close())
  const connection = new Connection(pair.server, { protocolVersion: version })
  const { packets, ends } = watch(connection)
  for (const { bytes } of all) {
    if (!cut) {
      pair.client.sink.next(bytes.slice())
      continue
    }
    for (const piece of pieces(bytes)) {
      pair.client.sink.next(piece)
      await turn()
    }
  }
  await until(() => packets.length >= all.length || ends.length > 0, 'all packets', 20_000)
  expect(ends).toEqual([])
  return packets.map(brief)
}

describe.each([tcp, tls, ws])('over $kind, bytes one by one and all at once give the same packets', (link) => {
  test.each(byVersion)(
    'every wire vector of version $version',
    async ({ version, all }) => {
      expect(all.length).toBeGreaterThan(80)
      const whole = await through(link, version, all, false)
      const cut = await through(link, version, all, true)
      expect(whole.length).toBe(all.length)
      expect(cut).toEqual(whole)
      expect(whole.filter((packet) => packet.includes('Buffer: '))).toEqual([])
    },
    60_000,
  )
})
