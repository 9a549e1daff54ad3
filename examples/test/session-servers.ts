import { MqttError, type ServeEvent, type Transport } from '@rxmqtt/core'
import { memoryPair } from '@rxmqtt/transports/memory'
import { defer, finalize, merge, type Observable, of, Subject, type Subscription, tap, throwError } from 'rxjs'
import { createSessionServer, type SessionServer } from '../src/session-server.js'

/** A server with sessions whose peers dial in memory, and which can go down and come back with its sessions. */
export interface MemoryServer {
  readonly server: SessionServer
  readonly dial$: Observable<Transport>
  readonly events: ServeEvent[]
  /** Cuts all connections, as they are. */
  cut(): void
  /** Down: nobody can dial. */
  down(): void
  up(): void
  stop(): void
}

export function serveSessionsInMemory(): MemoryServer {
  const server = createSessionServer()
  const transports = new Subject<Transport>()
  const events: ServeEvent[] = []
  const open = new Set<Transport>()
  const serving: Subscription = transports.pipe(server.serve()).subscribe((event) => events.push(event))
  let isUp = true
  const cut = (): void => {
    for (const transport of open) transport.sink.error(undefined)
    open.clear()
  }
  return {
    server,
    events,
    cut,
    dial$: defer(() => {
      if (!isUp) return throwError(() => new MqttError('transport', 'nobody there'))
      const [near, far] = memoryPair()
      open.add(far)
      return merge(of(near).pipe(tap(() => transports.next(far))), near.closed$).pipe(
        finalize(() => near.sink.complete()),
      )
    }),
    down: () => {
      isUp = false
      cut()
    },
    up: () => {
      isUp = true
    },
    stop: () => {
      serving.unsubscribe()
      // Nobody is there to hear a goodbye: it would last until its time-out.
      cut()
    },
  }
}
