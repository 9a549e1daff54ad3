import { defer, type Observable, type ObservableInput, take, throwIfEmpty, using } from 'rxjs'
import { MqttError } from '../errors.js'
import type { Pausable } from '../operators/merge-map-pausing.js'

/**
 * The first value of what somebody's function answers, now or later. Errors with what it throws or errors with, and
 * with `'invalid-option'` where it ends without an answer.
 */
export function ask<T>(name: string, question: () => ObservableInput<T>): Observable<T> {
  return defer(question).pipe(
    take(1),
    throwIfEmpty(() => new MqttError('invalid-option', `${name} must answer, it gave nothing`)),
  )
}

/** The same, with the peer held back until the answer was taken. */
export function askPaused<T>(connection: Pausable, name: string, question: () => ObservableInput<T>): Observable<T> {
  return using(
    () => {
      connection.pause()
      return { unsubscribe: () => connection.resume() }
    },
    () => ask(name, question),
  )
}
