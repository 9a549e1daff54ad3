import { filter, type Observable, ReplaySubject, type Subscription, switchMap, take, timer } from 'rxjs'
import { Connection } from '../connection/connection.js'
import type { ConnectionOptions, Role } from '../connection/options.js'
import type { ConnackFields, ConnectFields, PacketInput } from '../packet/fields.js'
import type { ProtocolVersion } from '../packet/packet.js'
import type { SessionOptions } from '../session/options.js'
import { Session } from '../session/session.js'
import type { FakeTransport } from '../testing/fake-transport.js'
import { type MarbleHelpers, marbles } from '../testing/marbles.js'
import { AnyEnd } from '../testing/sent-packets.js'

/** How a session is joined to a connection. */
export interface JoinOptions {
  /** The end that the session is. @default 'client' */
  readonly role?: Role
  /** @default 5 */
  readonly version?: ProtocolVersion
  /** Whether the session goes on. @default false */
  readonly resumed?: boolean
  /** The frame at which it is joined. @default 0, at once */
  readonly at?: number
  readonly session?: Session
  readonly connect?: Partial<ConnectFields>
  readonly connack?: Partial<ConnackFields>
  readonly connection?: ConnectionOptions
}

/** A connection of a session, whose peer is the test. */
export interface Link {
  readonly transport: FakeTransport
  readonly connection: Connection
  /** How `attach` ended; replayed. */
  readonly end$: Observable<never>
  /** Ends `attach`, and leaves the connection open. */
  detach(): void
}

export interface SessionLink extends Link {
  /** What left, but for CONNECT and CONNACK; `|` is the end of our side, `#` the transport destroyed. */
  expectSent(marbles: string, packets?: Readonly<Record<string, PacketInput>>): void
}

export interface SessionScene extends MarbleHelpers {
  readonly session: Session
  /** A connection whose peer sends, at frames of the whole test, what the diagram says. */
  join(inbound?: string, values?: Readonly<Record<string, PacketInput>>, options?: JoinOptions): SessionLink
}

/** Runs a session in virtual time. */
export function scene(options: SessionOptions, test: (scene: SessionScene) => void): void {
  marbles((helpers) => {
    const session = new Session(options)
    const join: SessionScene['join'] = (inbound = '', values = {}, given = {}) => {
      const { at = 0, version = 5 } = given
      const transport = helpers.transport(inbound, values, { protocolVersion: version })
      const link = joined(given.session ?? session, transport, given, at)
      const sent$ = transport.sentPackets$.pipe(filter(({ cmd }) => cmd !== 'connect' && cmd !== 'connack'))
      return {
        ...link,
        expectSent: (diagram, packets = {}) => {
          helpers.expectObservable(sent$).toBe(diagram, packets, new AnyEnd())
        },
      }
    }
    test({ ...helpers, session, join })
  })
}

/** Attaches a session to a transport, as `handshake` and `accept` do. */
export function joined(session: Session, transport: FakeTransport, given: JoinOptions, at = 0): Link {
  const { role = 'client', version = 5, resumed = false } = given
  const connection = new Connection(transport, { role, protocolVersion: version, ...given.connection })
  const connect: ConnectFields = { clientId: 'me', clean: !resumed, protocolVersion: version, ...given.connect }
  const connack: ConnackFields = { ...(version > 3 && { sessionPresent: resumed }), ...given.connack }
  const end$ = new ReplaySubject<never>(1)
  let attached: Subscription | undefined
  const begin = (): void => {
    if (role === 'client') {
      attached = connection.connack$
        .pipe(
          take(1),
          switchMap((packet) => session.attach(connection, { connect, connack: packet })),
        )
        .subscribe(end$)
      connection.connect(connect)
      transport.receive({ cmd: 'connack', ...connack })
    } else {
      attached = connection.connect$
        .pipe(
          take(1),
          switchMap((packet) => {
            connection.connack(connack)
            return session.attach(connection, { connect: packet, connack })
          }),
        )
        .subscribe(end$)
      transport.receive({ cmd: 'connect', ...connect })
    }
  }
  if (at === 0) begin()
  else timer(at).subscribe(begin)
  return { transport, connection, end$, detach: () => attached?.unsubscribe() }
}
