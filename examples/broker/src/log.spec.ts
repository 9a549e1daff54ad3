import {
  Connection,
  type Message,
  MqttError,
  type PacketInput,
  serve,
  type ServeEvent,
  type Transport,
} from '@rxmqtt/core'
import { marbles } from '@rxmqtt/core/testing'
import { memoryPair } from '@rxmqtt/transports/memory'
import { concat, EMPTY, map, NEVER, Subject, takeUntil, tap, throwError } from 'rxjs'
import type { LogLevel } from './arguments.js'
import type { Dropped } from './client.js'
import { log, problemLine } from './log.js'

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20))

/** A server in memory with one client: what is told of what the client sends, without the times. */
async function told(level: LogLevel, packets: readonly PacketInput[], handlerError?: Error): Promise<string[]> {
  const lines: string[] = []
  const transports = new Subject<Transport>()
  const stop = new Subject<void>()
  const server$ = transports.pipe(
    serve(
      (connection) =>
        handlerError === undefined
          ? connection.publish$.pipe(tap(({ messageId }) => messageId && connection.puback({ messageId })))
          : throwError(() => handlerError),
      {
        authorize: ({ username }) => [{ reasonCode: username === 'nobody' ? 0x87 : 0 }],
      },
    ),
    takeUntil(stop),
  )
  let end = 'open'
  server$.pipe(log(level, NEVER)).subscribe({
    next: ({ text, isError }) => lines.push(`${isError ? '!' : ''}${text}`),
    complete: () => (end = 'complete'),
  })
  const [near, far] = memoryPair()
  transports.next(far)
  const client = new Connection(near)
  client.packets$.subscribe()
  for (const packet of packets) {
    client.write(packet)
    await settled()
  }
  lines.push('(stop)')
  stop.next()
  await settled()
  client.end()
  await settled()
  expect(end).toBe('complete')
  const times = lines.filter((line) => line !== '(stop)').map((line) => line.replace(/^!/, '').slice(0, 13))
  for (const time of times) expect(time).toMatch(/^\d\d:\d\d:\d\d\.\d\d\d $/)
  return lines.map((line) => line.replace(/\d\d:\d\d:\d\d\.\d\d\d /, ''))
}

const connect = (fields: object = {}): PacketInput => ({
  cmd: 'connect',
  clientId: 'me',
  protocolVersion: 5,
  ...fields,
})
const publish: PacketInput = { cmd: 'publish', topic: 't', payload: 'hello', qos: 1, messageId: 7 }
const goodbye: PacketInput = { cmd: 'disconnect' }

