import { Observable, type Observer } from 'rxjs'
import type { MqttError } from '../errors.js'
import { ObserverList } from './observer-list.js'

/**
 * Closing: the goodbye is on its way. Told: the transport is over and `closed$` has told, but packets that nobody has
 * read yet are still there for who subscribes.
 */
export type State = 'open' | 'closing' | 'told' | 'over'

/** How a connection ended: told once, to everybody, and again to who asks later. */
export class Ending {
  #closed$: Observable<never> | undefined
  #watchers: ObserverList<never> | undefined
  #told: { readonly error: MqttError | undefined } | undefined

  get closed$(): Observable<never> {
    this.#closed$ ??= new Observable((subscriber) => {
      if (this.#told !== undefined) settle(subscriber, this.#told.error)
      else (this.#watchers ??= new ObserverList()).add(subscriber)
    })
    return this.#closed$
  }

  tell(error: MqttError | undefined): void {
    this.#told = { error }
    if (this.#watchers !== undefined) settle(this.#watchers, error)
  }
}

function settle(observer: Pick<Observer<never>, 'error' | 'complete'>, error: MqttError | undefined): void {
  if (error === undefined) observer.complete()
  else observer.error(error)
}
