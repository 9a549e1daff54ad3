import { listenTcp } from '@rxmqtt/transports/tcp'
import { spawn } from 'node:child_process'
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { catchError, EMPTY, mergeMap, type Observable, Subscription, switchMap, tap } from 'rxjs'
import { Connection } from '../connection/connection.js'
import type { ProtocolVersion } from '../packet/packet.js'
import { type Compiled, compileSources } from '../spec-support/compiled.js'
import { brokenDeliveries } from '../spec-support/delivery-rules.js'
import { type End, otherEnd } from '../spec-support/session-link.js'
import type { Task } from '../spec-support/session-process.js'
import type { Transport } from '../transport.js'
import { Session } from './session.js'

/** Steps at which a process that sends is killed. */
const sending = {
  1: ['stores', 'stored', 'sends publish', 'sent publish', 'gets puback'],
  2: [
    'stores',
    'stored',
    'sends publish',
    'sent publish',
    'gets pubrec',
    'sends pubrel',
    'sent pubrel',
    'gets pubcomp',
  ],
} as const
/** And one that receives. */
const receiving = {
  1: ['gets publish', 'takes', 'sends puback', 'sent puback'],
  2: ['gets publish', 'takes', 'stored', 'sends pubrec', 'sent pubrec', 'gets pubrel', 'sends pubcomp', 'sent pubcomp'],
} as const

/** Messages that each life of the process sends or gets. */
const perLife = 3

/** Milliseconds that a life may last, on a busy machine too, and all lives of a test. */
const lifeLimit = 30_000
const testLimit = 120_000

let compiled: Compiled
let folder: string

beforeAll(async () => {
  compiled = await compileSources()
}, 60_000)
afterAll(() => compiled.remove())
beforeEach(async () => {
  all = new Subscription()
  folder = await mkdtemp(join(tmpdir(), 'rxmqtt-session-'))
})
afterEach(() => {
  all.unsubscribe()
  return rm(folder, { recursive: true })
})

let all: Subscription

/** The other end, in this process, over all lives of the one that is killed. */
function listen(end: End, version: ProtocolVersion, session: Session): Promise<number> {
  let life = 0
  const attached = (transport: Transport): Observable<never> => {
    const connection = new Connection(transport, { role: end })
    all.add(() => connection.destroy())
    const sessionPresent = life++ > 0
    const connect = { clientId: 'me', clean: !sessionPresent, protocolVersion: version }
    const connack = version === 3 ? {} : { sessionPresent }
    if (end === 'client') connection.connect(connect)
    const begun$: Observable<unknown> = end === 'client' ? connection.connack$ : connection.connect$
    return begun$.pipe(
      tap(() => end === 'server' && connection.connack(connack)),
      switchMap(() => session.attach(connection, { connect, connack })),
      catchError(() => EMPTY),
    )
  }
  return new Promise((resolve) => {
    const listening = { next: (address: AddressInfo | string) => resolve((address as AddressInfo).port) }
    all.add(listenTcp({ host: '127.0.0.1', port: 0, listening }).pipe(mergeMap(attached)).subscribe())
  })
}

