import type { AddressInfo } from 'node:net'
import type { Connection, MqttError, ProtocolVersion, QoS, ServeEvent, Transport } from '@rxmqtt/core'
import { type Broker, openBroker } from '@rxmqtt/example-broker'
import { connectTcp, listenTcp } from '@rxmqtt/transports/tcp'
import { connectWs, listenWs } from '@rxmqtt/transports/ws'
import {
  catchError,
  combineLatest,
  concat,
  concatMap,
  defer,
  EMPTY,
  finalize,
  from,
  fromEvent,
  ignoreElements,
  interval,
  map,
  merge,
  mergeMap,
  NEVER,
  type Observable,
  of,
  ReplaySubject,
  Subject,
  switchMap,
  take,
  takeUntil,
  tap,
  throwError,
  timer,
} from 'rxjs'
import { demoClient } from './demo-client.js'
import { quoted } from './describe.js'
import { isMain } from './main.js'
import { averages, readings } from './pipeline.js'
import { heading, lineMaker, type Paint, painter, Tally } from './terminal.js'
import { type Seen, wiretap } from './wiretap.js'

export interface StartOptions {
  /** Ports to try first; where one is taken, a free one is used instead. @default 1883 and 8080 */
  readonly tcpPort?: number | undefined
  readonly wsPort?: number | undefined
  /** Stay open after the demonstration, until `stop$`. @default false */
  readonly watch?: boolean | undefined
  /** @default never */
  readonly stop$?: Observable<unknown> | undefined
  /** @default false */
  readonly colour?: boolean | undefined
  /** Characters to which packets are cut, so that each stays on its line. @default not cut */
  readonly columns?: number | undefined
}

interface Ports {
  readonly tcp: number
  readonly ws: number
}

const host = '127.0.0.1'
const windowLength = 300
const sensors: readonly { id: string; topic: string; version: ProtocolVersion; qos: QoS; around: number }[] = [
  { id: 'hall-1', topic: 'devices/hall/1/temperature', version: 3, qos: 0, around: 20 },
  { id: 'hall-2', topic: 'devices/hall/2/temperature', version: 4, qos: 1, around: 22 },
  { id: 'lab-1', topic: 'devices/lab/1/temperature', version: 5, qos: 2, around: 18 },
]

/** A broker and its clients in one process, told line by line; completes when everything is closed. */
export function start(options: StartOptions = {}): Observable<string> {
  return defer(() => openBroker()).pipe(
    switchMap((broker) => demonstration(broker, options).pipe(finalize(() => void broker.close()))),
  )
}

function demonstration(broker: Broker, options: StartOptions): Observable<string> {
  return defer(() => {
    const { tcpPort = 1883, wsPort = 8080, watch = false, stop$ = NEVER } = options
    const { columns = Number.POSITIVE_INFINITY } = options
    const paint = painter(options.colour ?? false)
    const started = performance.now()
    const tally = new Tally(started)
    const bound = { tcp: new ReplaySubject<number>(1), ws: new ReplaySubject<number>(1) }
    const done = new Subject<void>()
    const over$ = merge(stop$, done).pipe(take(1))

    const transports$ = merge(
      freePort(tcpPort, (port) => listenTcp({ host, port, listening: portTo(bound.tcp) })),
      freePort(wsPort, (port) => listenWs({ host, port, path: '/mqtt', listening: portTo(bound.ws) })),
    )
    const events$ = transports$.pipe(broker.serve(), takeUntil(over$))
    const traffic$ = events$.pipe(
      mergeMap((event) => lines(event, tally, (connection) => lineMaker(connection, { started, columns, paint }))),
    )
    const averages$ = broker.messages$.pipe(
      readings(),
      averages(windowLength),
      tap(({ room, mean }) => broker.publish({ topic: `averages/${room}`, payload: mean.toFixed(2), qos: 1 })),
      ignoreElements(),
      takeUntil(over$),
    )
    const demonstration$ = combineLatest([bound.tcp, bound.ws]).pipe(
      take(1),
      switchMap(([tcp, ws]) =>
        concat(
          from(welcome({ tcp, ws }, { tcp: tcpPort, ws: wsPort }, paint)),
          clients({ tcp, ws }),
          watch ? from(howTo({ tcp, ws }, paint)) : EMPTY,
        ),
      ),
      finalize(() => {
        if (!watch) done.next()
      }),
      takeUntil(over$),
    )
    return concat(
      merge(traffic$, averages$, demonstration$),
      defer(() => from(['', ...tally.lines().map((line) => `  ${line}`), ''])),
    )
  })
}

