// #region live
import { backoff, Connection, handshake, keepAlive, keepAliveOf, MqttError, Session } from '@rxmqtt/core'
import { connectWebSocket } from '@rxmqtt/transports/websocket'
import { animationFrameScheduler, auditTime, concat, fromEvent, map, merge, type Observable, of } from 'rxjs'
import { retry, scan, Subject, switchMap, tap, throttleTime, throwError } from 'rxjs'

const url = new URLSearchParams(location.search).get('server') ?? 'ws://127.0.0.1:8083/mqtt'
const session = new Session()
const { properties } = session
const connect = { clientId: `page-${Math.random()}`, protocolVersion: 5, keepalive: 30, properties } as const

/** Talks over one connection until its end, and says when the values come. */
function converse(connection: Connection): Observable<string> {
  return handshake(connection, connect).pipe(
    switchMap((connack) => {
      const accepted = { connect, connack }
      return merge(
        session.subscribe({ subscriptions: [{ topic: 'live/#', qos: 1 }] }).pipe(map(() => 'connected')),
        session.attach(connection, accepted),
        keepAlive(connection, keepAliveOf(accepted)),
      )
    }),
  )
}

const failed$ = new Subject<string>()
const delay = backoff({ maximum: 10_000 })

const state$ = connectWebSocket(url).pipe(
  switchMap((transport) =>
    concat(
      converse(new Connection(transport, { role: 'client' })),
      throwError(() => new MqttError('transport', 'the server ended the connection')),
    ),
  ),
  retry({
    delay: (error: MqttError, attempt) => {
      failed$.next(`offline: ${error.message}`)
      return delay(error, attempt)
    },
    resetOnSuccess: true,
  }),
)

/** The last value of each topic, at most once a frame however many come. */
const values$ = session.messages$.pipe(
  scan(
    (values, { packet }) => values.set(packet.topic, new TextDecoder().decode(packet.payload)),
    new Map<string, string>(),
  ),
  auditTime(0, animationFrameScheduler),
)

// While the page is offline only the newest value waits.
const slider = find<HTMLInputElement>('slider')
const publishing$ = fromEvent(slider, 'input').pipe(
  throttleTime(50, undefined, { leading: true, trailing: true }),
  switchMap(() => session.publish({ topic: 'live/slider', payload: slider.value, qos: 1 })),
)
// #endregion

// #region show
merge(
  merge(of('connecting'), failed$, state$).pipe(tap((state) => (find('state').textContent = state))),
  values$.pipe(tap((values) => find('values').replaceChildren(...[...values].map(row)))),
  publishing$,
).subscribe({ error: (error: Error) => (find('state').textContent = error.message) })

function row(cells: readonly string[]): HTMLElement {
  const line = document.createElement('tr')
  line.append(...cells.map((text) => Object.assign(document.createElement('td'), { textContent: text })))
  return line
}

function find<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T
}
// #endregion
