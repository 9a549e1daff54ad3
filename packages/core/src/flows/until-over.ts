import { concat, merge, type MonoTypeOperatorFunction, throwError } from 'rxjs'
import type { Connection } from '../connection/connection.js'
import { MqttError } from '../errors.js'

/**
 * Ends a flow with its connection: errors as `closed$` does, and with `'transport'` where the connection ended cleanly
 * before the flow did.
 */
export function untilOver<T>(connection: Connection, flow: string): MonoTypeOperatorFunction<T> {
  const early$ = throwError(() => new MqttError('transport', `the connection ended before ${flow}`))
  return (source) => merge(concat(connection.closed$, early$), source)
}
