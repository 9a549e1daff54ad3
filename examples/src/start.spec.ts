import { stripVTControlCharacters } from 'node:util'
import { createServer } from 'node:net'
import { connectTcp } from '@rxmqtt/transports/tcp'
import { connectWs } from '@rxmqtt/transports/ws'
import { concat, ignoreElements, map, merge, type Observable, Subject, take } from 'rxjs'
import { expectNoHandles, hear, host, until } from '../test/helpers.js'
import { type DemoClient, demoClient } from './demo-client.js'
import { start } from './start.js'

expectNoHandles()

const any = { tcpPort: 0, wsPort: 0 }
const packets = (lines: string[], client: string): string[] =>
  lines.filter((line) => line.slice(9, 21).trim() === client).map((line) => line.slice(28))

describe('npm start', () => {
  it('shows a packet flow on TCP and WebSocket, ends by itself and sums up', async () => {
    const { done, values } = hear(start(any))
    expect(await done).toBe('complete')
    const hall = ['20.0', '20.8', '20.9', '20.1'].map(
      (value) => `--> PUBLISH     "devices/hall/1/temperature" "${value}" qos=0`,
    )
    expect(packets(values, 'hall-1')).toEqual([
      '--> CONNECT     "hall-1" MQTT 3.1 clean keepalive=30s',
      '<-- CONNACK     accepted',
      ...hall,
      '--> DISCONNECT',
    ])
    expect(packets(values, 'hall-2').slice(2, 4)).toEqual([
      '--> PUBLISH     "devices/hall/2/temperature" "22.0" qos=1 id=1',
      '<-- PUBACK      id=1',
    ])
    expect(
      packets(values, 'lab-1')
        .slice(2, 6)
        .map((line) => line.slice(0, 11).trim()),
    ).toEqual(['--> PUBLISH', '<-- PUBREC', '--> PUBREL', '<-- PUBCOMP'])
    expect(
      packets(values, 'dashboard')
        .filter((line) => line.startsWith('<-- PUBLISH'))
        .join('\n'),
    ).toMatch(/"averages\/hall" "2\d\.\d\d" qos=1 id=\d/)
    const [clients, received, sent, time] = values.slice(-5, -1)
    expect(clients).toBe('  clients   4, 1 by ws, 3 by tcp; MQTT 3.1, MQTT 3.1.1, MQTT 5')
    const counted = (arrow: string): number => values.filter((line) => line.slice(28, 31) === arrow).length
    expect(received).toContain(`received  ${counted('-->')} packets, 12 of them messages, `)
    expect(sent).toContain(`sent      ${counted('<--')} packets, `)
    expect(time).toMatch(/^ {2}time {6}\d+\.\d s$/)
    expect(values.filter((line) => line.includes('\u001b') || line.includes('lost'))).toEqual([])
  })

  it('stays open with watch, tells how to connect, and ends with its goodbye', async () => {
    const stop$ = new Subject<void>()
    const { done, values } = hear(start({ ...any, watch: true, stop$ }))
    await until(() => values.some((line) => line.includes('Ctrl-C')), 'the invitation')
    const told = values.join('\n')
    const [, tcp] = /mosquitto_pub -h 127\.0\.0\.1 -p (\d+) /.exec(told) ?? []
    const [, ws] = /(ws:\/\/127\.0\.0\.1:\d+\/mqtt) for/.exec(told) ?? []
    const visitors = [connectTcp({ host, port: Number(tcp) }), connectWs(ws ?? '')].map((dial$, index) =>
      hear(
        demoClient(dial$, { clientId: `visitor-${index}`, protocolVersion: 5 }, (client) =>
          client.messages$.pipe(ignoreElements()),
        ),
      ),
    )
    await until(
      () => values.filter((line) => line.includes('visitor-') && line.includes('CONNACK')).length === 2,
      'two visitors',
    )
    stop$.next()
    expect(await Promise.all(visitors.map((visitor) => visitor.done))).toEqual(['complete', 'complete'])
    expect(await done).toBe('complete')
    expect(packets(values, 'visitor-0').at(-1)).toBe('<-- DISCONNECT  0x8b ServerShuttingDown')
    expect(values.join('\n')).toContain('clients   6, ')
  })

  it('is a broker with watch: it keeps retained messages, and what comes for a client that is away', async () => {
    const stop$ = new Subject<void>()
    const { done, values } = hear(start({ ...any, watch: true, stop$ }))
    await until(() => values.some((line) => line.includes('Ctrl-C')), 'the invitation')
    const [, tcp] = /-p (\d+) /.exec(values.join('\n')) ?? []
    const text = new TextDecoder()
    const visit = (clientId: string, work: Parameters<typeof demoClient<string>>[2]): Promise<string> =>
      hear(demoClient(connectTcp({ host, port: Number(tcp) }), { clientId, protocolVersion: 4, clean: false }, work))
        .done
    const say = (topic: string, retain = false): Promise<string> =>
      visit('speaker', ({ publish }) => publish({ topic, payload: topic, qos: 1, retain }))
    const heard: string[] = []
    const listen =
      (...topics: string[]) =>
      ({ connack, subscribe, messages$ }: DemoClient): Observable<never> => {
        heard.push(connack.sessionPresent ? 'again' : 'new')
        return merge(
          concat(...topics.map((topic) => subscribe(topic, 1))).pipe(ignoreElements()),
          messages$.pipe(
            take(1),
            map(({ topic, payload, retain }) => heard.push(`${topic} ${text.decode(payload)}${retain ? ' kept' : ''}`)),
          ),
        ).pipe(ignoreElements())
      }
    expect(await say('kept', true)).toBe('complete')
    expect(await visit('listener', listen('kept', 'meanwhile'))).toBe('complete')
    expect(await say('meanwhile')).toBe('complete')
    expect(await visit('listener', listen())).toBe('complete')
    expect(heard).toEqual(['new', 'kept kept kept', 'again', 'meanwhile meanwhile'])
    stop$.next()
    expect(await done).toBe('complete')
    expect(values.filter((line) => line.includes('lost'))).toEqual([])
  })

  it('ends cleanly when it is stopped in the middle', async () => {
    const stop$ = new Subject<void>()
    const { done, values } = hear(start({ ...any, stop$ }))
    await until(() => values.some((line) => line.includes('PUBACK')), 'the first answer')
    stop$.next()
    expect(await done).toBe('complete')
    expect(values.at(-2)).toMatch(/time/)
  })

  it('takes free ports where its own are taken, says so, and colours and cuts on a terminal', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => {
      other.listen(0, host, resolve)
    })
    const { port } = other.address() as { port: number }
    const { done, values } = hear(start({ tcpPort: port, wsPort: port, colour: true, columns: 60 }))
    expect(await done).toBe('complete')
    await new Promise((resolve) => {
      other.close(resolve)
    })
    expect(values.filter((line) => line.includes(`Port ${port} can't be had`))).toHaveLength(2)
    const line = values.find((each) => each.includes('CONNACK')) ?? ''
    expect(line).toContain('\u001b[')
    expect(stripVTControlCharacters(line).length).toBeLessThanOrEqual(60)
  })
})
