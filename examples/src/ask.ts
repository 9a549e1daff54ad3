import { request, respond, type Session } from '@rxmqtt/core'
import { map, mergeMap, type Observable, switchMap } from 'rxjs'

// #region ask
/** Asks for the time, over a session that is connected with MQTT 5. */
export function askTime(session: Session): Observable<string> {
  const responseTopic = 'answers/me'
  return session.subscribe({ subscriptions: [{ topic: responseTopic, qos: 1 }] }).pipe(
    switchMap(() => request(session, { topic: 'time', qos: 1 }, { responseTopic, timeout: 5_000 })),
    map(({ payload }) => new TextDecoder().decode(payload)),
  )
}

/** Answers whoever asks. */
export function tellTime(session: Session, now: () => string): Observable<unknown> {
  return session.subscribe({ subscriptions: [{ topic: 'time', qos: 1 }] }).pipe(
    switchMap(() => session.messages$),
    mergeMap(({ packet }) => respond(session, packet, { payload: now(), qos: 1 })),
  )
}
// #endregion
