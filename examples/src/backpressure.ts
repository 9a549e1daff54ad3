import {
  type Connection,
  mergeMapPausing,
  onBackpressureBuffer,
  type PublishFields,
  type PublishPacket,
} from '@rxmqtt/core'
import { concatMap, defer, filter, finalize, ignoreElements, map, type Observable, take, tap } from 'rxjs'

// #region in
/** Handles one message after the other, however long each takes: while too many wait, the peer's socket is not read. */
export function handleInOrder(
  connection: Connection,
  store: (topic: string, payload: Uint8Array) => Promise<void>,
): Observable<void> {
  return connection.publish$.pipe(
    mergeMapPausing(connection, ({ topic, payload }) => store(topic, payload), { capacity: 100 }),
  )
}
// #endregion

// #region pause
/** Reads nothing more until the work is done: for work that must be over before the next packet is looked at. */
export function holdWhile<T>(connection: Connection, work$: Observable<T>): Observable<T> {
  return defer(() => {
    connection.pause()
    return work$.pipe(finalize(() => connection.resume()))
  })
}
// #endregion

// #region lossy
/** Live values: a slow peer gets the latest thousand, the oldest are dropped. */
export function publishLatest(connection: Connection, values$: Observable<string>): Observable<never> {
  return values$.pipe(
    onBackpressureBuffer(connection, { capacity: 1000, overflow: 'drop-oldest' }),
    tap((payload) => connection.publish({ topic: 'live', payload })),
    ignoreElements(),
  )
}
// #endregion

// #region lossless
/** Emits once, as soon as the peer takes more. */
export function whenWritable(connection: Connection): Observable<true> {
  return connection.writable$.pipe(
    filter((writable) => writable),
    map((): true => true),
    take(1),
  )
}

/** Publishes everything, in order. What a name stands for is only made when the peer takes more. */
export function publishAll(
  connection: Connection,
  names$: Observable<string>,
  load: (name: string) => Promise<PublishFields>,
): Observable<string> {
  return names$.pipe(
    concatMap((name) =>
      whenWritable(connection).pipe(
        concatMap(() => load(name)),
        map((fields) => {
          connection.publish(fields)
          return name
        }),
      ),
    ),
  )
}
// #endregion

// #region bridge
/** From one connection to another: when the far end is slow, the near end's socket is not read. */
export function forward(from: Connection, to: Connection): Observable<never> {
  const send = ({ topic, payload }: PublishPacket): Observable<unknown> =>
    whenWritable(to).pipe(tap(() => to.publish({ topic, payload })))
  return from.publish$.pipe(mergeMapPausing(from, send, { capacity: 100 }), ignoreElements())
}
// #endregion
