import { type Connection, MqttError, type Packet, type ServeEvent } from '@rxmqtt/core'
import {
  asyncScheduler,
  concat,
  connect,
  EMPTY,
  endWith,
  groupBy,
  ignoreElements,
  map,
  merge,
  mergeMap,
  type Observable,
  of,
  type OperatorFunction,
  reduce,
  takeUntil,
  timer,
} from 'rxjs'
import type { LogLevel } from './arguments.js'
import type { Dropped } from './client.js'
import { describe, oneLine, quoted, versionName } from './describe.js'

/** A line of the log. */
export interface Line {
  readonly text: string
  /** Something failed here, rather than at a client or on the way. */
  readonly isError: boolean
}

/** Milliseconds in which what a client lost is one line. */
const droppedTime = 1_000
/** Characters of a client identifier beside its packets, as many as MQTT 3.1 allows. */
const nameLength = 23
/** Errors of the broker's own; others are a peer's, or the network's. */
const own: readonly unknown[] = ['store', 'invalid-packet', 'invalid-option']

/**
 * What becomes of clients, in lines; with `'packets'` each packet too, until its connection is over, even when the events are;
 * with `'quiet'` nothing but errors.
 *
 * @param dropped$ - told at most once a second for each client, with how many they were
 */
export function log(level: LogLevel, dropped$: Observable<Dropped>): OperatorFunction<ServeEvent, Line> {
  return connect((events$) => {
    const lines$ = events$.pipe(mergeMap((event) => linesOf(event, level)))
    const lost$ = dropped$.pipe(takeUntil(events$.pipe(ignoreElements(), endWith('over'))))
    return level === 'quiet' ? lines$ : merge(lines$, droppedLines(lost$))
  })
}

/** An error of the broker's own. */
export function problemLine(error: unknown): Line {
  return { ...line('error', messageOf(error)), isError: true }
}

function linesOf(event: ServeEvent, level: LogLevel): Observable<Line> {
  // What clients did wrong is told when they are gone.
  if (event.type === 'failed') return isOwn(event.error) ? of(problemLine(event.error)) : EMPTY
  if (level === 'quiet') return EMPTY
  return level === 'events' || event.type === 'closed' ? of(eventLine(event)) : withPackets(event)
}

type Told = Exclude<ServeEvent, { type: 'failed' }>

/** CONNECT went by before the event, the CONNACK of a refusal too. */
function withPackets(event: Exclude<Told, { type: 'closed' }>): Observable<Line> {
  const { connect: asked } = event
  const came$ = asked === undefined ? EMPTY : of(packetLine('-->', asked.clientId, asked))
  if (event.type === 'refused') return concat(came$, refusalLines(event), of(eventLine(event)))
  return concat(came$, of(eventLine(event)), packetLines(event.connection, event.connect.clientId))
}

function refusalLines({ connect: asked, error }: Extract<Told, { type: 'refused' }>): Observable<Line> {
  const { cause } = error as MqttError
  if (!(cause instanceof Object && 'cmd' in cause && cause.cmd === 'connack')) return EMPTY
  const connack = { length: 0, sessionPresent: false, ...cause } as Packet
  return of(packetLine('<--', asked?.clientId ?? '', connack))
}

function packetLines(connection: Connection, clientId: string): Observable<Line> {
  return merge(
    connection.received$.pipe(map((packet) => packetLine('-->', clientId, packet))),
    connection.sent$.pipe(map((packet) => packetLine('<--', clientId, packet))),
  )
}

function packetLine(arrow: '-->' | '<--', clientId: string, packet: Packet): Line {
  const name = oneLine(clientId)
  const short = name.length > nameLength ? `${name.slice(0, nameLength - 1)}~` : name
  return { text: `${time()} ${arrow} ${short.padEnd(nameLength)} ${describe(packet)}`, isError: false }
}

function eventLine(event: Told): Line {
  const { connect: asked, error } = { error: undefined, ...event }
  const name = asked === undefined ? '' : `${quoted(asked.clientId)} `
  switch (event.type) {
    case 'opened': {
      const { info } = event.connection.transport
      const session = event.connack.sessionPresent === true ? ', session present' : ''
      return line(
        'connected',
        `${name}${versionName(event.connect.protocolVersion)} by ${info.kind}${from(info)}${session}`,
      )
    }
    case 'refused': {
      const { info } = event.transport
      return line('refused', `${name}by ${info.kind}${from(info)}: ${messageOf(error)}`)
    }
    case 'closed': {
      const goodbye = event.disconnect === undefined ? 'its connection ended' : 'it said goodbye'
      return line('disconnected', `${name.trimEnd()}: ${error === undefined ? goodbye : messageOf(error)}`)
    }
  }
}

function from({
  remoteAddress,
  remotePort,
}: {
  remoteAddress?: string | undefined
  remotePort?: number | undefined
}): string {
  return remoteAddress === undefined ? '' : ` from ${remoteAddress} port ${remotePort}`
}

/** What each client lost in a second. */
function droppedLines(dropped$: Observable<Dropped>): Observable<Line> {
  return dropped$.pipe(
    groupBy(({ clientId }) => clientId, { duration: () => timer(droppedTime) }),
    mergeMap((lost$) =>
      lost$.pipe(
        map((last) => ({ last, count: 1 })),
        reduce(({ count }, { last }) => ({ last, count: count + 1 })),
        map(({ last, count }) => {
          const what = count === 1 ? 'a message of' : `${count} messages, the last of`
          return line('dropped', `${quoted(lost$.key)} ${what} ${quoted(last.message.topic)}: ${messageOf(last.error)}`)
        }),
      ),
    ),
  )
}

function line(what: string, text: string): Line {
  return { text: `${time()} ${what.padEnd(12)} ${text}`, isError: false }
}

/** In UTC. */
function time(): string {
  return new Date(asyncScheduler.now()).toISOString().slice(11, 23)
}

function isOwn(error: unknown): boolean {
  return !(error instanceof MqttError) || own.includes(error.code)
}

function messageOf(error: unknown): string {
  return oneLine(error instanceof Error ? error.message : String(error))
}
