import {
  catchError,
  defer,
  EMPTY,
  finalize,
  from,
  ignoreElements,
  type Observable,
  share,
  tap,
  throwError,
  timeout,
} from 'rxjs'
import { shown } from '../codec/violation.js'
import { MqttError } from '../errors.js'
import type { SessionState, SessionStore } from './session-store.js'
import { storeError, storeLate, storeTimeout } from './store-failure.js'

/** Reads what a store knows of a session, once, for all who ask for it. */
export class Loader {
  readonly #store: SessionStore | undefined
  readonly #onLoaded: (id: string, state: SessionState) => void
  /** The client identifier, once its state is asked for. */
  #id: string | undefined
  #isLoaded = false
  #loading$: Observable<never> | undefined
  #reading: Promise<unknown> | undefined

  /** @param onLoaded - takes the state over, before anybody hears that it is there */
  constructor(store: SessionStore | undefined, onLoaded: (id: string, state: SessionState) => void) {
    this.#store = store
    this.#onLoaded = onLoaded
  }

  /** There is nothing to read, or no more. */
  get isDone(): boolean {
    return this.#store === undefined || this.#isLoaded
  }

  /** Completes when what is being read is there; at once where nothing is. */
  get loading$(): Observable<never> {
    return defer(() => this.#loading$ ?? EMPTY)
  }

  /** @throws MqttError `'invalid-option'` where the session has another client identifier */
  check(id: string): void {
    if (this.#store === undefined || this.#id === undefined || this.#id === id) return
    const text = `a session with a store has one client identifier, ${shown(this.#id)}, not ${shown(id)}`
    throw new MqttError('invalid-option', text)
  }

  /** Completes when the state is there, at once where there is no store. Read again are only states that nobody waited for. */
  load(id: string): Observable<never> {
    return defer(() => {
      this.check(id)
      if (this.#store === undefined || this.#isLoaded) return EMPTY
      this.#loading$ ??= this.#read(this.#store, (this.#id = id))
      return this.#loading$.pipe(timeout({ first: storeTimeout, with: () => throwError(storeLate) }))
    })
  }

  #read(store: SessionStore, id: string): Observable<never> {
    const forget = (): void => {
      if (this.#loading$ !== loading$) return
      this.#loading$ = undefined
      if (!this.#isLoaded) this.#id = undefined
    }
    const loading$: Observable<never> = defer(() => from(this.#call(store, id))).pipe(
      tap((state) => {
        this.#isLoaded = true
        this.#onLoaded(id, state)
      }),
      ignoreElements(),
      catchError((error: unknown) => {
        // Who hears of it may ask again.
        forget()
        return throwError(() => storeError(error))
      }),
      finalize(forget),
      share(),
    )
    return loading$
  }

  /** One call of the store comes after the other, also where nobody waits for the one before. */
  #call(store: SessionStore, id: string): Promise<SessionState> {
    const state = (this.#reading ?? Promise.resolve()).then(() => store.load(id))
    this.#reading = state.catch(() => undefined)
    return state
  }
}
