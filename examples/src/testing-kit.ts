import { type Connection, MqttError, type PublishPacket } from '@rxmqtt/core'
import { concatMap, finalize, ignoreElements, type Observable, take, tap, throwError, timeout } from 'rxjs'

// #region flow
/**
 * Hands each message to `work` and acknowledges it when that emits. Meanwhile nothing more is read. Errors with `'timeout'`
 * where `work` takes longer than `milliseconds`.
 */
export function acknowledgeAfter(
  connection: Connection,
  work: (message: PublishPacket) => Observable<unknown>,
  milliseconds: number,
): Observable<never> {
  return connection.publish$.pipe(
    concatMap((message) => {
      connection.pause()
      const late = (): MqttError =>
        new MqttError('timeout', `${message.topic} took over ${milliseconds} ms`, { reasonCode: 0x80 })
      return work(message).pipe(
        timeout({ first: milliseconds, with: () => throwError(late) }),
        take(1),
        tap(() => {
          if (message.messageId !== undefined) connection.puback({ messageId: message.messageId })
        }),
        finalize(() => connection.resume()),
      )
    }),
    ignoreElements(),
  )
}
// #endregion
