import type { AddressInfo } from 'node:net'
import { type Connection, serve } from '@rxmqtt/core'
import { listenTcp } from '@rxmqtt/transports/tcp'
import { of, type Subscription } from 'rxjs'
import type { Findings } from './findings.js'
import { HOST } from './hub.js'
import { Party } from './party.js'
import type { Random } from './random.js'

/** A server that keeps a party for each client, across its connections. */
export class PartyServer {
  readonly parties = new Map<string, Party>()
  readonly connections = new Set<Connection>()
  /** Connections so far. */
  opened = 0
  readonly #random: Random
  readonly #findings: Findings
  #listening: Subscription | undefined

  constructor(random: Random, findings: Findings) {
    this.#random = random
    this.#findings = findings
  }

  /** The port. */
  start(): Promise<number> {
    return new Promise((resolve, reject) => {
      const listening = { next: (at: AddressInfo | string) => resolve((at as AddressInfo).port) }
      this.#listening = listenTcp({ host: HOST, listening })
        .pipe(
          serve((connection, accepted) => this.#party(accepted.connect.clientId).session.attach(connection, accepted), {
            authorize: ({ clientId, clean }) => of({ sessionPresent: !clean && this.parties.has(clientId) }),
          }),
        )
        .subscribe({
          next: (event) => {
            if (event.type === 'opened') {
              this.opened += 1
              this.connections.add(event.connection)
            } else if (event.type === 'closed') {
              this.connections.delete(event.connection)
            }
          },
          error: reject,
        })
    })
  }

  stop(): void {
    this.#listening?.unsubscribe()
  }

  #party(clientId: string): Party {
    let party = this.parties.get(clientId)
    if (party === undefined) {
      party = new Party(`server of ${clientId}`, this.#random, this.#findings)
      this.parties.set(clientId, party)
    }
    return party
  }
}
