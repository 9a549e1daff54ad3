import { connectTcp } from '@rxmqtt/transports/tcp'
import { appendFileSync, readFileSync } from 'node:fs'
import { type Observable, switchMap } from 'rxjs'
import { Connection } from '../connection/connection.js'
import { levelSessionStore } from '../level/level-session-store.js'
import type { ProtocolVersion, QoS } from '../packet/packet.js'
import { Session } from '../session/session.js'
import type { SessionStore } from '../session/session-store.js'
import type { Transport } from '../transport.js'

/** What a process with a session has to do. */
export interface Task {
  readonly port: number
  readonly end: 'client' | 'server'
  readonly version: ProtocolVersion
  /** Of the database. */
  readonly folder: string
  /** Gets a line for each message that the consumer takes, and for each that the store has noted as received. */
  readonly log: string
  readonly publish: readonly number[]
  readonly qos: QoS
  /**
   * The step at which it kills itself, and how often it is let by: it ends by nothing else, and is never done. Without it, it
   * goes on until everything is done.
   */
  readonly kill?: { readonly step: string; readonly after: number } | undefined
  /** The last message that comes to it. */
  readonly last?: number | undefined
  readonly sessionPresent: boolean
}

const task = JSON.parse(process.argv[2]!) as Task
const { version, end, publish, qos, sessionPresent } = task
let left = task.kill?.after ?? 0

/** SIGKILL, in the middle of whatever runs. */
function step(name: string): void {
  if (name === task.kill?.step && left-- === 0) process.kill(process.pid, 'SIGKILL')
}

function say(line: string): void {
  appendFileSync(task.log, `${line}\n`)
}

const disk = levelSessionStore(task.folder, { sync: false })
const store: SessionStore = {
  load: (id) => disk.load(id),
  clear: (id) => disk.clear(id),
  async write(id, changes) {
    step('stores')
    await disk.write(id, changes)
    for (const change of changes) if (change.kind === 'received') say(`noted ${change.messageId}`)
    step('stored')
  },
}
const session = new Session({ store })

session.messages$.subscribe(({ packet }) => {
  say(`took ${new TextDecoder().decode(packet.payload)} ${packet.messageId}`)
  step('takes')
})

let leaving = ''

/** A transport, and a step after each chunk that was given to it. */
function watched(transport: Transport): Transport {
  const { bytes$, closed$, writable$, info, sink } = transport
  const next = (chunk: Uint8Array): void => {
    sink.next(chunk)
    step(`sent ${leaving}`)
  }
  return {
    bytes$,
    closed$,
    writable$,
    info,
    sink: { next, error: (error: unknown) => sink.error(error), complete: () => sink.complete() },
    get writable() {
      return transport.writable
    },
    get buffered() {
      return transport.buffered
    },
  }
}

function connected(transport: Transport): Connection {
  const connection = new Connection(watched(transport), { role: end })
  connection.received$.subscribe(({ cmd }) => step(`gets ${cmd}`))
  connection.sent$.subscribe(({ cmd }) => {
    leaving = cmd
    step(`sends ${cmd}`)
  })
  return connection
}

function attached(connection: Connection): Observable<never> {
  const connect = { clientId: 'me', clean: !sessionPresent, protocolVersion: version }
  const connack = version === 3 ? {} : { sessionPresent }
  if (end === 'server') {
    return connection.connect$.pipe(
      switchMap(() => {
        connection.connack(connack)
        return session.attach(connection, { connect, connack })
      }),
    )
  }
  connection.connect(connect)
  return connection.connack$.pipe(switchMap(() => session.attach(connection, { connect, connack })))
}

let sent = 0
for (const number of publish) {
  session.publish({ topic: 't', payload: String(number), qos }).subscribe(() => sent++)
}

connectTcp({ host: '127.0.0.1', port: task.port })
  .pipe(switchMap((transport) => attached(connected(transport))))
  .subscribe({ error: (error: unknown) => console.log(`over: ${String(error)}`) })

/** Whether everything was sent and taken, and nothing is left in the database. */
async function isDone(): Promise<boolean> {
  const { outgoing, received } = await disk.load('me')
  const isTaken = task.last === undefined || readFileSync(task.log, 'utf8').includes(`took ${task.last} `)
  return sent === publish.length && isTaken && outgoing.length + received.length === 0
}

// The database is empty while its first write is on its way, too: a life that is killed later than that would seem done.
if (task.kill === undefined) {
  while (!(await isDone())) await new Promise((resolve) => setTimeout(resolve, 5))
  console.log('done')
}
