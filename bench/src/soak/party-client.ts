import type { Socket } from 'node:net'
import { backoff, Connection, handshake, keepAlive, type ProtocolVersion } from '@rxmqtt/core'
import { connectTcp } from '@rxmqtt/transports/tcp'
import { merge, type Observable, repeat, retry, Subscription, switchMap } from 'rxjs'
import type { Findings } from './findings.js'
import { HOST } from './hub.js'
import { Party } from './party.js'
import type { Random } from './random.js'

/** Seconds. */
const KEEP_ALIVE = 1

/** A reserved type, QoS 3, a length of five bytes, a second CONNECT, a client's SUBACK, an acknowledgement of nothing. */
const wrong = ['0000', '360400016178', '30ffffffff01', '10020000', '9003000100', '4002ffff', '7002ffff'].map(hex)
/** The beginning of a packet that never comes to its end: only the keep-alive can tell. */
const unfinished = [hex('30ffff7f000161')]

function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'))
}

/** What may go wrong with a connection, as its client. */
export const faults: Readonly<Record<string, (client: PartyClient, random: Random) => void>> = {
  cuts: ({ connection }) => connection?.destroy(),
  resets: ({ connection }) => (connection?.transport.info.socket as Socket | undefined)?.resetAndDestroy(),
  'bad packets': ({ connection }, random) => connection?.transport.sink.next(random.of(wrong).slice()),
  'unfinished packets': ({ connection }, random) => connection?.transport.sink.next(random.of(unfinished).slice()),
  'slow reads': (client, random) => client.holdBack(random.below(200)),
  takeovers: (client) => client.takeOver(),
}

/** A client that comes back whatever happens to its connection. */
export class PartyClient {
  readonly party: Party
  connection: Connection | undefined
  readonly #port: number
  readonly #version: ProtocolVersion
  readonly #subscriptions = new Subscription()

  constructor(port: number, clientId: string, version: ProtocolVersion, random: Random, findings: Findings) {
    this.#port = port
    this.#version = version
    this.party = new Party(clientId, random, findings)
    const delay = backoff({ initial: 10, maximum: 200, random })
    this.#subscriptions.add(
      this.#dial()
        .pipe(repeat({ delay: 10 }), retry({ delay }))
        .subscribe(),
    )
  }

  /** Reads nothing for some milliseconds. */
  holdBack(milliseconds: number): void {
    const { connection } = this
    connection?.pause()
    setTimeout(() => connection?.resume(), milliseconds)
  }

  /** Dials beside the connection that is there, as somebody who has forgotten it. */
  takeOver(): void {
    this.#subscriptions.add(this.#dial().subscribe({ error: () => undefined }))
  }

  stop(): void {
    this.#subscriptions.unsubscribe()
  }

  #dial(): Observable<never> {
    const connect = {
      clientId: this.party.name,
      clean: false,
      keepalive: KEEP_ALIVE,
      protocolVersion: this.#version,
      ...(this.#version === 5 ? { properties: { sessionExpiryInterval: 3_600 } } : {}),
    }
    return connectTcp({ host: HOST, port: this.#port }).pipe(
      switchMap((transport) => {
        const connection = new Connection(transport, { role: 'client' })
        return handshake(connection, connect).pipe(
          switchMap((connack) => {
            this.connection = connection
            return merge(this.party.session.attach(connection, { connect, connack }), keepAlive(connection, KEEP_ALIVE))
          }),
        )
      }),
    )
  }
}