/** Listens on the port, or on a free one where it is taken. */
function freePort(port: number, listen: (port: number) => Observable<Transport>): Observable<Transport> {
  return listen(port).pipe(
    catchError((error: Error) => {
      const { code } = ((error as MqttError).cause ?? {}) as { code?: string }
      return code === 'EADDRINUSE' || code === 'EACCES' ? listen(0) : throwError(() => error)
    }),
  )
}

function portTo(port: ReplaySubject<number>): { next(address: AddressInfo | string): void } {
  return { next: (address) => port.next((address as AddressInfo).port) }
}

/** A connection is told until its end: of its goodbye too, after the events are over. */
function lines(
  event: ServeEvent,
  tally: Tally,
  makerOf: (connection: Connection) => (seen: Seen) => string,
): Observable<string> {
  if (event.type === 'opened') {
    const { connection, connect } = event
    // CONNECT went by before.
    return concat(of({ way: 'in' as const, packet: connect }), wiretap(connection)).pipe(
      tap((seen) => tally.add(connection, seen)),
      map(makerOf(connection)),
    )
  }
  // What failed is told again when it is closed.
  if (event.type === 'failed' || event.error === undefined) return EMPTY
  const fate = event.type === 'refused' ? 'refused' : 'lost'
  return of(`         a client was ${fate}: ${quoted((event.error as Error).message)}`)
}

/** Three sensors that publish, and a dashboard that watches the averages until they are done. */
function clients({ tcp, ws }: Ports): Observable<never> {
  return defer(() => {
    const measured = new Subject<void>()
    const dashboard$ = demoClient(
      connectWs(`ws://${host}:${ws}/mqtt`),
      { clientId: 'dashboard', protocolVersion: 5, keepalive: 30 },
      ({ subscribe, messages$ }) =>
        merge(subscribe('averages/#', 1), messages$).pipe(
          takeUntil(measured.pipe(switchMap(() => timer(windowLength + 200)))),
        ),
    )
    const sensors$ = merge(
      ...sensors.map(({ id, topic, version, qos, around }, index) =>
        demoClient(
          timer(60 + index * 20).pipe(switchMap(() => connectTcp({ host, port: tcp }))),
          { clientId: id, protocolVersion: version, keepalive: 30 },
          ({ publish }) =>
            interval(150).pipe(
              take(4),
              concatMap((n) => publish({ topic, qos, payload: (around + Math.sin(n)).toFixed(1) })),
            ),
        ),
      ),
    ).pipe(finalize(() => measured.next()))
    return merge(dashboard$, sensors$).pipe(ignoreElements())
  })
}

function welcome(ports: Ports, asked: Ports, paint: Paint): string[] {
  const taken = [ports.tcp === asked.tcp ? [] : [asked.tcp], ports.ws === asked.ws ? [] : [asked.ws]].flat()
  const note = taken
    .filter((port) => port !== 0)
    .map((port) => `  Port ${port} can't be had here, so a free one is used.`)
  return [
    '',
    `  ${paint('bold', 'rxmqtt')}: a broker, three sensors and a dashboard in one process`,
    '',
    `  broker on mqtt://${host}:${ports.tcp} and ws://${host}:${ports.ws}/mqtt`,
    ...note,
    '',
    paint('dim', heading),
  ]
}

function howTo(ports: Ports, paint: Paint): string[] {
  return [
    '',
    `  ${paint('bold', 'Now you.')} The broker stays open until Ctrl-C, for any MQTT client:`,
    '',
    `    mosquitto_sub -h ${host} -p ${ports.tcp} -v -t 'averages/#'`,
    `    mosquitto_pub -h ${host} -p ${ports.tcp} -t devices/hall/me/temperature -m 21.5`,
    `    ws://${host}:${ports.ws}/mqtt for clients that speak WebSocket`,
    '',
    '  Retained messages and the sessions of clients that are away are kept as long as it runs.',
    '',
  ]
}

if (isMain(import.meta.url)) {
  start({
    watch: process.argv.includes('--watch'),
    stop$: merge(fromEvent(process, 'SIGINT'), fromEvent(process, 'SIGTERM')).pipe(take(1)),
    colour: process.stdout.isTTY && process.stdout.hasColors(),
    columns: process.stdout.isTTY ? process.stdout.columns : undefined,
  }).subscribe({
    next: (line) => console.log(line),
    error: (error: Error) => {
      console.error(error.message)
      process.exitCode = 1
    },
  })
}
