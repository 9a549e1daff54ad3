import { Connection } from '@rxmqtt/core'
import { finalize, switchMap } from 'rxjs'
import { flatten, until } from '../helpers.js'
import { messagePort, tcp, tls, websocket, ws } from '../links.js'
import { closeLater, expectAllClosed, listening } from './support.js'

expectAllClosed()

describe.each([tcp, tls, ws, websocket, messagePort])('a dial over $kind', (link) => {
  test('errors with what was wrong with a packet from the server', async () => {
    const { address, stop } = await listening(link, (transport) => {
      const connection = new Connection(transport)
      connection.connect$.subscribe(() => transport.sink.next(Uint8Array.of(0x20, 3, 0, 0, 0, 0x36, 0)))
      connection.closed$.subscribe({ error: () => undefined })
    })
    closeLater(stop)
    const ends: unknown[] = []
    const subscription = link
      .dial(address)
      .pipe(
        switchMap((transport) => {
          const connection = new Connection(transport, { role: 'client' })
          connection.connect({ protocolVersion: 5, clientId: 'me' })
          return connection.packets$
        }),
      )
      .subscribe({ error: (error: unknown) => ends.push(flatten(error)), complete: () => ends.push('complete') })
    closeLater(() => subscription.unsubscribe())
    await until(() => ends.length > 0, 'the end')
    expect(ends).toMatchObject([{ code: 'malformed-packet' }])
  })

  test('lets a finalizer of its unsubscription say goodbye', async () => {
    const heard: string[] = []
    const { address, stop } = await listening(link, (transport) => {
      const connection = new Connection(transport)
      connection.packets$.subscribe(({ cmd }) => heard.push(cmd))
      connection.closed$.subscribe({ error: () => undefined })
    })
    closeLater(stop)
    const subscription = link
      .dial(address)
      .pipe(
        switchMap((transport) => {
          const connection = new Connection(transport)
          connection.connect({ clientId: 'me' })
          return connection.packets$.pipe(finalize(() => connection.disconnect()))
        }),
      )
      .subscribe()
    await until(() => heard.length === 1, 'CONNECT')
    subscription.unsubscribe()
    await until(() => heard.length === 2, 'DISCONNECT')
    expect(heard).toEqual(['connect', 'disconnect'])
  })
})
