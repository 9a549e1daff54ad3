import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Authorize, Message } from '@rxmqtt/core'
import { type Broker, openBroker } from '@rxmqtt/example-broker'
import { listenWs } from '@rxmqtt/transports/ws'
import {
  catchError,
  concat,
  defer,
  exhaustMap,
  filter,
  forkJoin,
  ignoreElements,
  merge,
  NEVER,
  Observable,
  of,
  switchMap,
  takeUntil,
  tap,
  throwError,
} from 'rxjs'
import { serveFiles } from './files.js'
import { burst, fleet } from './fleet.js'

export interface DashboardOptions {
  /** With the built page. */
  readonly folder: string
  /** 0: a free one. @default 8080 */
  readonly port?: number | undefined
  /** What sensors say. @default a fleet of twelve */
  readonly sensors$?: Observable<Message> | undefined
  /** Ends it. @default never */
  readonly stop$?: Observable<unknown> | undefined
}

export interface Address {
  readonly url: string
}

const host = '127.0.0.1'
const path = '/mqtt'
/** Messages that one burst may have. */
const maximumBurst = 100_000
const badUserNameOrPassword = 0x86
const clientIdentifierNotValid = 0x85

/**
 * The page, a broker for it and a fleet of sensors, on one port of this machine. Emits where it is; completes when it was
 * stopped and everything is closed. Who publishes a number to `fleet/burst` gets as many messages below `burst/#` at once.
 */
export function dashboard(options: DashboardOptions): Observable<Address> {
  const { folder, port = 8080, sensors$ = fleet(), stop$ = NEVER } = options
  return defer(() => forkJoin([serveFiles(folder), openBroker({ authorization: { connect: authorize } })])).pipe(
    switchMap(([files, broker]) => {
      const closed$ = defer(() => broker.close()).pipe(ignoreElements())
      const served$ = serving(files, broker, port, sensors$).pipe(takeUntil(stop$))
      return concat(served$, closed$).pipe(
        catchError((error: unknown) =>
          concat(
            closed$,
            throwError(() => error),
          ),
        ),
      )
    }),
  )
}

function serving(
  files: RequestListener,
  broker: Broker,
  port: number,
  sensors$: Observable<Message>,
): Observable<Address> {
  return defer(() => {
    const server = createServer(files)
    const bursts$ = broker.messages$.pipe(
      filter(({ topic }) => topic === 'fleet/burst'),
      exhaustMap(({ payload = '' }) => burst(sizeOf(payload))),
    )
    return merge(
      listenWs({ server, path, verifyOrigin: (origin, { headers }) => isFromHere(origin, headers.host) }).pipe(
        broker.serve(),
        ignoreElements(),
      ),
      merge(sensors$, bursts$).pipe(
        tap((message) => broker.publish(message)),
        ignoreElements(),
      ),
      new Observable<Address>((subscriber) => {
        const told = (): void => subscriber.next({ url: `http://${host}:${(server.address() as AddressInfo).port}/` })
        server.once('error', (error) => subscriber.error(error)).listen(port, host, told)
        return () => {
          server.close()
          server.closeAllConnections()
        }
      }),
    )
  })
}

/** Anybody; whoever gives a name must know the password; and two client ids to see what happens. */
const authorize: Authorize = ({ clientId, username, password }) => {
  if (clientId === 'silent') return NEVER
  if (clientId === 'refused') return of({ reasonCode: clientIdentifierNotValid })
  if (username === undefined && password === undefined) return of({})
  const isRight = username === 'operator' && new TextDecoder().decode(password) === 'operator'
  return of(isRight ? {} : { reasonCode: badUserNameOrPassword })
}

/** Pages of others have no business here; programs have no origin. */
function isFromHere(origin: string | undefined, host: string | undefined): boolean {
  return origin === undefined || new URL(origin).host === host
}

function sizeOf(payload: Uint8Array | string): number {
  const count = Math.floor(Number(typeof payload === 'string' ? payload : new TextDecoder().decode(payload)))
  return count > 0 ? Math.min(count, maximumBurst) : 0
}
