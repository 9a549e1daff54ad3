import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Connection, type Packet } from '@rxmqtt/core'
import { connectTcp } from '@rxmqtt/transports/tcp'
import { ClassicLevel } from 'classic-level'
import { filter, firstValueFrom, map, of, ReplaySubject, type Subject, switchMap, tap, toArray } from 'rxjs'
import { run } from './run.js'

interface Told {
  readonly code: Promise<number>
  readonly said: string[]
  readonly complained: string[]
  readonly stop: Subject<unknown>
  /** Of the listener on TCP. */
  readonly port: Promise<number>
}

function start(...argv: string[]): Told {
  const said: string[] = []
  const complained: string[] = []
  const stop = new ReplaySubject<unknown>(1)
  const lines = new ReplaySubject<string>(10)
  const say = (line: string): void => {
    said.push(line)
    lines.next(line)
  }
  const code = run(['--port', '0', ...argv], { stop$: stop, say, complain: (line) => complained.push(line) })
  const told$ = lines.pipe(map((line) => /mqtt:\/\/127\.0\.0\.1:(\d+)$/.exec(line)))
  const port = firstValueFrom(told$.pipe(filter((match) => match !== null))).then(([, port]) => Number(port))
  port.catch(() => undefined)
  return { code, said, complained, stop, port }
}

/** A client that subscribes to filters: all that it gets until its connection is over. */
function client(port: number, topics: readonly string[], then: (packet: Packet) => void): Promise<Packet[]> {
  const heard$ = connectTcp({ host: '127.0.0.1', port }).pipe(
    switchMap((transport) => {
      const connection = new Connection(transport, { role: 'client', protocolVersion: 5 })
      connection.connect({ clientId: 'me', clean: false, properties: { sessionExpiryInterval: 60 } })
      const subscriptions = topics.map((topic) => ({ topic, qos: 1 }) as const)
      return connection.packets$.pipe(
        tap(({ cmd }) => cmd === 'connack' && connection.subscribe({ messageId: 1, subscriptions })),
        tap(then),
      )
    }),
    toArray(),
  )
  return firstValueFrom(heard$)
}

const commands = (packets: readonly Packet[]): unknown[] =>
  packets.map((packet) => ('reasonCode' in packet ? [packet.cmd, packet.reasonCode] : packet.cmd))

test('says what is wrong with the command line in one line, and its code is 2', async () => {
  const { code, said, complained } = start('--log', 'loud\u001b')
  expect([await code, said, complained]).toEqual([2, [], ['--log must be packets, events or quiet, not "loud\\u001b"']])
})

test('says what can be asked for', async () => {
  const { code, said, complained } = start('--help')
  expect([await code, complained]).toEqual([0, []])
  expect(said.join('\n')).toContain('--topic-alias-maximum N')
})

test('says that a port is in use, and its code is 1', async () => {
  const server = createServer()
  try {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const { code, complained } = start('--ws-port', String(port))
    expect([await code, complained]).toEqual([1, [`can't listen on ws://127.0.0.1:${port}/mqtt: the port is in use`]])
  } finally {
    server.close()
  }
})

test('passes its options on, and says goodbye to its clients', async () => {
  const limits = ['--receive-maximum', '3', '--topic-alias-maximum', '4', '--max-keepalive', '5']
  const { code, complained, said, stop, port } = start(...limits, '--deny-subscribe', 'secret/#')
  const packets = await client(await port, ['secret/+', 'open'], ({ cmd }) => cmd === 'suback' && stop.next(0))
  expect(commands(packets)).toEqual([['connack', 0], 'suback', ['disconnect', 0x8b]])
  const [connack, suback] = packets
  expect(connack).toMatchObject({ properties: { receiveMaximum: 3, topicAliasMaximum: 4, serverKeepAlive: 5 } })
  expect(suback).toMatchObject({ granted: [0x80, 1] })
  expect([await code, complained]).toEqual([0, []])
  expect(said.map((line) => line.replace(/^[\d:.]{12} /, '').replace(/\d+$/, 'N'))).toEqual([
    'rxmqtt broker on mqtt://127.0.0.1:N',
    'connected    "me" MQTT 5 by tcp from 127.0.0.1 port N',
    'stopping',
  ])
})

test('ends when its clients have taken their goodbye', async () => {
  const { code, stop, port } = start()
  const order: string[] = []
  const over = code.then(() => order.push('over'))
  await client(await port, ['t'], ({ cmd }) => {
    if (cmd === 'suback') stop.next(0)
    if (cmd === 'disconnect') order.push('goodbye')
  })
  await over
  expect(order).toEqual(['goodbye', 'over'])
})

test('ends where it was asked to before it was there, and is quiet about it', async () => {
  const said: string[] = []
  const argv = ['--port', '0', '--log', 'quiet']
  const say = (line: string): unknown => said.push(line)
  expect(await run(argv, { stop$: of(0), say, complain: say })).toBe(0)
  expect(said).toEqual([])
})

describe('with a store', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rxmqtt-run-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  test('knows its sessions again', async () => {
    for (const sessionPresent of [false, true]) {
      const { code, complained, stop, port } = start('--store', folder)
      const [connack] = await client(await port, ['t'], ({ cmd }) => cmd === 'suback' && stop.next(0))
      expect(connack).toMatchObject({ sessionPresent })
      expect([await code, complained]).toEqual([0, []])
    }
  })

  test('says in one line that another process has it, and its code is 1', async () => {
    const { code, stop, port } = start('--store', folder)
    await port
    const second = start('--store', folder)
    expect([await second.code, second.complained]).toEqual([
      1,
      [expect.stringMatching(/^the broker's database failed: .*lock/)],
    ])
    stop.next(0)
    expect(await code).toBe(0)
  })
  test('says in one line which record is damaged, and lets go of the store', async () => {
    const db = new ClassicLevel(folder)
    await db.put('!broker!cme', 'nonsense')
    await db.close()
    for (let i = 0; i < 2; i++) {
      const { code, complained } = start('--store', folder)
      expect([await code, complained]).toEqual([1, [expect.stringContaining('"!broker!cme" is damaged')]])
    }
  })
})
