import type { AddressInfo } from 'node:net'
import { serve, Session } from '@rxmqtt/core'
import { listenTcp } from '@rxmqtt/transports/tcp'
import { merge, of } from 'rxjs'
import { host } from './peer.js'

/** `serve` with a session a client, whose messages somebody takes. */
export function listen(): Promise<number> {
  return new Promise((resolve, reject) => {
    const listening = { next: (address: AddressInfo | string) => resolve((address as AddressInfo).port) }
    listenTcp({ host, listening })
      .pipe(
        serve(
          (connection, accepted) => {
            const session = new Session()
            return merge(session.attach(connection, accepted), session.messages$)
          },
          { authorize: () => of({}) },
        ),
      )
      .subscribe({ error: reject })
  })
}
