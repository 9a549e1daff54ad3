import {
  Connection,
  type MqttError,
  type PacketInput,
  type PacketType,
  type ProtocolVersion,
  type Role,
} from '@rxmqtt/core'
import { memoryPair } from '@rxmqtt/transports/memory'
import { badObject } from './bad-objects.js'
import { Findings } from './findings.js'
import { turn } from './process.js'
import { type Random, seeded } from './random.js'

export interface WritersOptions {
  readonly objects: number
  readonly seed: number
}

/** So many objects are given to one connection before what arrived is compared. */
const BATCH = 100

/**
 * Gives random objects to every writer. Each either leaves as a packet that an independent reader accepts, or is refused
 * by an MqttError with nothing written; the connection lives on.
 */
export async function writers({ objects, seed }: WritersOptions): Promise<Findings> {
  const findings = new Findings()
  const random = seeded(seed)
  const versions: readonly ProtocolVersion[] = [3, 4, 5]
  const roles: readonly (Role | undefined)[] = [undefined, undefined, 'client', 'server']
  let written = 0
  for (let done = 0; done < objects; done += BATCH) {
    written += await batch(random, random.of(versions), random.of(roles), findings)
  }
  findings.tell('objects given to writers', objects)
  findings.tell('of which were written', written)
  findings.require(
    written > objects / 20 && written < objects,
    () => `${written} of ${objects} written: no test at all`,
  )
  return findings
}

async function batch(
  random: Random,
  version: ProtocolVersion,
  role: Role | undefined,
  findings: Findings,
): Promise<number> {
  const [near, far] = memoryPair({ highWaterMark: 1 << 30 })
  const options = { role, protocolVersion: version, maximumPacketSize: 1_048_576, maximumBuffered: 1 << 30 }
  const connection = new Connection(near, options)
  const reader = new Connection(far, { protocolVersion: version })
  const [sent, arrived]: [string[], string[]] = [[], []]
  const problems: string[] = []
  reader.packets$.subscribe(({ cmd }) => arrived.push(cmd))
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
  if (arrived.join() !== sent.join()) problems.push(`sent ${sent.join()}; arrived ${arrived.join()}`)
  for (const problem of problems) findings.violation(`version ${version}, role ${role}: ${problem}`)
  connection.destroy()
  await turn()
  return sent.length
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