describe('packets', () => {
  test('are told both ways, from CONNECT to DISCONNECT', async () => {
    expect(await told('packets', [connect(), publish, goodbye])).toEqual([
      '--> me                      CONNECT     "me" MQTT 5 clean keepalive=0s',
      'connected    "me" MQTT 5 by memory',
      '<-- me                      CONNACK     accepted',
      '--> me                      PUBLISH     "t" "hello" qos=1 id=7',
      '<-- me                      PUBACK      id=7',
      '--> me                      DISCONNECT',
      'disconnected "me": it said goodbye',
      '(stop)',
    ])
  })

  test('are told to the end, which comes after the server has stopped', async () => {
    expect((await told('packets', [connect()])).slice(-2)).toEqual([
      '(stop)',
      '<-- me                      DISCONNECT  0x8b ServerShuttingDown',
    ])
  })

  test('are told of who is refused', async () => {
    expect(await told('packets', [connect({ username: 'nobody' })])).toEqual([
      '--> me                      CONNECT     "me" MQTT 5 clean keepalive=0s',
      '<-- me                      CONNACK     0x87 NotAuthorized',
      'refused      "me" by memory: "me" was refused with reason 0x87',
      '(stop)',
    ])
    expect(await told('packets', [publish])).toEqual([
      'refused      by memory: the first packet from a client must be CONNECT, not PUBLISH [MQTT-3.1.0-1]',
      '(stop)',
    ])
  })

  test('have a name of one length, which cannot move the cursor', async () => {
    const [line] = await told('packets', [connect({ clientId: `\u009b2J\u202e${'x'.repeat(100)}` })])
    expect(line).toMatch(/^--> \\u009b2J\\u202exxxxxxxx~ CONNECT {5}"\\u009b2J\\u202ex+\.\.\. MQTT 5/)
  })
})

describe('events', () => {
  test('are told without packets', async () => {
    expect(await told('events', [connect({ protocolVersion: 4 }), publish, goodbye])).toEqual([
      'connected    "me" MQTT 3.1.1 by memory',
      'disconnected "me": it said goodbye',
      '(stop)',
    ])
  })

  test('tell why a client is gone', async () => {
    expect(await told('events', [connect(), connect()])).toEqual([
      'connected    "me" MQTT 5 by memory',
      expect.stringMatching(/^disconnected "me": .*CONNECT.*\[MQTT-3\.1\.0-2\]$/),
      '(stop)',
    ])
  })

  test('tell what failed here, once with the error and once with the client', async () => {
    const failing = await told('events', [connect()], new Error('no\nsuch "thing"'))
    expect(failing.slice(1)).toEqual([
      '!error        no\\nsuch "thing"',
      'disconnected "me": no\\nsuch "thing"',
      '(stop)',
    ])
    const theirs = new MqttError('protocol-error', 'their fault', { reasonCode: 0x82 })
    expect((await told('events', [connect()], theirs)).slice(1)).toEqual(['disconnected "me": their fault', '(stop)'])
  })
})

describe('quiet', () => {
  test('tells nothing but what failed here', async () => {
    expect(await told('quiet', [connect(), publish, goodbye])).toEqual(['(stop)'])
    const stored = new MqttError('store', 'the disk is full')
    expect(await told('quiet', [connect()], stored)).toEqual(['!error        the disk is full', '(stop)'])
  })
})

describe('what clients lost', () => {
  const message = (topic: string): Message => ({ topic })
  const error = new MqttError('overflow', 'it is full')
  const values: Record<string, Dropped> = {
    a: { clientId: 'a', message: message('t/1'), error },
    A: { clientId: 'a', message: message('t/2'), error },
    b: { clientId: 'b', message: message('u'), error },
  }

  test('is at most one line a second for each client', () => {
    marbles(({ hot, cold, expectObservable }) => {
      const dropped$ = hot('-aaA-b 1100ms a', values)
      const events$ = cold<ServeEvent>('- 3s |')
      const lines$ = events$.pipe(
        log('events', dropped$),
        map(({ text }) => text),
      )
      expectObservable(lines$).toBe('1001ms x---y 1100ms z 894ms |', {
        x: '00:00:01.001 dropped      "a" 3 messages, the last of "t/2": it is full',
        y: '00:00:01.005 dropped      "b" a message of "u": it is full',
        z: '00:00:02.106 dropped      "a" a message of "t/1": it is full',
      })
    })
  })

  test('is told at the end, and not at all where it is quiet', () => {
    marbles(({ hot, cold, expectObservable }) => {
      const texts = map(({ text }: { text: string }) => text)
      const dropped$ = hot('-aA-', values)
      const events$ = cold<ServeEvent>('---|')
      expectObservable(events$.pipe(log('events', dropped$), texts)).toBe('---(x|)', {
        x: '00:00:00.003 dropped      "a" 2 messages, the last of "t/2": it is full',
      })
      expectObservable(events$.pipe(log('quiet', dropped$))).toBe('---|')
    })
  })

  test('does not outlast who listens', () => {
    marbles(({ hot, cold, expectSubscriptions, expectObservable }) => {
      const dropped$ = hot('-a---', values)
      expectObservable(cold<ServeEvent>('-').pipe(log('events', dropped$)), '^--!').toBe('-')
      expectSubscriptions(dropped$.subscriptions).toBe('^--!')
      expectObservable(concat(EMPTY, cold<ServeEvent>('--#', {}, error)).pipe(log('events', NEVER))).toBe(
        '--#',
        {},
        error,
      )
    })
  })
})

test('a problem of no client is one line', () => {
  expect(problemLine(new Error('a\nb'))).toEqual({
    text: expect.stringMatching(/^[\d:.]{12} error {8}a\\nb$/) as unknown,
    isError: true,
  })
})
