import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { Connection, type ConnackPacket, handshake, type MqttError, Session } from '@rxmqtt/core'
import { connectTcp } from '@rxmqtt/transports/tcp'
import {
  firstValueFrom,
  lastValueFrom,
  map,
  merge,
  NEVER,
  type Observable,
  ReplaySubject,
  Subject,
  switchMap,
  take,
  tap,
} from 'rxjs'
import { ownBroker } from './own-broker.js'

const host = '127.0.0.1'

/** Connects with a password, and does something with a session. */
function client<T>(
  port: number,
  clientId: string,
  password: string,
  work: (session: Session) => Observable<T>,
): Observable<T> {
  return connectTcp({ host, port }).pipe(
    map((transport) => new Connection(transport, { role: 'client' })),
    switchMap((connection) => {
      const connect = { clientId, username: clientId, password, protocolVersion: 5 } as const
      return handshake(connection, connect).pipe(
        switchMap((connack: ConnackPacket) => {
          const session = new Session()
          return merge(session.attach(connection, { connect, connack }), work(session))
        }),
      )
    }),
    take(1),
  )
}

describe('ownBroker', () => {
  it('ends with the reason where it can not listen', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()
    const taken = createServer().listen(0, host)
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const failed = lastValueFrom(ownBroker({ host, port }, 'sesame', NEVER))
    await expect(failed).rejects.toMatchObject({ code: 'transport', cause: { code: 'EADDRINUSE' } })
    taken.close()
    await once(taken, 'close')
    // Its figures would be published for ever.
    expect(timers()).toBeLessThanOrEqual(before)
  })

  it('lets in who knows the password, and publish below its own name', async () => {
    const stop = new Subject<void>()
    const port = new ReplaySubject<number>(1)
    const events: string[] = []
    const listening = { next: (address: AddressInfo | string) => port.next((address as AddressInfo).port) }
    const over = ownBroker({ host, port: 0, listening }, 'sesame', stop)
      .pipe(tap(({ type, connect }) => events.push(`${type} ${connect?.clientId}`)))
      .forEach(() => undefined)
    const bound = await firstValueFrom(port)
    const publish = (topic: string) => (session: Session) => session.publish({ topic, qos: 1 })

    await firstValueFrom(client(bound, 'a', 'sesame', publish('from/a/x')))
    const notAllowed = firstValueFrom(client(bound, 'b', 'sesame', publish('from/a/x')))
    await expect(notAllowed).rejects.toMatchObject({ code: 'refused', reasonCode: 0x87 })
    const notIn = firstValueFrom(client(bound, 'c', 'please', publish('from/c/x')))
    await expect(notIn).rejects.toMatchObject({ code: 'refused', reasonCode: 0x86 } satisfies Partial<MqttError>)

    stop.next()
    await over
    expect(events).toContain('opened a')
    expect(events).toContain('refused c')
  })
})
