import { computed, inject, Injectable, signal } from '@angular/core'
import { DOCUMENT } from '@angular/common'
import { toSignal } from '@angular/core/rxjs-interop'
import { type Message, type PublishResult, Session, topicMatcher } from '@rxmqtt/core'
import { connectWebSocket } from '@rxmqtt/transports/websocket'
import {
  BehaviorSubject,
  concat,
  concatMap,
  defer,
  distinctUntilChanged,
  EMPTY,
  filter,
  fromEvent,
  interval,
  map,
  merge,
  NEVER,
  type Observable,
  of,
  pairwise,
  scan,
  share,
  startWith,
  Subject,
  switchMap,
  tap,
  timeout,
} from 'rxjs'
import { Board, type BoardView, maximumSensors } from './live/board.js'
import { logLines, packetsOf, type Seen } from './live/packet-log.js'
import { readingOf } from './live/reading.js'
import { sampleLatest } from './live/sample-latest.js'
import { connectFields, defaultSettings, isLocal, type Settings } from './live/settings.js'
import { type ConnectionState, stayConnected } from './live/stay-connected.js'

const nothing: BoardView = { sensors: [], isFull: false, at: 0 }
const connectTimeout = 5_000
const answerTimeout = 10_000

/** The one connection of this page, and what comes of it, as signals. Nothing is dialled before `connect`. */
@Injectable({ providedIn: 'root' })
export class Live {
  readonly #window = inject(DOCUMENT).defaultView!
  readonly #wishes = new Subject<Settings | undefined>()
  readonly #stop = new Subject<void>()
  readonly #retryNow = new Subject<void>()
  readonly #filter = new BehaviorSubject('sensors/+/temperature')
  readonly #seen = new Subject<Seen>()
  #session: Session | undefined
  #total = 0

  readonly settings = signal(defaultSettings(this.#window.location))
  readonly filter = toSignal(this.#filter, { requireSync: true })
  /** Why the server does not give what the filter asks for. */
  readonly filterProblem = signal('')
  readonly isLogPaused = signal(false)
  readonly isLogBrief = signal(false)

  readonly #sessions$ = this.#wishes.pipe(
    map((settings) => settings && { settings, session: new Session({ maxQueued: 100, overflow: 'drop-oldest' }) }),
    tap((wish) => (this.#session = wish?.session)),
    share(),
  )

  // #region sampling
  /** Whatever comes in between, the page is told ten times a second, or once where it must not move. */
  readonly #samples$ = this.#sessions$.pipe(
    switchMap((wish) => wish?.session.messages$ ?? NEVER),
    map(({ packet }) => packet),
    sampleLatest(({ topic }) => topic, { period: this.#wantsStillness() ? 1_000 : 100, maximum: maximumSensors * 2 }),
    tap(({ count }) => (this.#total += count)),
  )

  readonly board = toSignal(
    merge(
      this.#filter.pipe(
        map((text) => {
          const matches = topicMatcher(text)
          return (board: Board) => board.show(matches)
        }),
      ),
      this.#samples$.pipe(
        map(({ latest }) => {
          const readings = [...latest.values()].map(readingOf)
          return (board: Board) => board.take(readings, Date.now())
        }),
      ),
    ).pipe(
      scan((board, change) => {
        change(board)
        return board
      }, new Board()),
      map((board) => board.view()),
    ),
    { initialValue: nothing },
  )
  // #endregion

  /** Messages since the page was opened, and in the last second. */
  readonly traffic = toSignal(
    interval(1_000).pipe(
      map(() => this.#total),
      startWith(0),
      pairwise(),
      map(([before, total]) => ({ total, perSecond: total - before })),
      distinctUntilChanged((one, other) => one.total === other.total && one.perSecond === other.perSecond),
    ),
    { initialValue: { total: 0, perSecond: 0 } },
  )

  readonly log = toSignal(
    this.#seen.pipe(
      filter(() => !this.isLogPaused()),
      filter(({ packet }) => !this.isLogBrief() || packet.cmd !== 'publish'),
      logLines(),
    ),
    { initialValue: [] },
  )

  // The last one: who takes the messages must be there before there are any.
  readonly state = toSignal(
    this.#sessions$.pipe(
      switchMap((wish) =>
        wish === undefined
          ? of<ConnectionState>({ type: 'stopped' })
          : stayConnected(wish.session, {
              dial$: connectWebSocket({ url: wish.settings.url, connectTimeout }),
              connect: connectFields(wish.settings, wish.session.properties),
              work$: this.#subscribing(wish.session),
              tap: (connection) => packetsOf(connection).pipe(tap((seen) => this.#seen.next(seen))),
              isOnline: () => this.#window.navigator.onLine,
              online$: fromEvent(this.#window, 'online'),
              // A server on this machine is there without a network.
              offline$: isLocal(wish.settings.url) ? NEVER : fromEvent(this.#window, 'offline'),
              retryNow$: this.#retryNow,
              stop$: this.#stop,
            }),
      ),
    ),
    { initialValue: { type: 'stopped' } },
  )

  readonly isConnected = computed(() => this.state().type === 'connected')

  connect(settings: Settings = this.settings()): void {
    this.disconnect()
    this.settings.set(settings)
    this.#wishes.next(settings)
  }

  disconnect(): void {
    this.#stop.next()
    this.#wishes.next(undefined)
  }

  retryNow(): void {
    this.#retryNow.next()
  }

  /** @throws MqttError for a filter that the standard forbids; it stays as it was */
  show(text: string): void {
    topicMatcher(text)
    this.filterProblem.set('')
    this.#filter.next(text)
  }

  /** Errors where the message can't be sent, or is not answered in time. */
  publish(message: Message): Observable<PublishResult> {
    return defer(() => {
      if (this.#session === undefined || !this.isConnected()) throw new Error('There is no connection.')
      return this.#session.publish(message).pipe(timeout(answerTimeout))
    })
  }

  /** Subscribes to the filter as it is, and as it changes. */
  #subscribing(session: Session): Observable<unknown> {
    const unsubscribe = (topic: string | undefined): Observable<unknown> =>
      topic === undefined ? EMPTY : session.unsubscribe({ unsubscriptions: [topic] })
    return this.#filter.pipe(
      distinctUntilChanged(),
      startWith(undefined),
      pairwise(),
      concatMap(([before, topic]) =>
        concat(
          session.subscribe({ subscriptions: [{ topic: topic!, qos: 0 }] }).pipe(
            tap(({ refused: [refusal] }) => {
              if (refusal) this.filterProblem.set(`The server does not allow this filter: ${refusal.error.message}`)
            }),
          ),
          unsubscribe(before),
        ),
      ),
    )
  }

  #wantsStillness(): boolean {
    return this.#window.matchMedia('(prefers-reduced-motion: reduce)').matches
  }
}