/** Runs a process until it kills itself at its step, or, without one, says that it is done and the other end is, too. */
function live(task: Task, isOver = (): boolean => true): Promise<'killed' | 'done'> {
  const args = [compiled.file('core/spec-support/session-process.ts'), JSON.stringify(task)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  return new Promise((resolve, reject) => {
    let said = ''
    let watch: NodeJS.Timeout | undefined
    let isLate = false
    const late = setTimeout(() => {
      isLate = true
      child.kill('SIGTERM')
    }, lifeLimit)
    child.stdout.on('data', (data: Buffer) => {
      said += String(data)
      if (said.includes('done')) watch ??= setInterval(() => isOver() && child.kill('SIGKILL'), 2)
    })
    child.once('error', reject)
    child.once('close', (code, signal) => {
      clearTimeout(late)
      clearInterval(watch)
      if (signal === 'SIGKILL') return resolve(said.includes('done') ? 'done' : 'killed')
      const aim = task.kill === undefined ? 'done' : `at '${task.kill.step}'`
      const how = isLate ? `was not ${aim} within ${lifeLimit} ms` : `ended with ${String(signal ?? code)}, not ${aim},`
      reject(new Error(`it ${how} and said '${said}'`))
    })
  })
}

/** At the second of a kind, or at the first where one may stand for all. */
function killAt(step: string | undefined): Task['kill'] {
  if (step === undefined) return undefined
  return { step, after: /^(stor|sent)/.test(step) ? 0 : 1 }
}

/**
 * What a consumer took over all lives, and which messages of QoS 2 it took in a life that ended before the store had noted it:
 * nobody can tell that they were taken, so that they come again.
 */
function readLog(log: string): { readonly taken: readonly number[]; readonly torn: ReadonlySet<number> } {
  const taken: number[] = []
  const torn = new Set<number>()
  let open = new Map<string, number>()
  for (const line of log.split('\n')) {
    const [what, first, second] = line.split(' ')
    if (what === 'took') {
      taken.push(Number(first))
      open.set(second!, Number(first))
    } else if (what === 'noted') {
      open.delete(first!)
    } else {
      for (const number of open.values()) torn.add(number)
      open = new Map()
    }
  }
  return { taken, torn }
}

const range = (count: number, from: number): number[] => Array.from({ length: count }, (_, i) => from + i)

describe.each([
  ['client', 5],
  ['server', 4],
] as const)('a %s of MQTT level %i that is killed by SIGKILL', (end, version) => {
  it.each([1, 2] as const)(
    'at each step of sending QoS %i keeps its promises',
    async (qos) => {
      const got: number[] = []
      const log = join(folder, 'log')
      const session = new Session()
      session.messages$.subscribe(({ packet }) => got.push(Number(new TextDecoder().decode(packet.payload))))
      const port = await listen(otherEnd(end), version, session)
      const expected: number[] = []
      let number = 0
      for (const step of [...sending[qos], undefined]) {
        const publish = range(perLife, number)
        number += perLife
        // What was not stored when it was killed is gone with the process, and nobody was told that it arrived.
        if (step !== 'stores') expected.push(...publish)
        const kill = killAt(step)
        const task = {
          port,
          end,
          version,
          folder: join(folder, 'db'),
          log,
          publish,
          qos,
          kill,
          sessionPresent: number > perLife,
        }
        expect([step, await live(task)]).toEqual([step, kill === undefined ? 'done' : 'killed'])
      }
      expect(brokenDeliveries(got, expected, () => qos)).toEqual([])
      expect([...new Set(got)]).toEqual(expected)
    },
    testLimit,
  )

  it.each([1, 2] as const)(
    'at each step of receiving QoS %i keeps its promises',
    async (qos) => {
      const session = new Session()
      const port = await listen(otherEnd(end), version, session)
      const log = join(folder, 'log')
      await writeFile(log, '')
      let number = 0
      let sent = 0
      for (const step of [...receiving[qos], undefined]) {
        for (const each of range(perLife, number)) {
          session.publish({ topic: 't', payload: String(each), qos }).subscribe(() => sent++)
        }
        number += perLife
        const kill = killAt(step)
        const task = { port, end, version, folder: join(folder, 'db'), log, publish: [], qos, kill }
        const last = number - 1
        await appendFile(log, 'life\n')
        const ended = await live({ ...task, last, sessionPresent: number > perLife }, () => sent === number)
        expect([step, ended]).toEqual([step, kill === undefined ? 'done' : 'killed'])
      }
      const { taken, torn } = readLog(await readFile(log, 'utf8'))
      const isFirst = (each: number, i: number): boolean => !torn.has(each) || taken.indexOf(each) === i
      expect(brokenDeliveries(taken.filter(isFirst), range(number, 0), () => qos)).toEqual([])
      expect(sent).toBe(number)
    },
    testLimit,
  )
})
