import {
  Connection,
  type MqttError,
  type Packet,
  type PacketInput,
  type PacketType,
  type ProtocolVersion,
  type Role,
  type Transport,
} from '@rxmqtt/core'
import { memoryPair } from '@rxmqtt/transports/memory'
import { badObject } from './bad-objects.js'
import { Findings } from './findings.js'
import { compare, framesOf } from './independent.js'
import { turn } from './process.js'
import { type Observable, tap } from 'rxjs'
import { type Random, seeded } from './random.js'

export interface WritersOptions {
  readonly objects: number
  readonly seed: number
}

/** So many objects are given to one connection before what arrived is compared. */
const BATCH = 100

/**
 * Gives random objects to every writer. Each either leaves as a packet in which mqtt-packet reads what our own reader does,
 * or is refused by an MqttError with nothing written; the connection lives on.
 */
export async function writers({ objects, seed }: WritersOptions): Promise<Findings> {
  const findings = new Findings()
  const random = seeded(seed)
  const versions: readonly ProtocolVersion[] = [3, 4, 5]
  const roles: readonly (Role | undefined)[] = [undefined, undefined, 'client', 'server']
  const totals: Totals = { written: 0, compared: 0, exceptions: new Map() }
  for (let done = 0; done < objects; done += BATCH) {
    await batch(random, random.of(versions), random.of(roles), findings, totals)
  }
  const { written, compared, exceptions } = totals
  findings.tell('objects given to writers', objects)
  findings.tell('of which were written', written)
  findings.tell('of which mqtt-packet reads the same', compared)
  for (const [name, count] of exceptions) findings.tell(`not given to it: ${name}`, count)
  findings.require(
    compared > written * 0.9,
    () => `${compared} of ${written} packets compared with an independent reader: no test at all`,
  )
  findings.require(
    written > objects / 20 && written < objects,
    () => `${written} of ${objects} written: no test at all`,
  )
  return findings
}

interface Totals {
  written: number
  compared: number
  /** Packets of a kind that mqtt-packet does not read, by its name. */
  readonly exceptions: Map<string, number>
}

async function batch(
  random: Random,
  version: ProtocolVersion,
  role: Role | undefined,
  findings: Findings,
  totals: Totals,
): Promise<void> {
  const [near, far] = memoryPair({ highWaterMark: 1 << 30 })
  const options = { role, protocolVersion: version, maximumPacketSize: 1_048_576, maximumBuffered: 1 << 30 }
  const connection = new Connection(near, options)
  const bytes: Uint8Array[] = []
  const reader = new Connection(heard(far, bytes), { protocolVersion: version })
  const [sent, arrived]: [string[], Packet[]] = [[], []]
  const problems: string[] = []
  reader.packets$.subscribe((packet) => arrived.push(packet))
  reader.closed$.subscribe({ error: (error: Error) => problems.push(`refused by the reader: ${error.message}`) })
  connection.closed$.subscribe({ error: (error: Error) => problems.push(`closed: ${error.message}`) })
  sent.push(...(await opening(connection, reader, role, version)))
  for (let i = 0; i < BATCH; i += 1) {
    const { writer, argument } = badObject(random)
    // The last packet of a conversation ends it; that is for other tests.
    if (role !== undefined && isLast(writer, argument)) continue
    try {
      if (writer === 'write') connection.write(argument as PacketInput)
      else connection[writer](argument as never)
      sent.push(writer === 'write' ? (argument as PacketInput).cmd : writer)
    } catch (error) {
      const { code, name } = error as MqttError
      if (code !== 'invalid-packet' || name !== 'MqttError')
        problems.push(`${writer} threw ${name}: ${String((error as Error).stack)}`)
    }
  }
  // Alive: one packet more arrives.
  const last = role === 'server' ? 'pingresp' : 'pingreq'
  connection[last]()
  sent.push(last)
  for (let i = 0; i < 3; i += 1) await turn()
  const cmds = arrived.map(({ cmd }) => cmd).join()
  if (cmds !== sent.join()) problems.push(`sent ${sent.join()}; arrived ${cmds}`)
  problems.push(...compareAll(Buffer.concat(bytes), arrived, version, totals))
  for (const problem of problems) findings.violation(`version ${version}, role ${role}: ${problem}`)
  connection.destroy()
  await turn()
  totals.written += sent.length
}

/** The same transport, whose bytes are kept as well. */
function heard(transport: Transport, bytes: Uint8Array[]): Transport {
  const bytes$: Observable<Uint8Array> = transport.bytes$.pipe(tap((chunk) => bytes.push(Uint8Array.from(chunk))))
  return new Proxy(transport, {
    get: (target, name) => (name === 'bytes$' ? bytes$ : (Reflect.get(target, name, target) as unknown)),
  })
}

/** Compares each frame with the packet that we read in it; the first CONNECT settles the version for good. */
function compareAll(
  bytes: Uint8Array,
  packets: readonly Packet[],
  version: ProtocolVersion,
  totals: Totals,
): readonly string[] {
  const frames = framesOf(bytes)
  if (frames?.length !== packets.length) return [`${packets.length} packets in ${frames?.length} frames`]
  const problems: string[] = []
  let level: ProtocolVersion | undefined
  for (const [i, packet] of packets.entries()) {
    if (packet.cmd === 'connect') level ??= packet.protocolVersion
    const { exception, problem } = compare(frames[i]!, packet, level ?? version)
    if (problem !== undefined) problems.push(problem)
    else if (exception === undefined) totals.compared += 1
    else totals.exceptions.set(exception, (totals.exceptions.get(exception) ?? 0) + 1)
  }
  return problems
}

/** What has to be said before a connection with a role may say anything; the packets that `connection` sent. */
async function opening(
  connection: Connection,
  reader: Connection,
  role: Role | undefined,
  version: ProtocolVersion,
): Promise<PacketType[]> {
  const hello = { protocolVersion: version, clientId: 'c' }
  if (role === undefined) return []
  if (role === 'client') {
    connection.connect(hello)
    return ['connect']
  }
  connection.packets$.subscribe()
  reader.connect(hello)
  await turn()
  connection.connack()
  return ['connack']
}

/** After these a connection with a role ends: how, is for other tests. */
function isLast(writer: string, argument: unknown): boolean {
  if (writer !== 'write') return writer === 'disconnect'
  // Looks at what is there without running a getter.
  return Object.getOwnPropertyDescriptor(Object(argument), 'cmd')?.value === 'disconnect'
}
