import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import type * as Core from '@rxmqtt/core'
import { mutations, packetOf, typesOf } from '../packages/core/src/spec-support/arbitraries.js'
import { plain } from '../packages/core/src/spec-support/plain.js'
import { bundle } from './bundle.js'

type Build = Pick<typeof Core, 'Decoder' | 'Encoder' | 'Protocol'>

const total = 40_000
const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31)
const cases = ([3, 4, 5] as const).flatMap((version) => typesOf(version).map((cmd) => [version, cmd] as const))
const numRuns = Math.ceil(total / cases.length)

let folder: string
let forNode: Build
let forBrowsers: Build
let compared = 0

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rxmqtt-equality-'))
  const { text } = await bundle(`export { Decoder, Encoder, Protocol } from '@rxmqtt/core'`)
  await writeFile(join(folder, 'core.mjs'), text)
  forBrowsers = (await import(join(folder, 'core.mjs'))) as Build
  forNode = (await import(fileURLToPath(new URL('../packages/core/dist/esm/index.js', import.meta.url)))) as Build
})
afterAll(() => rm(folder, { recursive: true }))

/** What became of something: its value, or what its error says. */
function outcome(run: () => unknown): unknown {
  try {
    return plain(run())
  } catch (error) {
    const { code, reasonCode, returnCode, message } = error as Core.MqttError
    return { code, reasonCode, returnCode, message }
  }
}

function encode({ Encoder, Protocol }: Build, version: Core.ProtocolVersion, packet: Core.PacketInput): Uint8Array {
  const encoder = new Encoder({ protocol: new Protocol(version) })
  encoder.write(packet)
  return Buffer.concat(encoder.take())
}

/** The packets of some bytes, which may be cut off. */
function decode({ Decoder, Protocol }: Build, version: Core.ProtocolVersion, bytes: Uint8Array): Core.Packet[] {
  const decoder = new Decoder({ protocol: new Protocol(version) })
  decoder.push(Uint8Array.from(bytes))
  const packets: Core.Packet[] = []
  for (let packet = decoder.read(); packet !== undefined; packet = decoder.read()) packets.push(packet)
  return packets
}

function expectSame(what: (build: Build) => unknown): void {
  const [theirs, ours] = [outcome(() => what(forNode)), outcome(() => what(forBrowsers))]
  // The matcher is slow; it only shows what is different.
  if (!isDeepStrictEqual(theirs, ours)) expect(ours).toEqual(theirs)
}

describe(`the build for browsers equals that for Node, seed ${seed}`, () => {
  test('they are two builds', () => {
    expect(forBrowsers.Decoder).not.toBe(forNode.Decoder)
  })

  test.each(cases)('level %i: %s', (version, cmd) => {
    fc.assert(
      fc.property(packetOf(cmd, version), mutations, (packet, mutate) => {
        expectSame((build) => encode(build, version, packet))
        const bytes = encode(forNode, version, packet)
        expectSame((build) => decode(build, version, bytes))
        const broken = mutate(bytes)
        expectSame((build) => decode(build, version, broken))
        compared += 1
      }),
      { numRuns, seed },
    )
  })

  test(`that were ${total} packets`, () => {
    expect(compared).toBeGreaterThanOrEqual(total)
  })
})
